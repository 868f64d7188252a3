"""What an onlooker at the venue measures, with a clock of its own and no word of ours.

Naked is a quantity that our fills hold, that the account still has, and that no working stop
covers. The time counts while the venue would have taken a stop, apart from the time in which it
would not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final
from uuid import UUID

from paper import rows
from paper.faults import Fault
from shared.brokers.tradovate.limits import CAPTCHA_REST_S
from tests.simulation.venue_in_process import World
from tests.simulation.wire import Strike, Way

LOOK_EVERY_S: Final = 0.1
# What is told and heard is heard this long after it happened.
_HEARD_AFTER_S: Final = 0.05
# A third-party application has to stop for an hour: nothing that it places is accepted.
_CAPTCHA_REST: Final = timedelta(seconds=CAPTCHA_REST_S)
# Of the network's blows those that keep the frame they meet from the venue.
_SWALLOWS: Final = (Strike.CUT_BEFORE, Strike.HALF_OPEN_BEFORE)
FINAL: Final = frozenset({"Canceled", "Completed", "Expired", "Filled", "Rejected"})
# Each of these, while armed, turns away the next order that comes, so none would be accepted.
_TURN_AWAY: Final = (
    Fault.TIMEOUT_BEFORE_ACCEPT,
    Fault.REJECT_NEXT,
    Fault.TIME_PENALTY,
    Fault.CAPTCHA_PENALTY,
    Fault.STORM_429,
)


@dataclass(slots=True)
class Spell:
    """One stretch of time in which something was naked."""

    began_s: float
    after_id: int  # the venue's last id when it began
    in_exit: bool  # it began in the middle of an exit of ours, which took the stop away
    ended_s: float | None = None
    # When it could be known: at once in such an exit; else from when the venue's word of it could
    # arrive, because nobody knows what was not told, or we were seen to know by ending it.
    known_s: float | None = None
    open_s: float = 0.0  # of it, while the venue would have taken a stop
    first: str | None = None  # client id of the first new order of ours that the venue took in it


@dataclass(slots=True)
class Watch:
    world: World
    account: int
    # An exit of ours is perhaps there already, and a stop beside it could sell the quantity twice:
    # an exit never increases or flips a position.
    in_doubt: Callable[[], bool]
    exits: Callable[[], bool] = lambda: False  # whether an exit of ours is under way at all
    spells: list[Spell] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    _named: dict[int, str | None] = field(default_factory=dict)
    _looked_s: float = 0.0
    _was_open: bool = False

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
        return self.name_of(order_id) is not None

    def name_of(self, order_id: int) -> str | None:
        """Our client id of an order; None for what is not ours."""
        if order_id not in self._named:
            made_by = self.world.venue.store.of_master(rows.Command, order_id)[0]
            name = made_by.cl_ord_id
            self._named[order_id] = name if name is not None and _is_uuid(name) else None
        return self._named[order_id]

    def working(self, *, ours: bool = False) -> list[rows.Order]:
        return [
            order
            for order in self.world.venue.store.of_account(rows.Order, self.account)
            if order.ord_status not in FINAL and (not ours or self.is_ours(order.id))
        ]

    def exposed(self) -> int:
        """What of our position is still there: trades of others may have closed it."""
        owned = self.owned()
        net = self.net() if owned else 0
        if owned * net <= 0:
            return 0
        return min(abs(owned), abs(net))

    def covered(self) -> int:
        scribe = self.world.venue.trading.scribe
        stops = [
            order
            for order in self.working(ours=True)
            if order.ord_status != "Suspended" and self.type_of(order) == "Stop"
        ]
        return sum(scribe.version_of(x.id).order_qty - scribe.filled_qty(x.id) for x in stops)

    def type_of(self, order: rows.Order) -> str:
        return self.world.venue.trading.scribe.version_of(order.id).order_type

    def would_take_a_stop(self) -> bool:
        """Nothing that the network, the guard or the risk desk holds turns an order away now."""
        venue = self.world.venue
        if not self._is_reachable() or self.is_at_captcha():
            return False
        now = venue.clock.now()
        # Before its time a ticket is answered by another one.
        if any(until > now for until, _ in venue.guard.tickets.values()):
            return False
        return all(venue.faults.peek(fault) is None for fault in _TURN_AWAY)

    def is_at_captcha(self) -> bool:
        """For an hour after a captcha was asked for, no order is accepted that we place."""
        now = self.world.venue.clock.now()
        tickets = self.world.venue.guard.tickets.values()
        return any(captcha and now < until + _CAPTCHA_REST for until, captcha in tickets)

    def _is_reachable(self) -> bool:
        """An order sent now would arrive there, and there is somebody to take it."""
        venue, link = self.world.venue, self.world.link
        closed_until = venue.guard.closed_until
        if link.is_down or (closed_until is not None and venue.clock.now() < closed_until):
            return False
        if any(line.is_silent for line in link.lines):
            return False  # half open: it is lost with the line, and no end of it can be seen yet
        return not any(b.way is Way.OUT and b.strike in _SWALLOWS for b in link.armed)

    def _is_told(self) -> bool:
        """A line of ours is there to hear what the venue tells."""
        heard = any(each.is_synced for each in self.world.venue.hub.listeners)
        return heard and self._is_reachable()

    async def run(self) -> None:
        """At every change of the venue, and every so often while something is naked."""
        self.world.onlookers.append(self._stirred)
        while True:
            await self.changed.wait()
            self.changed.clear()
            while self._open_spell() is not None:
                await self.world.clock.sleep(LOOK_EVERY_S)
                self.look()

    def _stirred(self) -> None:
        self.look()
        self.changed.set()

    def look(self) -> None:
        now_s = self.world.clock.monotonic()
        spell = self._open_spell()
        if spell is not None and self._was_open:
            spell.open_s += now_s - self._looked_s
        if self.exposed() > self.covered():
            if spell is None:
                spell = Spell(now_s, self.world.venue.store.last_id, self.exits())
                self.spells.append(spell)
        elif spell is not None:
            spell.ended_s = now_s
        if spell is not None and spell.known_s is None:
            waited = now_s - spell.began_s >= _HEARD_AFTER_S
            if spell.in_exit:
                spell.known_s = spell.began_s
            elif self.exits() or (waited and self._is_told()):
                spell.known_s = now_s
        if spell is not None and spell.first is None:
            spell.first = self._first_after(spell.after_id)
        self._looked_s = now_s
        self._was_open = spell is not None and self.would_take_a_stop() and not self.in_doubt()

    def _open_spell(self) -> Spell | None:
        return self.spells[-1] if self.spells and self.spells[-1].ended_s is None else None

    def _first_after(self, last_id: int) -> str | None:
        """The name of the first order of ours with a later id that was not refused."""
        for order in self.world.venue.store.of_account(rows.Order, self.account):
            if order.id > last_id and order.ord_status != "Rejected" and self.is_ours(order.id):
                return self.name_of(order.id)
        return None


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
