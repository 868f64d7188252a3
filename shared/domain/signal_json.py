"""A signal as the JSON that is stored with it, and back. Decimals and times travel as text."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from shared.domain.alert_signal import (
    Level,
    Sentiment,
    Side,
    Signal,
    SignalKind,
    SignalOrderType,
)
from shared.domain.rules.bracket import DistanceUnit


def _level(content: Mapping[str, str]) -> Level:
    return Level(Decimal(content["at"]), DistanceUnit(content["unit"]))


def _levels(content: Sequence[Mapping[str, str]]) -> tuple[Level, ...]:
    return tuple(_level(each) for each in content)


_READERS: Final[dict[str, Callable[[Any], object]]] = {
    "kind": SignalKind,
    "side": Side,
    "sentiment": Sentiment,
    "prev_sentiment": Sentiment,
    "order_type": SignalOrderType,
    "price": Decimal,
    "limit_price": Decimal,
    "stop_price": Decimal,
    "close_percent": Decimal,
    "targets": _levels,
    "stop": _level,
    "trail": _level,
    "alert_time": datetime.fromisoformat,
}


def signal_to_json(signal: Signal) -> dict[str, Any]:
    """Only what the alert said: fields that are None are left out."""
    out: dict[str, Any] = {}
    for field in fields(signal):
        value = getattr(signal, field.name)
        if value is not None and value != ():
            out[field.name] = _plain(value)
    return out


def _plain(value: object) -> object:
    match value:
        case Level(at, unit):
            return {"at": str(at), "unit": unit}
        case tuple():
            return [_plain(each) for each in value]
        case Decimal():
            return str(value)
        case datetime():
            return value.isoformat()
        case _:
            return value


def signal_from_json(content: Mapping[str, Any]) -> Signal:
    """The inverse of `signal_to_json`; keys it does not know are somebody else's and ignored."""
    known = {field.name for field in fields(Signal)}
    said: dict[str, Any] = {
        key: _READERS[key](value) if key in _READERS else value
        for key, value in content.items()
        if key in known and value is not None
    }
    return Signal(**said)
