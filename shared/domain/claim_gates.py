"""The gates that are asked again when an entry's turn has come, of what is true then.

Minutes may lie between the plan and the claim: somebody said stop, another order filled, money was
lost, a limit was lowered, the market closed, a prop firm's clock moved on. What depends on the
alert alone (pace, the owner's own windows, follows) was settled when it was decided.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from shared.domain.decision.entry import Entry
from shared.domain.decision.refused import switched_off
from shared.domain.decision.rungs import Exits, Rung
from shared.domain.decision.scene import Scene
from shared.domain.decision.standings import in_scene
from shared.domain.decision.words import Move
from shared.domain.gates import (
    Gate,
    controls,
    drift,
    firm,
    limits,
    money,
    ownership,
    price,
    session,
)
from shared.domain.ladder import At, Offset, Place
from shared.domain.order import OrderIntent, Role
from shared.domain.plan import Denied
from shared.domain.risk.scope import Standings
from shared.domain.strategy import AccountLink, Strategy

GATES: Final[tuple[Gate, ...]] = (
    controls.halted,
    drift.parted,
    session.contract_ends,
    session.market_closed,
    firm.outside_firm_hours,
    firm.around_news,
    firm.past_flat_by,
    ownership.owned_by_another,
    price.stop_behind_market,
    price.out_of_band,
    limits.over_order_limit,
    limits.over_position_limit,
    ownership.against_own_order,
    money.limit_reached,
    money.prop_stopped,
    money.over_prop_contracts,
    money.worst_case,
)


@dataclass(frozen=True, slots=True)
class EntryFacts:
    """The settings and the scene of this transaction.

    In the scene neither the entry itself nor anything that waits behind it is under way: whoever
    comes later is judged later.
    """

    root: str
    strategy: Strategy
    link: AccountLink
    scene: Scene

    def told(self, known: Standings) -> EntryFacts:
        """With how its account and its strategy stand, this entry not counted."""
        scene = in_scene(self.scene, known, self.link.account_id, self.strategy, pending=False)
        return replace(self, scene=scene)


def refused_now(
    intent: OrderIntent, legs: Iterable[OrderIntent], facts: EntryFacts, quote: Decimal | None
) -> Denied | None:
    """Why this entry must not leave now with these legs, or None. `quote` is younger than 2 s."""
    entry = _entry(intent, legs, facts, quote)
    return switched_off(facts.strategy, facts.link) or next(
        (denied for gate in GATES if (denied := gate(entry)) is not None), None
    )


def _entry(
    intent: OrderIntent, legs: Iterable[OrderIntent], facts: EntryFacts, quote: Decimal | None
) -> Entry:
    """What the entry of a reverse ended is flat by now, so that it is an entry as any other."""
    held = sum(each.net_qty for each in facts.scene.book.held if each.root == facts.root)
    return Entry(
        move=Move.ADD if held * intent.action.sign > 0 else Move.ENTER,
        action=intent.action,
        root=facts.root,
        contract=intent.contract,
        qty_contracts=intent.qty_contracts,
        held=held,
        order_type=intent.order_type,
        price=intent.price,
        stop_price=intent.stop_price,
        reference_price=intent.reference_price,
        strategy=facts.strategy,
        link=facts.link,
        scene=replace(facts.scene, quote=quote),
        exits=Exits(
            tuple(
                Rung(leg.qty_contracts, None, _place(leg))
                for leg in legs
                if leg.role is Role.STOP_LOSS
            )
        ),
    )


def _place(stop: OrderIntent) -> Place | None:
    if stop.relative:
        return Offset(stop.offset_ticks, stop.offset_percent)
    return None if stop.stop_price is None else At(stop.stop_price)
