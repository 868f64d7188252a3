"""The one error of `tm up` that a reader sees as a sentence instead of a traceback."""


class UpError(Exception):
    """Starting is impossible; the text says why and what to do."""
