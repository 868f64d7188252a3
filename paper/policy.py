"""What the venue insists on beside matching: every switch with its default, none a fault."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Policy:
    """All of it may be changed while the venue runs, over the control port.

    The strict ones are off by default, so that a local run trades at any hour of the week.
    """

    sessions: bool = False  # SessionClosed outside the product's hours
    expiry_days: int = 2  # closing orders only from so many days before the last trading day
    margin: bool = False  # NotEnoughLiquidity, and liquidation by the venue
    order_qty_max: int | None = None  # MaxOrderQtyLimitReached above
    position_max: int | None = None  # MaxPosLimitReached above, for each contract
    limits: bool = False  # the broker's request quotas, answered 429
    unique_cl_ord_id: bool = False  # refuse a client id seen before
    replay_day: bool = False  # tell the day's events again at the end of its session


DEFAULT_POLICY: Final = Policy()
