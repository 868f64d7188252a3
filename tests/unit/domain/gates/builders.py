"""One plain entry that no gate refuses, and the ways to change it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final
from uuid import uuid4

from shared.domain.calendar import trade_date
from shared.domain.decision.entry import Entry
from shared.domain.decision.scene import Scene
from shared.domain.decision.words import Move
from shared.domain.ids import AccountId, IntentId, StrategyId, UserId
from shared.domain.order import Action, IntentState, OrderType, Role
from shared.domain.plan import Book, Held
from shared.domain.position import OpenIntent
from shared.domain.rules import AccountRules, StrategyRules
from shared.domain.strategy import AccountLink, SizeFrom, Strategy

NOW: Final = datetime(2026, 11, 3, 15, tzinfo=UTC)  # a Tuesday with every market open
STRATEGY: Final = Strategy(
    id=StrategyId(1),
    user_id=UserId(1),
    name="One",
    symbol="NQ1!",
    active=True,
    position_size=1,
    position_add=1,
    size_from=SizeFrom.SIGNAL,
)
LINK: Final = AccountLink(
    account_id=AccountId(1),
    enabled=True,
    multiplier=Decimal(1),
    max_contracts=0,
    custom_ticker=None,
    exclusive=True,
)
ENTRY: Final = Entry(
    move=Move.ENTER,
    action=Action.BUY,
    root="NQ",
    contract="NQZ6",
    qty_contracts=1,
    held=0,
    order_type=OrderType.MARKET,
    price=None,
    stop_price=None,
    reference_price=None,
    strategy=STRATEGY,
    link=LINK,
    scene=Scene(Book(), NOW, trade_date(NOW)),
)


def entry(
    *,
    rules: StrategyRules | None = None,
    account: AccountRules | None = None,
    scene: dict[str, Any] | None = None,
    **changes: Any,
) -> Entry:
    """The plain entry under other rules, in another scene, with other fields."""
    made = replace(ENTRY, **changes)
    if rules is not None:
        made = replace(made, strategy=replace(made.strategy, rules=rules))
    if account is not None:
        made = replace(made, link=replace(made.link, rules=account))
    facts = scene or {}
    now = facts.get("now", NOW)
    return replace(made, scene=replace(made.scene, **{"on": trade_date(now), **facts}))


def book(net: int, *coming: int, contract: str = "NQZ6", root: str = "NQ") -> Book:
    """Held contracts, and entries under way, signed."""
    held = (Held(contract, root, net),) if net else ()
    return Book(held=held, open_intents=tuple(under_way(qty, contract, root) for qty in coming))


def under_way(
    signed_qty: int, contract: str = "NQZ6", root: str = "NQ", role: Role = Role.ENTRY
) -> OpenIntent:
    return OpenIntent(
        id=IntentId(uuid4()),
        role=role,
        action=Action.BUY if signed_qty > 0 else Action.SELL,
        root=root,
        contract=contract,
        remaining_qty=abs(signed_qty),
        state=IntentState.SENDING,
        account_seq=1,
    )
