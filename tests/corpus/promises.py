"""What every reader of a signal may rely on, whatever the bytes were."""

from __future__ import annotations

import json

from shared.domain.errors import AlertRefused
from shared.domain.signal import ParseCode, Sentiment, Signal, SignalKind, read_alert
from shared.domain.signal_json import signal_from_json, signal_to_json


def outcome(body: bytes) -> Signal | str:
    try:
        return read_alert(body, None)
    except AlertRefused as refused:
        code, message = refused.code, refused.message
    assert message.isprintable()
    return code


def promises(body: bytes) -> None:
    """What every reader of a signal may rely on, as `Signal` says it."""
    found = outcome(body)
    assert outcome(body) == found
    if isinstance(found, str):
        assert found in set(ParseCode)
        return
    kind = found.kind
    assert (kind is SignalKind.ORDER) <= (found.side is not None)
    assert (found.side is not None) <= (kind in {SignalKind.ORDER, SignalKind.REVERSE})
    assert (kind is SignalKind.TARGET) == (found.target_position is not None)
    assert (kind is SignalKind.STAND) <= (found.sentiment in {Sentiment.LONG, Sentiment.SHORT})
    assert found.quantity is None or 0 <= found.quantity <= 10_000
    assert found.target_position is None or abs(found.target_position) <= 10_000
    if found.close_percent is not None:
        assert kind is SignalKind.CLOSE
        assert found.quantity is None
        assert 0 < found.close_percent < 100
    levels = [*found.targets, *(each for each in (found.stop, found.trail) if each is not None)]
    assert all(0 < each.at <= 1_000_000 for each in levels)
    if kind in {SignalKind.CLOSE, SignalKind.CANCEL} or found.target_position == 0:
        assert levels == []
    assert found.symbol is None or (found.symbol.isascii() and found.symbol.isprintable())
    assert signal_from_json(json.loads(json.dumps(signal_to_json(found)))) == found
