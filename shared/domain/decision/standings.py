"""What a decision is told of money: how the account and the strategy stand, this plan included."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from shared.domain.decision.scene import Scene
from shared.domain.ids import AccountId, SignalId
from shared.domain.intents import intents_of
from shared.domain.plan import Plan
from shared.domain.risk.scope import Standings
from shared.domain.strategy import Strategy


def in_scene(
    scene: Scene,
    known: Standings,
    account: AccountId,
    strategy: Strategy,
    *,
    pending: bool = True,
) -> Scene:
    """`pending`: entries that have not left us count too."""
    return replace(
        scene,
        account_standing=known.of_account(account, pending=pending),
        strategy_standing=known.of_strategy(strategy.id, pending=pending),
    )


def with_plan(
    known: Standings,
    plan: Plan,
    strategy: Strategy,
    signal: SignalId,
    account: AccountId,
    expires_at: datetime,
) -> Standings:
    """How all stand once this plan is under way: what the strategy's next account is told."""
    for draft in plan.drafts:
        intents = intents_of(draft, strategy, signal, account, expires_at)
        known = known.planned(draft.root, intents, strategy.rules.slippage_ticks)
    return known
