"""A part of a position and the legs that trade beside it: never more than asked or held."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from shared.domain.claim import End, Send, Wait, Working, cover_of, judge
from shared.domain.cover import Resize, resizes
from shared.domain.ids import IntentId
from shared.domain.order import IntentState, OrderType, Role
from tests.unit.domain.test_claim import NOW, PART, candidate

TP, SL = Role.TAKE_PROFIT, Role.STOP_LOSS


def leg(pair: int, role: Role, qty: int) -> Working:
    number = 2 * pair + (role is SL)
    kind = OrderType.LIMIT if role is TP else OrderType.STOP
    return Working(
        IntentId(UUID(int=number)), number + 1, role, kind, IntentState.WORKING, NOW,
        qty_contracts=qty, pair=f"p.{pair}", seq=pair, entry_left_contracts=qty,
    )  # fmt: skip


@dataclass
class Scene:
    """A long position whose every contract has a target and a stop, and a part of it asked for."""

    part: int
    legs: list[Working]
    held: int
    closed_by_legs: int = 0
    sent: int = 0
    story: list[str] = field(default_factory=list)

    def judge(self) -> object:
        asked = replace(PART, qty_contracts=self.part)
        known = replace(candidate(asked, net=self.held), working=tuple(self.legs))
        return judge(replace(known, closed_by_legs=self.closed_by_legs), NOW, None)

    def fill(self, pair: int) -> None:
        """One contract at a target; its stop shrinks with it."""
        mine = [each for each in self.legs if each.pair == f"p.{pair}" and each.role is TP]
        if not mine or self.held == 0:
            return
        self.held -= 1
        self.closed_by_legs += 1
        self.legs = [found for each in self.legs if (found := self._after(each, mine[0]))]

    @staticmethod
    def _after(each: Working, target: Working) -> Working | None:
        if each.pair != target.pair:
            return each
        each = replace(each, entry_left_contracts=each.entry_left_contracts - 1)
        if each.role is TP:
            each = replace(each, filled_contracts=each.filled_contracts + 1)
        else:
            each = replace(each, qty_contracts=each.qty_contracts - 1)
        return each if each.qty_contracts > each.filled_contracts else None

    def resize(self, changes: tuple[Resize, ...]) -> None:
        new = {change.leg.intent_id: change.qty_contracts for change in changes}
        self.legs = [
            replace(each, qty_contracts=qty)
            for each in self.legs
            if (qty := new.get(each.intent_id, each.qty_contracts)) is not None
        ]

    def open(self, role: Role) -> int:
        mine = (each for each in self.legs if each.role is role)
        return sum(each.qty_contracts - each.filled_contracts for each in mine)


@given(
    pairs=st.lists(st.integers(1, 4), min_size=1, max_size=4),
    part=st.integers(1, 12),
    fills=st.lists(st.none() | st.integers(0, 3), max_size=20),
)
def test_a_part_and_its_legs_close_what_was_asked_and_cover_the_rest(
    pairs: list[int], part: int, fills: list[int | None]
) -> None:
    legs = [leg(n, role, qty) for n, qty in enumerate(pairs) for role in (TP, SL)]
    held = sum(pairs)
    scene = Scene(part, legs, held)
    for pair in (*fills, *[None] * 5):
        if pair is not None:
            scene.fill(pair)
        verdict = scene.judge()
        if isinstance(verdict, Wait):
            assert verdict.cancel == ()
            assert all(change.shrinks for change in verdict.resize), "cover is never added here"
            scene.resize(verdict.resize)
            continue
        if isinstance(verdict, Send):
            scene.sent = verdict.intent.qty_contracts
            scene.held -= scene.sent
        break
    else:
        raise AssertionError("the legs never fitted")
    assert isinstance(verdict, Send | End)
    closed = held - scene.held
    assert scene.held >= 0
    assert closed == scene.sent + scene.closed_by_legs
    assert closed >= min(part, held), "what was asked for is closed"
    assert scene.sent == max(0, min(part - scene.closed_by_legs, held - scene.closed_by_legs))
    if scene.sent:
        assert scene.open(TP) <= scene.held
        assert scene.open(SL) <= scene.held, "no leg outlives what it protects"
        scene.resize(resizes(scene.held, [cover_of(each) for each in scene.legs]))
        # Where the last stop has filled meanwhile, nothing is left to grow: the guard's case.
        assert scene.open(SL) == (scene.held if scene.legs else 0), "what is left is stopped"
