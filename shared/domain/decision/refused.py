"""What is switched off, the closes that are refused for it, and how a refusal is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from shared.domain.alert_signal import Signal
from shared.domain.decision.scene import Scene
from shared.domain.instruments import product_of, warning_of
from shared.domain.order import Role
from shared.domain.plan import Denied, Plan, blocked
from shared.domain.strategy import AccountLink, Strategy

Decide = Callable[[Signal, Strategy, AccountLink, Scene], Plan | Denied]


def switched_off(strategy: Strategy, link: AccountLink) -> Denied | None:
    if not strategy.active:
        return blocked("strategy.disabled", "The strategy is switched off.")
    if not link.enabled:
        return blocked("account.disabled", "The account is switched off for this strategy.")
    return None


def refuses_exit(
    decide: Decide, signal: Signal, strategy: Strategy, link: AccountLink, scene: Scene
) -> bool:
    """Whether the signal would have closed something, were nothing of this switched off.

    Whoever trusts an alert to close a position has to be told at once that it does not.
    """
    if switched_off(strategy, link) is None:
        return False
    switched_on = replace(strategy, active=True), replace(link, enabled=True)
    plan = decide(signal, *switched_on, scene)
    return isinstance(plan, Plan) and any(draft.role.ends for draft in plan.drafts)


def stored_detail(plan: Plan) -> dict[str, str]:
    """What stays beside a plan, however it ends.

    Of an entry that was left out its code, sentence and compared values; of one in a product of
    which our data are not sure, what they rest on.
    """
    entered = {draft.root for draft in plan.drafts if draft.role is Role.ENTRY}
    doubts = [text for root in sorted(entered) if (text := warning_of(product_of(root)))]
    warned = {"warning": " ".join(doubts)} if doubts else {}
    if plan.withheld is None:
        return warned
    said = {"withheld_code": plan.withheld.code, "withheld_message": plan.withheld.message}
    return {**plan.withheld.detail, **said, **warned}


def in_words(verdict: Plan | Denied) -> str:
    """The sentence that is told and stored, with why an entry was left out."""
    if isinstance(verdict, Denied) or verdict.withheld is None:
        return verdict.message
    return f"{verdict.message} {verdict.withheld.message}"
