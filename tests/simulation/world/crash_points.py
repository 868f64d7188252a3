"""A process is killed at each occurrence of each point of a standard life, once each.

    entry with its bracket -> a part of it -> reversed -> closed -> entry, and one that waits
    -> stopped by its owner, which closes -> resumed

`python -m tests.simulation.world.crash_points` prints every point with its occurrences, and how
many of the worlds that lost a process there came out wrong: none may.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final

from shared.domain.alert_signal import Side, Signal, SignalKind, SignalOrderType
from shared.domain.rules import FREE_ACCOUNT, StrategyRules
from shared.domain.rules.bracket import plain_bracket
from tests.simulation.world.life import Outcome, lived
from tests.simulation.world.plan import TICK, Event, Plan, SeatPlan, StrategyPlan
from tests.simulation.world.quiet import quiet

AWAY_S: Final = 1.0
_SEED: Final = 1
_ENDS_AT_S: Final = 24.0
_KINDS: Final = ("ledger.", "broker.", "wire.", "publish")


def _order(side: Side, **more: Any) -> Signal:
    return Signal(kind=SignalKind.ORDER, dialect="test", side=side, quantity=2, **more)


def _close(**more: Any) -> Signal:
    return Signal(kind=SignalKind.CLOSE, dialect="test", **more)


_WAITS: Final = _order(Side.BUY, order_type=SignalOrderType.LIMIT, limit_price=40 * TICK)
_STORY: Final[tuple[tuple[float, str, dict[str, Any]], ...]] = (
    (2.0, "signal", {"signal": _order(Side.BUY)}),
    (5.0, "signal", {"signal": _close(close_percent=Decimal(50))}),
    (8.0, "signal", {"signal": Signal(kind=SignalKind.REVERSE, dialect="test", quantity=2)}),
    (11.0, "signal", {"signal": _close()}),
    (14.0, "signal", {"signal": _order(Side.SELL)}),
    (15.0, "signal", {"signal": _WAITS}),
    (17.0, "stop_word", {"scope": "strategy", "word": "kill", "for_s": 4.0}),
)
STORY: Final = Plan(
    seed=_SEED,
    seats=(SeatPlan("ann", Decimal(1), exclusive=True, rules=FREE_ACCOUNT),),
    strategies=(StrategyPlan("one", "MES", StrategyRules(bracket=plain_bracket(40, 40)), (0,)),),
    slippage_ticks=1,
    partial=None,
    bells=(0.0, 0.0, 0.0),
    events=tuple(
        sorted(
            [
                *(
                    Event(at_s, kind, args if kind != "signal" else {"strategy": 0, **args})
                    for at_s, kind, args in _STORY
                ),
                *(
                    Event(0.5 + number, "price", {"root": "MES", "ticks": (1, -1)[number % 2]})
                    for number in range(int(_ENDS_AT_S))
                ),
            ],
            key=lambda each: each.at_s,
        )
    ),
    ends_at_s=_ENDS_AT_S,
    strikes_on=True,
)


def occurrences() -> dict[str, int]:
    """Each point of the life that nothing disturbs, and how often it is reached."""
    counts = lived(STORY).counts
    return {point: counts[point] for point in sorted(counts) if point.startswith(_KINDS)}


def killed_at(point: str, nth: int) -> Outcome:
    kind = "kill_at_write" if point.startswith("wire.") else "kill_at_point"
    kill = Event(0.0, kind, {"point": point, "nth": nth, "for_s": AWAY_S})
    return lived(replace(STORY, events=(kill, *STORY.events)))


def matrix(one_in: int = 1) -> Iterator[tuple[str, int, list[tuple[int, Outcome]]]]:
    """Of each point: its occurrences, and what came of a kill at every one, or one in so many."""
    number = 0
    for point, times in occurrences().items():
        outcomes = []
        for nth in range(1, times + 1):
            number += 1
            if number % one_in == 0:
                outcomes.append((nth, killed_at(point, nth)))
        yield point, times, outcomes


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--one-in", type=int, default=1)
    asked = parser.parse_args()
    points = kills = 0
    broken = []
    with quiet():
        for point, times, outcomes in matrix(asked.one_in):
            wrong = [(nth, outcome.wrong) for nth, outcome in outcomes if outcome.wrong]
            unkilled = [nth for nth, outcome in outcomes if not outcome.counts["crashes"]]
            points, kills = points + 1, kills + len(outcomes)
            told = f"{point:34} {times:4} occurrences, {len(outcomes):4} kills, {len(wrong)} wrong"
            print(told + (f", not killed at {unkilled}" if unkilled else ""), flush=True)
            broken += [f"{point} #{nth}: {each}" for nth, many in wrong for each in many[:2]]
    print(f"{points} points, {kills} kills, {len(broken)} violations", *broken, sep="\n")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
