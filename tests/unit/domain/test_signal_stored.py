"""A signal as stored JSON, there and back."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from shared.domain.alert_signal import (
    Level,
    Sentiment,
    Side,
    Signal,
    SignalKind,
    SignalOrderType,
)
from shared.domain.rules.bracket import DistanceUnit
from shared.domain.signal_json import signal_from_json, signal_to_json

_PRICES = st.decimals(-(10**6), 10**6, places=3)
_LEVELS = st.builds(Level, st.decimals("0.001", 10**6, places=3), st.sampled_from(DistanceUnit))
_SIGNALS = st.builds(
    Signal,
    kind=st.sampled_from(SignalKind),
    dialect=st.just("json"),
    side=st.none() | st.sampled_from(Side),
    quantity=st.none() | st.integers(0, 9),
    close_percent=st.none() | st.just(Decimal("12.5")),
    target_position=st.none() | st.integers(-9, 9),
    sentiment=st.none() | st.sampled_from(Sentiment),
    price=st.none() | _PRICES,
    order_type=st.sampled_from(SignalOrderType),
    targets=st.lists(_LEVELS, max_size=3).map(tuple),
    stop=st.none() | _LEVELS,
    trail=st.none() | _LEVELS,
    alert_time=st.none() | st.just(datetime(2026, 11, 21, 14, 3, 22, tzinfo=UTC)),
)


@given(_SIGNALS)
def test_what_is_stored_is_what_was_read(signal: Signal) -> None:
    stored = json.loads(json.dumps(signal_to_json(signal)))
    assert signal_from_json(stored) == signal


def test_what_the_alert_did_not_say_is_not_stored() -> None:
    signal = Signal(kind=SignalKind.CLOSE, dialect="json")
    assert signal_to_json(signal) == {"kind": "close", "dialect": "json", "order_type": "market"}
