"""Events about positions, written by execution."""

from __future__ import annotations

from decimal import Decimal
from typing import ClassVar

from pydantic import AwareDatetime

from shared.contracts.registry import EventBody, register
from shared.contracts.streams import EVENTS


@register
class PositionChanged(EventBody):
    """One owner's position in one contract after a fill. `version` rises by one with each."""

    type: ClassVar[str] = "position.changed.v1"
    stream: ClassVar[str] = EVENTS

    account_id: int
    strategy_id: int  # 0: not ours
    contract: str
    root: str
    net_qty: int
    avg_price: Decimal | None
    point_value_usd: Decimal
    version: int
    as_of: AwareDatetime
