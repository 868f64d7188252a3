"""Small parts: clock, contracts, prices, charts, the journal's file, parameters."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from paper import journal
from paper.calls import Refusal
from paper.clock import ManualClock, replay_time
from paper.faults import UNTIL_CLEARED, Fault, Faults
from paper.journal import Line
from paper.market import MEMBERS
from paper.params import read_body, read_query
from paper.prices import START_PRICES, Walk, start_price
from paper.reference import Reference
from paper.replay import BadPricesError, read_replay, root_of
from paper.rows import KINDS, encode, stamp
from paper.settings import PaperSettings
from paper.store import Store
from shared.domain.instruments import PRODUCTS
from shared.domain.price import is_on_tick

MONDAY_15_CT = datetime(2026, 3, 2, 21, tzinfo=UTC)


@pytest.mark.parametrize(
    ("at", "ends"),
    [
        (MONDAY_15_CT, "2026-03-02T22:00:00.000Z"),
        (MONDAY_15_CT + timedelta(hours=1), "2026-03-03T22:00:00.000Z"),
        (datetime(2026, 3, 6, 23, tzinfo=UTC), "2026-03-09T21:00:00.000Z"),  # summer time by then
    ],
)
def test_events_are_told_again_at_16_chicago_of_the_next_weekday(at: datetime, ends: str) -> None:
    assert stamp(replay_time(at)) == ends


def test_a_manual_clock_never_runs_backwards() -> None:
    clock = ManualClock(MONDAY_15_CT)
    with pytest.raises(ValueError, match="backwards"):
        clock.advance(timedelta(seconds=-1))


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("NQZ6", True),
        ("nqz6", True),
        ("M2KH7", True),
        ("NQF7", False),  # no month of the cycle
        ("GCX6", True),  # a serial month
        ("NQZ2026", False),
        ("NQ1!", False),
        ("XXZ6", False),
    ],
)
def test_only_exact_names_of_listed_months_are_found(name: str, *, found: bool) -> None:
    reference = Reference(Store(), ManualClock(MONDAY_15_CT))
    assert (reference.found(name) is not None) is found


def test_suggestions_begin_with_the_nearest_month_and_roll_both_ways() -> None:
    reference = Reference(Store(), ManualClock(MONDAY_15_CT))
    assert [x.name for x in reference.suggested("ES", 3)] == ["ESH6", "ESM6", "ESU6"]
    forward, back = reference.rolled("ESZ6", forward=True), reference.rolled("ESM6", forward=False)
    assert forward is not None
    assert back is not None
    assert (forward.name, back.name) == ("ESH7", "ESH6")


def test_every_family_has_a_start_on_its_tick_and_walks_alike_with_the_same_seed() -> None:
    assert set(START_PRICES) == set(MEMBERS)
    for family in MEMBERS:
        one, two = Walk(family, 7), Walk(family, 7)
        price = twin = start_price(family)
        for _ in range(50):
            price, twin = one.next(price), two.next(twin)
            assert price == twin > 0
            assert is_on_tick(price, PRODUCTS[family].tick_size)


@pytest.mark.parametrize(
    ("name", "root"),
    [
        ("CME_MINI_NQ1!, 5.csv", "NQ"),
        ("NQ1!.csv", "NQ"),
        ("ES.csv", "ES"),
        ("CBOT_MINI_MYM1!, 1D.csv", "MYM"),
        ("my export.csv", "NQ"),
    ],
)
def test_the_root_of_a_chart_is_in_its_name(name: str, root: str) -> None:
    assert root_of(Path(name)) == root


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("time,open,high,low\n", "lacks close"),
        ("time,open,high,low,close\n", "no bar"),
        ("time,open,high,low,close\n1772461800,1,2,x,1\n", "line 2"),
        ("time,open,high,low,close\n1772461800,1,2\n", "line 2"),
    ],
)
def test_what_is_no_chart_is_refused_with_its_line(
    tmp_path: Path, text: str, complaint: str
) -> None:
    file = tmp_path / "NQ.csv"
    file.write_text(text)
    with pytest.raises(BadPricesError, match=complaint):
        read_replay(file, seed=1)


def test_a_torn_last_line_is_cut_off(tmp_path: Path) -> None:
    path = journal.open_file(tmp_path / "data")
    whole = encode(Line(7, [], {"NQ": Decimal("1.25")})) + b"\n"
    path.write_bytes(whole + b'{"last_id": 8, "rows": [["or')
    assert journal.open_file(tmp_path / "data") == path
    assert path.read_bytes() == whole
    assert [line.prices for line in journal.read(path)] == [{"NQ": Decimal("1.25")}]


@pytest.mark.parametrize("body", [b"", b" undefined\n", b"null"])
def test_no_body_is_an_empty_object(body: bytes) -> None:
    assert read_body(body) == {}


def test_numbers_are_read_digit_for_digit() -> None:
    assert read_body(b'{"price": 0.1234567890123456789}') == {
        "price": Decimal("0.1234567890123456789")
    }
    assert read_query(b"id=1&ids=2%2C3") == {"id": "1", "ids": "2,3"}


@pytest.mark.parametrize("body", [b"[1]", b"{", b"7"])
def test_other_bodies_are_malformed(body: bytes) -> None:
    with pytest.raises(Refusal):
        read_body(body)


def test_a_fault_is_spent_by_its_count_or_stays_until_cleared() -> None:
    faults = Faults()
    faults.arm(Fault.LOSE_ANSWER, 2, {})
    assert [faults.take(Fault.LOSE_ANSWER) is not None for _ in range(3)] == [True, True, False]
    faults.arm(Fault.DUPLICATE_EVENTS, UNTIL_CLEARED, {})
    assert all(faults.take(Fault.DUPLICATE_EVENTS) is not None for _ in range(5))
    faults.arm(Fault.DUPLICATE_EVENTS, 0, {})
    assert faults.take(Fault.DUPLICATE_EVENTS) is None


def test_the_control_port_is_never_opened_in_production() -> None:
    with pytest.raises(ValueError, match="TM_ENV local or test"):
        PaperSettings(env="production", paper_password="x", paper_control_port=1)  # type: ignore[arg-type] # read as a secret


def test_a_snapshot_names_entities_in_the_plural() -> None:
    plurals = {kind.plural for kind in KINDS.values()}
    assert {"cashBalances", "contractMaturities", "currencies", "orderVersions"} <= plurals
