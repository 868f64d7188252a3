"""What counts as drift, and what is only still moving."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from recorder.drift import (
    DIFFERENCES_MAX,
    SETTLING,
    Books,
    FillSeen,
    Held,
    PositionSeen,
    Seen,
    differences,
)

NOW = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
OLD = NOW - timedelta(minutes=1)
FRESH = NOW - SETTLING / 2
PLACE = (700, 11)


def books(net: int = 0, changed_at: datetime = OLD, **fills: bool) -> Books:
    return Books(
        accounts=frozenset({700}),
        fills={int(name[1:]): active for name, active in fills.items()},
        positions={PLACE: Held(net, changed_at)} if net else {},
    )


def fill(fill_id: int = 1, at: datetime = OLD, *, active: bool = True) -> FillSeen:
    return FillSeen(fill_id, PLACE, active, at)


def position(net: int, at: datetime = OLD) -> PositionSeen:
    return PositionSeen(PLACE, net, at)


def test_equal_books_differ_in_nothing() -> None:
    seen = Seen((fill(1), fill(2, active=False)), (position(2),))
    assert differences(seen, books(2, f1=True, f2=False), NOW) == []


def test_a_fill_we_do_not_hold() -> None:
    found = differences(Seen((fill(9),), ()), books(), NOW)
    assert found == [{"kind": "fill_missing", "fill_id": 9, "account": 700}]


def test_a_bust_we_have_not_heard_of() -> None:
    found = differences(Seen((fill(1, active=False),), ()), books(f1=True), NOW)
    assert found == [{"kind": "fill_differs", "fill_id": 1, "account": 700}]


def test_a_busted_fill_that_we_never_held_is_no_loss() -> None:
    assert differences(Seen((fill(1, active=False),), ()), books(), NOW) == []


@pytest.mark.parametrize(
    ("theirs", "ours"), [((position(2),), 1), ((), 1), ((position(0),), 1), ((position(-1),), 0)]
)
def test_a_position_that_is_not_ours(theirs: tuple[PositionSeen, ...], ours: int) -> None:
    [found] = differences(Seen((), theirs), books(ours), NOW)
    assert found == {
        "kind": "position",
        "account": 700,
        "contract_id": 11,
        "broker": theirs[0].net_qty if theirs else 0,
        "ours": ours,
    }


def test_what_changed_a_moment_ago_is_only_moving() -> None:
    assert differences(Seen((fill(9, FRESH),), ()), books(), NOW) == []
    assert differences(Seen((), (position(1, FRESH),)), books(), NOW) == []
    assert differences(Seen((), ()), books(1, changed_at=FRESH), NOW) == []
    # A fresh fill excuses the position it moved, even if that row carries an older time.
    assert differences(Seen((fill(9, FRESH),), (position(1),)), books(), NOW) == []


def test_the_limit_of_settling_is_exact() -> None:
    at = NOW - SETTLING
    assert len(differences(Seen((fill(9, at),), ()), books(), NOW)) == 1
    later = at + timedelta(microseconds=1)
    assert differences(Seen((fill(9, later),), ()), books(), NOW) == []


def test_accounts_of_a_login_that_we_were_not_given_are_none_of_our_business() -> None:
    stranger = (999, 11)
    seen = Seen((FillSeen(1, stranger, True, OLD),), (PositionSeen(stranger, 5, OLD),))
    assert differences(seen, books(), NOW) == []


def test_a_flood_is_cut() -> None:
    seen = Seen(tuple(fill(number) for number in range(200)), ())
    assert len(differences(seen, books(), NOW)) == DIFFERENCES_MAX
