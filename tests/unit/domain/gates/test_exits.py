"""What no gate may do: hold up an exit. And what it does to a reverse."""

from __future__ import annotations

from dataclasses import replace
from datetime import time

from shared.domain.alert_signal import Side, Signal, SignalKind
from shared.domain.decision.decide import decide
from shared.domain.decision.scene import Exposure, Scene
from shared.domain.gates.controls import Control, Scope, halt_of
from shared.domain.order import Role
from shared.domain.plan import Denied, Plan
from shared.domain.rules import AccountRules, StrategyRules
from shared.domain.rules.entries import EntryRules, Follow, Hours, Window
from shared.domain.rules.limits import Brakes, Limits
from tests.unit.domain.gates.builders import LINK, NOW, STRATEGY, book, entry

SHUT = Hours(windows=(Window(start=time(3), stop=time(4), days=frozenset()),))
NOTHING = Limits(max_order_contracts=0, max_position_contracts=0, max_root_contracts={"NQ": 0})
STRICT = replace(
    STRATEGY,
    rules=StrategyRules(
        hours=SHUT,
        limits=NOTHING,
        follows=(Follow(strategy_id=9),),
        entries=EntryRules(every_nth=1_000, cooldown_s=600),
        brakes=Brakes(entries_before_review=1),
    ),
)
STRICT_LINK = replace(LINK, rules=AccountRules(hours=SHUT, limits=NOTHING))
BUY = Signal(kind=SignalKind.ORDER, dialect="test", side=Side.BUY, symbol="NQ1!")
SELL = replace(BUY, side=Side.SELL)
CLOSE = Signal(kind=SignalKind.CLOSE, dialect="test", symbol="NQ1!")


def shut() -> Scene:
    halts = tuple(halt_of(Control.KILL, scope, "Stop.") for scope in Scope)
    facts = {"halts": halts, "book": book(2), "exposure": Exposure({"NQ": 99}, {"NQ": 99})}
    return replace(entry(scene=facts).scene, keeps_hours=True, now=NOW.replace(day=7))


def test_an_exit_meets_no_gate() -> None:
    verdict = decide(CLOSE, STRICT, STRICT_LINK, shut())
    assert isinstance(verdict, Plan)
    assert [draft.role for draft in verdict.drafts] == [Role.EXIT]
    assert verdict.withheld is None


def test_a_reverse_still_closes_and_says_why_it_does_not_enter() -> None:
    verdict = decide(SELL, STRICT, STRICT_LINK, shut())
    assert isinstance(verdict, Plan)
    assert [draft.role for draft in verdict.drafts] == [Role.EXIT]
    assert verdict.withheld is not None
    assert verdict.withheld.code == "kill.system"


def test_an_entry_is_refused_and_nothing_else_happens() -> None:
    verdict = decide(BUY, STRICT, STRICT_LINK, shut())
    assert isinstance(verdict, Denied)
    assert verdict.code == "kill.system"
