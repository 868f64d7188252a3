"""A prop firm's clock: to the second, over both changes of the clocks."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from shared.domain.decision.entry import Entry
from shared.domain.gates.firm import around_news, outside_firm_hours, past_flat_by
from shared.domain.rules import AccountRules
from shared.domain.rules.base import CHICAGO
from shared.domain.rules.entries import Hours, Window
from shared.domain.rules.news_file import read_news
from shared.domain.rules.prop import PropRules
from tests.unit.domain.gates.builders import entry

SECOND = timedelta(seconds=1)


def firm(**more: object) -> PropRules:
    money = {"start_balance_usd": Decimal(50000), "drawdown_usd": Decimal(2000)}
    return PropRules.model_validate({"name": "50K", **money, **more})


def at(text: str, zone: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def asked(rules: PropRules, now: datetime, **scene: object) -> Entry:
    return entry(account=AccountRules(prop=rules), scene={"now": now, **scene})


def test_entries_are_taken_in_the_firms_hours_only() -> None:
    window = Window(start=time(8, 30), stop=time(15))
    rules = firm(hours=Hours(zone=CHICAGO, windows=(window,)))
    opens = at("2026-11-03T08:30", CHICAGO)
    assert outside_firm_hours(asked(rules, opens)) is None
    denied = outside_firm_hours(asked(rules, opens - SECOND))
    assert denied is not None
    assert denied.code == "prop.hours"
    assert denied.detail["opens"] == "Tue 2026-11-03 08:30"


NEWS = read_news("2026-11-06, 08:28, 08:35, America/New_York, Jobs")


@pytest.mark.parametrize("in_file", [True, False])
def test_no_entry_around_news_of_the_file_or_the_account(in_file: bool) -> None:
    rules = firm() if in_file else firm(news=NEWS)
    scene = {"news": NEWS} if in_file else {}
    begins, ends = (at(f"2026-11-06T08:{m}", "America/New_York") for m in (28, 35))
    assert around_news(asked(rules, begins - SECOND, **scene)) is None
    denied = around_news(asked(rules, begins, **scene))
    assert denied is not None
    assert denied.message == "50K: no entries around news until Fri 2026-11-06 08:35 (Jobs)."
    assert around_news(asked(rules, ends - SECOND, **scene)) is not None
    assert around_news(asked(rules, ends, **scene)) is None


def test_news_concern_prop_accounts_only() -> None:
    now = at("2026-11-06T08:30", "America/New_York")
    assert around_news(entry(scene={"now": now, "news": NEWS})) is None


# A Friday before each change of the clocks, the Sunday after, and a plain Tuesday: 15:10 Chicago
# in UTC, and the roll of the trading day at 17:00.
DAYS = [
    ("2026-03-06", "2026-03-06T21:10", "2026-03-06T23:00"),
    ("2026-03-09", "2026-03-09T20:10", "2026-03-09T22:00"),
    ("2026-10-30", "2026-10-30T20:10", "2026-10-30T22:00"),
    ("2026-11-02", "2026-11-02T21:10", "2026-11-02T23:00"),
    ("2026-11-03", "2026-11-03T21:10", "2026-11-03T23:00"),
]


@pytest.mark.parametrize(("day", "flat", "rolls"), DAYS)
def test_who_had_to_be_flat_enters_on_the_next_trading_day(day: str, flat: str, rolls: str) -> None:
    rules = firm(flat_by=time(15, 10), hours=Hours(zone=CHICAGO))
    due, over = (datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (flat, rolls))
    assert past_flat_by(asked(rules, due - SECOND)) is None
    denied = past_flat_by(asked(rules, due))
    assert denied is not None
    assert denied.detail["flat_by"].endswith(f"{day} 15:10")
    assert past_flat_by(asked(rules, over - SECOND)) is not None
    assert past_flat_by(asked(rules, over)) is None


def test_a_sunday_before_the_session_stops_no_monday() -> None:
    rules = firm(flat_by=time(15, 10), hours=Hours(zone=CHICAGO))
    opens = at("2026-11-01T17:00", CHICAGO)
    assert past_flat_by(asked(rules, opens)) is None


def test_without_a_time_nothing_is_due() -> None:
    now = at("2026-11-03T23:00", CHICAGO)
    assert past_flat_by(asked(firm(), now)) is None
