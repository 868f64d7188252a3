"""A verdict on an alert as the API says it; orders by the function execution writes them with."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from api.strategies.what_if_schemas import OrderOut, PlanOut, Reason
from shared.domain.ids import SignalId
from shared.domain.instruments import product_of
from shared.domain.intents import intents_of
from shared.domain.leg_places import priced
from shared.domain.order import OrderIntent, Role
from shared.domain.plan import Denied, Disposition, Draft, Plan
from shared.domain.strategy import AccountLink, Strategy

# Ids and expiry are the only things in an intent that the signal's row gives; none is shown.
_NO_SIGNAL: Final = SignalId(0)
_NO_END: Final = datetime.max.replace(tzinfo=UTC)


def plan_out(
    strategy: Strategy, link: AccountLink, account: str | None, verdict: Plan | Denied
) -> PlanOut:
    if isinstance(verdict, Denied):
        disposition, reason = verdict.disposition, _reason(verdict)
        return PlanOut(
            account_id=link.account_id,
            account=account,
            disposition=disposition,
            reason=reason,
            orders=[],
            withheld=None,
        )
    return PlanOut(
        account_id=link.account_id,
        account=account,
        disposition=Disposition.PLANNED,
        reason=Reason(code=verdict.code, message=verdict.message),
        orders=[each for draft in verdict.drafts for each in _orders(draft, strategy, link)],
        withheld=None if verdict.withheld is None else _reason(verdict.withheld),
    )


def _reason(denied: Denied) -> Reason:
    return Reason(code=denied.code, message=denied.message, detail=denied.detail)


def _orders(draft: Draft, strategy: Strategy, link: AccountLink) -> Iterator[OrderOut]:
    entry, *legs = intents_of(draft, strategy, _NO_SIGNAL, link.account_id, _NO_END)
    yield _order(entry, draft, None)
    for leg in legs:
        yield _order(leg, draft, entry)


def _order(intent: OrderIntent, draft: Draft, entry: OrderIntent | None) -> OrderOut:
    return OrderOut(
        leg=intent.leg,
        role=intent.role,
        action=intent.action,
        contract=intent.contract,
        qty=intent.qty_contracts,
        order_type=intent.order_type,
        price=intent.price,
        stop_price=intent.stop_price,
        offset_ticks=intent.offset_ticks,
        offset_percent=intent.offset_percent,
        level=None if entry is None else _level(intent, entry, draft.root),
        rung=intent.rung,
        moves=None if intent.moves is None else intent.moves.stored(),
        parent=None if entry is None else entry.leg,
        after=draft.after_leg if entry is None else None,
    )


def _level(leg: OrderIntent, entry: OrderIntent, root: str) -> Decimal | None:
    prices = (entry.price, entry.stop_price, entry.reference_price)
    base = next((price for price in prices if price is not None), None)
    if leg.relative and base is not None:
        leg = priced(leg, entry.action, base, product_of(root).tick_size)
    return leg.price if leg.role is Role.TAKE_PROFIT else leg.stop_price
