"""Results and rows in a form in which two ledgers can be compared."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal
from enum import Enum
from typing import Any, Final
from uuid import UUID

from pydantic import BaseModel

from shared.contracts.envelope import Envelope

# The database keeps ten places of an average, the twin keeps them all.
_PLACES: Final = Decimal("0.00000001")
_NUMBER: Final = re.compile(r"-?\d+(\.\d+)?(E[+-]?\d+)?")


def said(value: Any) -> Any:
    """An answer: events are in order for each account, and in none between accounts."""
    if isinstance(value, list) and value and all(isinstance(each, Envelope) for each in value):
        return sorted(plain(value), key=lambda event: (event["account_id"] or 0, event["seq"] or 0))
    return plain(value)


def plain(value: Any) -> Any:
    """Strings, integers, booleans, None, lists and dicts; equal for what means the same."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, set | frozenset):
        return sorted(plain(each) for each in value)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [plain(each) for each in value]
    return _record(value) if _is_record(value) else _word(value)


def _is_record(value: object) -> bool:
    return isinstance(value, BaseModel) or is_dataclass(value)


def _record(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return plain(value.model_dump())
    return {each.name: plain(getattr(value, each.name)) for each in fields(value)}


def _word(value: Any) -> str:
    match value:
        case Decimal():
            return _number(value)
        case Enum():
            return str(value.value)
        case str():
            return _number(Decimal(value)) if _NUMBER.fullmatch(value) else value
        case UUID():
            return str(value)
        case date():
            return value.isoformat()
        case _:
            raise TypeError(f"cannot compare {type(value).__name__}")


def _number(value: Decimal) -> str:
    # A minus before nothing means nothing, and the database writes none.
    return f"{value.quantize(_PLACES, ROUND_HALF_EVEN) + 0:f}"
