"""Parameters as clients really send them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec

from paper.calls import Refusal

_NOTHING: Final = frozenset({b"", b"undefined", b"null"})
_QUERY_FIELDS_MAX: Final = 100
_FORM: Final = "application/x-www-form-urlencoded"
# No float appears: a number with a point is read as the decimal it says.
_DECODER: Final = msgspec.json.Decoder(float_hook=Decimal)


def read_query(query: bytes) -> dict[str, Any]:
    """The fields of a query string, the last one of a name winning. Raises Refusal 400."""
    if not query.strip():
        return {}
    try:
        return dict(parse_qsl(query.decode().strip(), max_num_fields=_QUERY_FIELDS_MAX))
    except ValueError:
        raise Refusal(400, "Malformed query") from None


def read_fields(body: bytes, content_type: str) -> dict[str, Any]:
    """The body of a REST request, JSON or a form. Raises Refusal 400."""
    return read_query(body) if content_type.startswith(_FORM) else read_body(body)


def read_body(body: bytes) -> dict[str, Any]:
    """A JSON object; nothing and `undefined` are an empty one. Raises Refusal 400."""
    body = body.strip()
    if body in _NOTHING:
        return {}
    try:
        value = _DECODER.decode(body)
    except msgspec.DecodeError:
        raise Refusal(400, "Malformed JSON") from None
    if not isinstance(value, dict):
        raise Refusal(400, "An object is expected")
    return value
