"""Why an alert can never become a signal. The codes are public and stable."""

from __future__ import annotations

from enum import StrEnum

from shared.domain.errors import AlertRefused


class ParseCode(StrEnum):
    TOO_LARGE = "parse.too_large"
    ENCODING = "parse.encoding"
    EMPTY = "parse.empty"
    PLACEHOLDER = "parse.placeholder"
    UNREADABLE = "parse.unreadable"
    NOT_OBJECT = "parse.not_object"
    TOO_DEEP = "parse.too_deep"
    TOO_MANY_FIELDS = "parse.too_many_fields"
    DUPLICATE_FIELD = "parse.duplicate_field"
    TEXT = "parse.text"
    NUMBER = "parse.number"
    ACTION = "parse.action"
    QUANTITY = "parse.quantity"
    PRICE = "parse.price"
    SENTIMENT = "parse.sentiment"
    ORDER_TYPE = "parse.order_type"
    CONTRADICTION = "parse.contradiction"


_SHOWN_CHARACTERS_MAX = 80


def shown(value: object) -> str:
    """A value of an alert, short and printable, for a message or a log."""
    text = str(value)
    cut = text[:_SHOWN_CHARACTERS_MAX]
    safe = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in cut)
    return safe if len(text) <= _SHOWN_CHARACTERS_MAX else f"{safe}..."


def refusal(code: ParseCode, message: str, **context: object) -> AlertRefused:
    """The error to raise; texts in `context` are made short and printable."""
    safe = {name: shown(v) if isinstance(v, str) else v for name, v in context.items()}
    return AlertRefused(code, message, **safe)
