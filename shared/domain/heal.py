"""Back to what a strategy asked for, after somebody else's hands: once, and never beyond it.

    others closed some  --its book follows-->  an entry for exactly that many, as any other entry
    others hold some    --------------------->  an exit of what is theirs

Exits come first: nothing is entered while others still hold something in the contract.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import Final

from shared.domain.alert_signal import Side, Signal, SignalKind
from shared.domain.decision.decide import decide
from shared.domain.decision.scene import Scene
from shared.domain.ids import AccountId, StrategyId
from shared.domain.order import Role
from shared.domain.plan import Denied, Plan, blocked
from shared.domain.strategy import AccountLink, SizeFrom, Strategy

# A difference that could not be mended by then is left to its owner.
HEAL_WITHIN: Final = timedelta(seconds=15)
# Whoever trades against a healing strategy again and again means it.
HEALS_MAX: Final = 3
HEALS_WITHIN: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Wound:
    """So many contracts of a strategy were closed by others, and its book has followed.

    `qty_contracts` signed: what to enter. `price` is what they were closed at.
    """

    drift_id: int
    account_id: AccountId
    strategy_id: StrategyId
    contract: str
    root: str
    qty_contracts: int
    price: Decimal


@dataclass(frozen=True, slots=True)
class Intruder:
    """Others hold something in the contract of a strategy that heals."""

    drift_id: int
    account_id: AccountId
    contract: str
    root: str


def decide_heal(wound: Wound, strategy: Strategy, link: AccountLink, scene: Scene) -> Plan | Denied:
    """An entry for what was closed, through every gate, with the strategy's own bracket.

    The contracts are the account's own already: no multiplier and no ticker change them.
    """
    signal = Signal(
        kind=SignalKind.ORDER,
        dialect="heal",
        side=Side.BUY if wound.qty_contracts > 0 else Side.SELL,
        quantity=abs(wound.qty_contracts),
        symbol=wound.contract,
        price=wound.price,
    )
    rules = strategy.rules.model_copy(update={"inverse": False})
    plain = replace(strategy, size_from=SizeFrom.SIGNAL, rules=rules)
    here = replace(link, multiplier=Decimal(1), custom_ticker=None)
    verdict = decide(signal, plain, here, scene)
    if isinstance(verdict, Plan) and not _is_bounded(verdict, wound):
        return blocked("drift.heal_unsure", "It would do more than enter what was closed.")
    return verdict


def _is_bounded(plan: Plan, wound: Wound) -> bool:
    entered = sum(draft.qty_contracts for draft in plan.drafts)
    return (
        not plan.withdraws
        and all(draft.role is Role.ENTRY for draft in plan.drafts)
        and all(draft.contract == wound.contract for draft in plan.drafts)
        and entered <= abs(wound.qty_contracts)
    )
