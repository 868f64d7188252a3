"""What the venue insists on beside matching: every switch with its default, none a fault."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, slots=True)
class Policy:
    """All of it may be changed while the venue runs, over the control port.

    The strict ones are off by default, so that a local run trades at any hour of the week.
    """

    sessions: bool = False
    expiry_days: int = 2
    margin: bool = False
    order_qty_max: int | None = None
    position_max: int | None = None
    limits: bool = False
    unique_cl_ord_id: bool = False
    replay_day: bool = False


DEFAULT_POLICY: Final = Policy()
ABOUT: Final[Mapping[str, str]] = MappingProxyType(
    {
        "sessions": "hours are kept: SessionClosed for orders, modifications and liquidations "
        "outside the product's session, and nothing trades; cancels are taken at any time",
        "expiry_days": "so many days before a contract's last one only closing orders are taken: "
        "LiquidationOnlyBeforeExpiration",
        "margin": "NotEnoughLiquidity, and liquidation by the venue",
        "order_qty_max": "above it MaxOrderQtyLimitReached",
        "position_max": "above it, for each contract, MaxPosLimitReached",
        "limits": "the broker's request quotas, answered 429",
        "unique_cl_ord_id": "a client id seen before is refused",
        "replay_day": "the day's events are told again at 16:00 Chicago",
    }
)
