"""One entry that is about to be planned: what every gate looks at."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from shared.domain.decision.rungs import NO_EXITS, Exits
from shared.domain.decision.scene import Scene
from shared.domain.decision.words import Move
from shared.domain.order import Action, OrderType
from shared.domain.strategy import AccountLink, Strategy


@dataclass(frozen=True, slots=True)
class Entry:
    """`held` is the strategy's expected position in the root once the plan's exits are through.

    `price` is a limit, `stop_price` a trigger, both on the tick; `reference_price` is what the
    alert called the price. `on_alert` False: no alert asked for it, so it counts as none.
    """

    move: Move
    action: Action
    root: str
    contract: str
    qty_contracts: int
    held: int
    order_type: OrderType
    price: Decimal | None
    stop_price: Decimal | None
    reference_price: Decimal | None
    strategy: Strategy
    link: AccountLink
    scene: Scene
    exits: Exits = NO_EXITS
    on_alert: bool = True
