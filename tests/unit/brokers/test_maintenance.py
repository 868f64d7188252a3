"""The broker's own hours of rest, and how a failure in them is called."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from shared.brokers.tradovate.health import HealthBoard
from shared.brokers.tradovate.maintenance import is_maintenance
from shared.domain.errors import BrokerUnavailable
from tests.unit.brokers.fake_clock import FakeClock

CHICAGO = ZoneInfo("America/Chicago")


@pytest.mark.parametrize(
    ("day", "hour", "minute", "expected"),
    [
        (2, 15, 59, False),  # Monday, 2 March 2026
        (2, 16, 0, True),
        (2, 17, 0, False),
        (6, 15, 59, False),  # Friday
        (6, 19, 59, True),
        (6, 20, 0, False),
        (7, 21, 59, False),  # Saturday
        (7, 22, 0, True),
        (8, 6, 29, True),  # Sunday, the day the clocks change
        (8, 6, 30, False),
        (8, 16, 30, False),
    ],
)
def test_the_windows_are_chicago_time(day: int, hour: int, minute: int, expected: bool) -> None:
    assert is_maintenance(datetime(2026, 3, day, hour, minute, tzinfo=CHICAGO)) is expected


def test_silence_at_night_is_the_venues_rest_and_a_refusal_is_not() -> None:
    clock = FakeClock()  # Monday, 9:00 in Chicago
    board = HealthBoard(clock)
    board.failed(BrokerUnavailable("broker.unreachable", "x"))
    assert board.now.code == "broker.unreachable"
    clock.advance(timedelta(hours=7).total_seconds())
    board.failed(BrokerUnavailable("broker.unreachable", "x"))
    assert board.now.code == "broker.maintenance"
    board.failed(BrokerUnavailable("broker.no_accounts", "x"))
    assert board.now.code == "broker.no_accounts"
