"""Protective quantity: never more than is held, never less than the stops can give."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from shared.domain.cover import Cover, Resize, resizes
from shared.domain.ids import IntentId
from shared.domain.order import Role


def leg(n: int, role: Role, qty: int, filled: int = 0, pair: int = 1) -> Cover:
    return Cover(IntentId(UUID(int=n)), n, role, qty, filled, f"p{pair}", pair)


def pair_of(n: int, qty: int, filled: int = 0) -> list[Cover]:
    return [
        leg(2 * n, Role.TAKE_PROFIT, qty, filled, n),
        leg(2 * n + 1, Role.STOP_LOSS, qty - filled, 0, n),
    ]


def after(legs: list[Cover], changes: tuple[Resize, ...]) -> list[Cover]:
    new = {change.leg.intent_id: change.qty_contracts for change in changes}
    out = []
    for each in legs:
        qty = new.get(each.intent_id, each.qty_contracts)
        if qty is not None:
            out.append(replace(each, qty_contracts=qty))
    return out


def open_of(legs: list[Cover], role: Role) -> int:
    return sum(each.open_contracts for each in legs if each.role is role)


def test_a_part_closed_shrinks_targets_before_stops() -> None:
    legs = pair_of(1, 3)
    changes = resizes(2, legs)
    assert [(c.leg.role, c.qty_contracts) for c in changes] == [
        (Role.TAKE_PROFIT, 2),
        (Role.STOP_LOSS, 2),
    ]


def test_the_oldest_entry_is_closed_first() -> None:
    legs = [*pair_of(1, 2), *pair_of(2, 1)]
    changes = resizes(2, legs)
    assert {(c.leg.pair, c.qty_contracts) for c in changes} == {("p1", 1)}
    assert {c.leg.pair for c in resizes(1, legs)} == {"p1"}
    assert {c.qty_contracts for c in resizes(1, legs)} == {None}


def test_flat_leaves_nothing_working() -> None:
    assert [c.qty_contracts for c in resizes(0, pair_of(1, 2))] == [None, None]


def test_an_uncovered_part_grows_the_newest_stop_last() -> None:
    legs = [*pair_of(1, 1), *pair_of(2, 1)]
    (change,) = resizes(3, legs)
    assert (change.leg.role, change.leg.pair, change.qty_contracts) == (Role.STOP_LOSS, "p2", 2)


def test_a_leg_that_filled_in_part_keeps_its_filled_contracts() -> None:
    (target, stop) = pair_of(1, 4, filled=1)
    changes = resizes(2, [target, stop])
    assert [(c.leg.role, c.qty_contracts) for c in changes] == [
        (Role.TAKE_PROFIT, 3),
        (Role.STOP_LOSS, 2),
    ]


def test_what_fits_is_left_alone() -> None:
    assert resizes(3, [*pair_of(1, 1), *pair_of(2, 2)]) == ()


def test_what_only_a_target_covers_is_covered_by_another_pairs_stop() -> None:
    target, _ = pair_of(1, 2)
    (change,) = resizes(5, [target, *pair_of(2, 3)])
    assert (change.leg.role, change.leg.pair, change.qty_contracts) == (Role.STOP_LOSS, "p2", 5)


BOTH = slice(0, 2)
PARTS = st.sampled_from([BOTH, slice(0, 1), slice(1, 2)])
sizes = st.lists(st.tuples(st.integers(1, 5), PARTS), max_size=4)


@given(sizes=sizes, remainder=st.integers(0, 20))
def test_cover_fits_after_one_pass(sizes: list[tuple[int, slice]], remainder: int) -> None:
    legs = [each for n, (qty, part) in enumerate(sizes, 1) for each in pair_of(n, qty)[part]]
    changed = after(legs, resizes(remainder, legs))
    has_stop = any(each.role is Role.STOP_LOSS for each in legs)
    assert open_of(changed, Role.TAKE_PROFIT) <= remainder
    assert open_of(changed, Role.STOP_LOSS) == (remainder if has_stop else 0)
    assert resizes(remainder, changed) == ()
