"""What an onlooker at the venue measures, with a clock of its own and no word of ours.

Naked is a quantity that our fills hold, that the account still has, and that no working stop
covers. The time counts while the venue would have taken a stop, apart from the time in which it
would not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from paper import rows
from paper.faults import Fault
from shared.brokers.tradovate.limits import RATE_LIMITED_REST_S
from tests.simulation.venue_in_process import World

LOOK_EVERY_S: Final = 0.1
FINAL: Final = frozenset({"Canceled", "Completed", "Expired", "Filled", "Rejected"})
# Armed, each of these turns away the next order that comes; at a wrong host none is taken either.
_CLOSED_BY: Final = (
    Fault.TIMEOUT_BEFORE_ACCEPT,
    Fault.REJECT_NEXT,
    Fault.TIME_PENALTY,
    Fault.CAPTCHA_PENALTY,
    Fault.STORM_429,
    Fault.WRONG_ENVIRONMENT,
)


@dataclass(slots=True)
class Spell:
    """One stretch of time in which something was naked."""

    began_s: float
    ended_s: float | None = None
    open_s: float = 0.0  # of it, while the venue would have taken a stop
    first: str | None = None  # the first new order of ours that the venue took in it


@dataclass(slots=True)
class Watch:
    world: World
    account: int
    # An exit of ours is perhaps there already: a stop beside it could sell the quantity twice.
    in_doubt: Callable[[], bool]
    spells: list[Spell] = field(default_factory=list)
    _storm: bool = False
    _quiet_until_s: float = 0.0
    _ours: dict[int, bool] = field(default_factory=dict)

    def owned(self) -> int:
        """Contracts held by our fills."""
        store = self.world.venue.store
        return sum(
            fill.qty if fill.action == "Buy" else -fill.qty
            for fill in store.of_account(rows.Fill, self.account)
            if fill.active and self.is_ours(fill.order_id)
        )

    def net(self) -> int:
        positions = self.world.venue.store.of_account(rows.Position, self.account)
        return sum(position.net_pos for position in positions)

    def is_ours(self, order_id: int) -> bool:
        """By the id it was sent with: the first command of an order is the one that made it."""
        if order_id not in self._ours:
            made_by = self.world.venue.store.of_master(rows.Command, order_id)[0]
            self._ours[order_id] = made_by.cl_ord_id is not None and _is_uuid(made_by.cl_ord_id)
        return self._ours[order_id]

    def working(self, *, ours: bool = False) -> list[rows.Order]:
        return [
            order
            for order in self.world.venue.store.of_account(rows.Order, self.account)
            if order.ord_status not in FINAL and (not ours or self.is_ours(order.id))
        ]

    def exposed(self) -> int:
        """What of our position is still there: trades of others may have closed it."""
        owned, net = self.owned(), self.net()
        if owned * net <= 0:
            return 0
        return min(abs(owned), abs(net))

    def covered(self) -> int:
        scribe = self.world.venue.trading.scribe
        stops = [
            order
            for order in self.working(ours=True)
            if order.ord_status != "Suspended" and scribe.version_of(order.id).order_type == "Stop"
        ]
        return sum(scribe.version_of(x.id).order_qty - scribe.filled_qty(x.id) for x in stops)

    def would_take_a_stop(self) -> bool:
        """Nothing that the network, the guard or the risk desk holds turns an order away now."""
        venue, link = self.world.venue, self.world.link
        closed_until = venue.guard.closed_until
        if link.is_down or (closed_until is not None and venue.clock.now() < closed_until):
            return False
        tickets = venue.guard.tickets.values()
        if any(until > venue.clock.now() or captcha for until, captcha in tickets):
            return False
        if self.world.clock.monotonic() < self._quiet_until_s:
            return False  # told to be quiet: asking sooner makes it last longer
        if any(line.is_silent for line in link.lines) or link.armed:
            return False
        return not any(venue.faults.peek(fault) is not None for fault in _CLOSED_BY)

    async def run(self) -> None:
        while True:
            self.look()
            await self.world.clock.sleep(LOOK_EVERY_S)

    def look(self) -> None:
        now_s = self.world.clock.monotonic()
        storm = self.world.venue.faults.peek(Fault.STORM_429) is not None
        if storm or self._storm:
            self._quiet_until_s = now_s + RATE_LIMITED_REST_S
        self._storm = storm
        last = self.spells[-1] if self.spells and self.spells[-1].ended_s is None else None
        if self.exposed() <= self.covered():
            if last is not None:
                last.ended_s = now_s
            return
        if last is None:
            self.spells.append(Spell(now_s))
        elif self.would_take_a_stop() and not self.in_doubt():
            last.open_s += LOOK_EVERY_S


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
