"""A signal as the JSON that is stored with it, and back. Decimals and times travel as text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from shared.domain.alert_signal import Sentiment, Side, Signal, SignalKind, SignalOrderType

_READERS: Final[dict[str, Callable[[str], object]]] = {
    "kind": SignalKind,
    "side": Side,
    "sentiment": Sentiment,
    "prev_sentiment": Sentiment,
    "order_type": SignalOrderType,
    "price": Decimal,
    "limit_price": Decimal,
    "stop_price": Decimal,
    "alert_time": datetime.fromisoformat,
}


def signal_to_json(signal: Signal) -> dict[str, Any]:
    """Only what the alert said: fields that are None are left out."""
    out: dict[str, Any] = {}
    for field in fields(signal):
        value = getattr(signal, field.name)
        if isinstance(value, Decimal):
            out[field.name] = str(value)
        elif isinstance(value, datetime):
            out[field.name] = value.isoformat()
        elif value is not None:
            out[field.name] = value
    return out


def signal_from_json(content: Mapping[str, Any]) -> Signal:
    """The inverse of `signal_to_json`; keys it does not know are somebody else's and ignored."""
    known = {field.name for field in fields(Signal)}
    said: dict[str, Any] = {
        key: _READERS[key](value) if key in _READERS else value
        for key, value in content.items()
        if key in known and value is not None
    }
    return Signal(**said)
