"""A position that goes from one strategy to another: the command, and the event about it."""

from __future__ import annotations

from decimal import Decimal
from typing import ClassVar, Final

from pydantic import BaseModel, ConfigDict

from shared.contracts.registry import EventBody, register
from shared.contracts.streams import EVENTS

KIND: Final = "hand_over"


class HandoverDetail(BaseModel):
    """What the command says."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    strategy_id: int
    to_strategy_id: int


@register
class PositionHandedOver(EventBody):
    """All that a strategy held in a contract is another's, at its average price, with its legs.

    `opening_fill_id` is the broker's id of the fill that began it: the fills from there on are
    the other's. Nothing is realised by it, and the account's own book does not see it.
    """

    type: ClassVar[str] = "position.handed_over.v1"
    stream: ClassVar[str] = EVENTS

    account_id: int
    contract: str
    root: str
    from_strategy_id: int
    to_strategy_id: int
    net_qty: int
    price: Decimal
    opening_fill_id: int
