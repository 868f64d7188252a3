"""How exact numbers, names and pages travel over the API's wire.

Our own fields carry Decimals as text. Where the original's clients expect a JSON number, the
number is written digit by digit from the Decimal: no float is ever made of it.
"""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Final

import msgspec
from fastapi import Path, Query
from pydantic import AfterValidator, BaseModel, PlainSerializer, WithJsonSchema
from starlette.responses import Response

from shared.domain.errors import InvalidInput

BIGINT_MAX: Final = 2**63 - 1
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_CURSOR_AGE_DAYS_MAX: Final = 365 * 200


def plain(number: Decimal) -> Decimal:
    """The same number without the zeros a column puts behind it, and never as `1E+2`."""
    return Decimal(format(number.normalize(), "f"))


def as_text(number: Decimal) -> str:
    return str(plain(number))


def _without_controls(value: str) -> str:
    if any(unicodedata.category(letter) in {"Cc", "Cs"} for letter in value):
        raise ValueError("control characters are not allowed")
    return value.strip()


# PostgreSQL cannot store NUL, and no name of ours needs the others.
Line = Annotated[str, AfterValidator(_without_controls)]
DecimalText = Annotated[Decimal, PlainSerializer(as_text, return_type=str)]
DecimalNumber = Annotated[
    Decimal, PlainSerializer(plain, return_type=Decimal), WithJsonSchema({"type": "number"})
]

PathId = Annotated[int, Path(ge=1, le=BIGINT_MAX)]
QueryId = Annotated[int | None, Query(ge=1, le=BIGINT_MAX)]
QueryText = Annotated[Line, Query(max_length=200)]

_encoder: Final = msgspec.json.Encoder(decimal_format="number")


class ExactJson(Response):
    """JSON whose Decimals are numbers, exact; fields of type `DecimalText` stay text."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return _encoder.encode(_dumped(content))


def _dumped(content: Any) -> Any:
    if isinstance(content, BaseModel):
        return content.model_dump(by_alias=True)
    return [_dumped(each) for each in content] if isinstance(content, list) else content


def invalid(code: str, message: str, field: str) -> InvalidInput:
    """An error about one field of a request."""
    return InvalidInput(code, message, fields=[{"field": field, "message": message}])


def cursor_of(at: datetime, row_id: int) -> str:
    """Where a page ended: opaque to clients, stable while rows come and go."""
    return f"{(at - _EPOCH) // _MICROSECOND}-{row_id}"


def read_cursor(cursor: str) -> tuple[datetime, int] | None:
    """None for an empty one; raises InvalidInput `page.cursor` for what we never gave out."""
    if not cursor:
        return None
    moment, _, row_id = cursor.partition("-")
    # Trades that were brought in have ids below zero.
    number = row_id.removeprefix("-")
    if not (moment.isascii() and moment.isdigit() and number.isascii() and number.isdigit()):
        raise invalid("page.cursor", "This is no cursor of ours.", "after")
    days, rest = divmod(int(moment), 86_400_000_000)
    if days > _CURSOR_AGE_DAYS_MAX or int(number) > BIGINT_MAX:
        raise invalid("page.cursor", "This is no cursor of ours.", "after")
    return _EPOCH + timedelta(days=days, microseconds=rest), int(row_id)
