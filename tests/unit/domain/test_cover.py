"""Protective quantity: never more than is held, never less than the stops can give."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from shared.domain.cover import Cover, Resize, handed_over, remainder_of, resizes
from shared.domain.ids import IntentId
from shared.domain.order import Role


def leg(n: int, role: Role, qty: int, filled: int = 0, pair: int = 1, *, left: int) -> Cover:
    return Cover(IntentId(UUID(int=n)), n, role, qty, filled, f"p{pair}", pair, left)


def pair_of(n: int, qty: int, filled: int = 0, *, left: int | None = None) -> list[Cover]:
    left = qty - filled if left is None else left
    return [
        leg(2 * n, Role.TAKE_PROFIT, qty, filled, n, left=left),
        leg(2 * n + 1, Role.STOP_LOSS, qty - filled, 0, n, left=left),
    ]


def ladder_of(n: int, first: int, *rungs: int, left: int) -> list[Cover]:
    """An entry's first pair and those of its earlier rungs."""
    return [
        replace(
            each, intent_id=IntentId(UUID(int=100 * n + 10 * rung + at)), pair=f"p{n}.{rung}", seq=n
        )
        for rung, qty in enumerate((first, *rungs))
        for at, each in enumerate(pair_of(n, qty, left=left))
    ]


def stops_of(legs: list[Cover]) -> dict[int, int]:
    """By entry."""
    found: dict[int, int] = {}
    for each in legs:
        if each.role is Role.STOP_LOSS:
            found[each.seq] = found.get(each.seq, 0) + each.open_contracts
    return found


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
    legs = [*pair_of(1, 1), *pair_of(2, 1, left=2)]
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


def test_the_first_pair_of_a_newer_entry_takes_no_contracts_of_an_older_one() -> None:
    """Beside its rung it stands for the rest of its entry, however large it still is."""
    older, newer = ladder_of(1, 2, 2, left=4), ladder_of(2, 4, 2, left=4)
    changed = after([*older, *newer], resizes(8, [*older, *newer]))
    assert stops_of(changed) == {1: 4, 2: 4}
    assert {c.leg.pair for c in resizes(8, [*older, *newer])} == {"p2.0"}


def test_legs_cover_no_more_than_their_entries_have_left() -> None:
    """The rest came otherwise: from an entry without a stop, or from others."""
    assert remainder_of(9, ladder_of(1, 2, 2, left=4)) == 4
    assert remainder_of(3, ladder_of(1, 4, 2, left=4)) == 3
    assert remainder_of(3, pair_of(1, 2, left=-1)) == 0


def test_what_lost_its_stops_is_covered_by_the_stops_that_are_left() -> None:
    legs = pair_of(2, 3)
    assert remainder_of(5, legs, gone=4) == 5
    (change,) = resizes(remainder_of(5, legs, gone=2), legs)
    assert (change.leg.role, change.qty_contracts) == (Role.STOP_LOSS, 5)


def test_a_first_pair_gives_up_at_once_what_its_rungs_stand_for() -> None:
    legs = ladder_of(1, 5, 2, 1, left=5)
    changes = handed_over(legs)
    assert {(c.leg.pair, c.leg.role, c.qty_contracts) for c in changes} == {
        ("p1.0", Role.TAKE_PROFIT, 2),
        ("p1.0", Role.STOP_LOSS, 2),
    }
    assert handed_over(after(legs, changes)) == ()


def test_a_rung_that_lost_a_leg_takes_nothing() -> None:
    """Its target has filled and its stop is ending, or somebody cancelled one of them."""
    first, rung = ladder_of(1, 5, left=5), ladder_of(1, 5, 2, left=5)[2:]
    for leg_left in rung:
        assert handed_over([*first, leg_left]) == ()
    filled = [replace(each, entry_left_contracts=3) for each in (*first, rung[1])]
    assert {c.qty_contracts for c in handed_over(filled)} == {3}


@given(
    sizes=st.lists(st.integers(1, 4), min_size=1, max_size=3),
    filled=st.lists(st.integers(0, 4), min_size=3, max_size=3),
    first=st.integers(1, 12),
)
def test_handing_over_leaves_no_contract_bare(
    sizes: list[int], filled: list[int], first: int
) -> None:
    """Whatever rungs have closed, told by the target alone so far: the rest keeps its stops."""
    left = whole = first + sum(sizes)
    legs = ladder_of(1, whole, *sizes, left=0)
    for rung, (size, closed) in enumerate(zip(sizes, filled, strict=False), 1):
        at = 2 * rung
        legs[at] = replace(legs[at], filled_contracts=min(size, closed))
        left -= min(size, closed)
    legs = [replace(each, entry_left_contracts=left) for each in legs if each.open_contracts]
    changed = after(legs, handed_over(legs))
    # The stop of a pair gives up what its target closed: only the open part of both counts.
    lasting = sum(
        min(each.open_contracts for each in changed if each.pair == pair)
        for pair in {each.pair for each in changed if each.role is Role.TAKE_PROFIT}
    )
    assert lasting == left
    assert open_of(changed, Role.STOP_LOSS) >= left


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


rungs = st.lists(st.integers(1, 4), min_size=1, max_size=3)


@given(entries=st.lists(st.tuples(rungs, st.integers(0, 9)), max_size=4), held=st.integers(0, 30))
def test_every_entry_is_stopped_for_its_part(
    entries: list[tuple[list[int], int]], held: int
) -> None:
    """Whatever its pairs stand for when asked, and once more after what that changes."""
    legs = [
        each
        for n, (sizes, left) in enumerate(entries, 1)
        for each in ladder_of(n, *sizes, left=left)
    ]
    rest = remainder_of(held, legs)
    changed, wanted = after(legs, resizes(rest, legs)), {}
    for n, (_, left) in reversed([*enumerate(entries, 1)]):
        wanted[n] = min(rest, left)
        rest -= wanted[n]
    assert stops_of(changed) == {n: qty for n, qty in wanted.items() if qty}
    assert open_of(changed, Role.TAKE_PROFIT) <= sum(wanted.values())
    assert resizes(remainder_of(held, legs), changed) == ()
