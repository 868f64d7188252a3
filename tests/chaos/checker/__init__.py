"""Judges a slice from its ledgers alone: what was sent, what the venue and the reader hold, what
PostgreSQL says. Imports nothing of the product, so an error of the product cannot excuse itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from tests.chaos.checker import acceptance, effects, messages, money, orders, recovery
from tests.chaos.checker.evidence import Evidence, Violation, read

CHECKS: Final[tuple[Callable[[Evidence], Iterator[Violation]], ...]] = (
    acceptance.accepted,
    acceptance.merged,
    acceptance.ordered,
    acceptance.decided,
    orders.placed_once,
    orders.in_turn,
    orders.ended,
    effects.moved_right,
    money.fills_agree,
    money.trades_agree,
    money.balances_agree,
    messages.all_seen,
    messages.each_once,
    messages.drifts,
    recovery.recovered,
    recovery.as_promised,
)

__all__ = ["CHECKS", "Evidence", "Violation", "read", "violations"]


def violations(evidence: Evidence) -> list[Violation]:
    return [found for check in CHECKS for found in check(evidence)]
