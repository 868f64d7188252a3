"""One user's live view: events in, numbered frames out to every client of that user.

    event ── sequence (order, holes, repeats) ── mirror (state) ── one frame ── all clients
    price ── marked ── at most 4/s ── PNL, DATA

A desk exists while the user has a client. While its snapshot is being read events wait; whenever it
is in doubt it asks for another snapshot, and its clients start again from that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from collections.abc import Sequence as Many
from decimal import Decimal
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from gateway.client import Client
from gateway.frames import encode
from gateway.mirror import Mirror, PositionKey, key_of
from gateway.pnl import pnl_of
from gateway.sequence import Hole, Sequence
from shared.contracts.envelope import Envelope
from shared.contracts.positions import PositionChanged
from shared.contracts.registry import parse
from shared.contracts.ws import FrameType
from shared.domain.ids import UserId
from shared.domain.instruments import PRODUCTS
from shared.ports.clock import Clock
from shared.runtime.logging import get_logger
from shared.streams.quotes import Quote

_log = get_logger(__name__)

# Events that wait for the snapshot; with more it is read again instead.
PENDING_MAX: Final = 10_000

Ask = Callable[["Desk"], None]


class Desk:
    """`ask_snapshot` is told when a (new) snapshot is needed, `ask_mending` when events miss."""

    def __init__(
        self, user_id: UserId, epoch: str, clock: Clock, ask_snapshot: Ask, ask_mending: Ask
    ) -> None:
        self.user_id = user_id
        self.clients: set[Client] = set()
        self.seq = 0
        self._epoch = epoch
        self._clock = clock
        self._ask_snapshot = ask_snapshot
        self._ask_mending = ask_mending
        self._mirror: Mirror | None = None
        self._sequence = Sequence({})
        self._pending: list[Envelope] = []
        self._is_waiting = False
        # Accounts that a fresh snapshot did not show either: not this user's to see.
        self._strangers: set[int] = set()
        self._marked: set[PositionKey] = set()
        self._snapshot: bytes | None = None

    # --- where its state comes from ---------------------------------------------------------

    def ask_snapshot(self) -> None:
        """From now on events wait; what comes while the snapshot is read is not lost."""
        if not self._is_waiting:
            self._is_waiting = True
            self._ask_snapshot(self)

    def install(self, mirror: Mirror) -> None:
        """Start again from this snapshot, which was read after `ask_snapshot`."""
        self._mirror = mirror
        self._sequence = Sequence(
            {account_id: account.event_seq for account_id, account in mirror.accounts.items()}
        )
        waiting, self._pending = self._pending, []
        self._is_waiting = False
        if len(waiting) > PENDING_MAX:
            self.ask_snapshot()
            return
        self._strangers = {
            event.account_id
            for event in waiting
            if event.account_id is not None and not self._sequence.knows(event.account_id)
        }
        for client in self.clients:
            client.start_again()
        self._mark(mirror.positions.values())
        self._snapshot = None
        for envelope in waiting:
            self.take(envelope)

    # --- events -----------------------------------------------------------------------------

    def take(self, envelope: Envelope) -> None:
        """An event of this user, in any order, perhaps a repeat."""
        if self._is_waiting or self._mirror is None:
            if len(self._pending) <= PENDING_MAX:  # one more than allowed shows the overflow
                self._pending.append(envelope)
            return
        if envelope.seq is None or envelope.account_id is None:
            self._show(self._mirror, envelope)
            return
        if envelope.account_id in self._strangers:
            return
        for event in self._sequence.offer(envelope.account_id, envelope.seq, envelope):
            self._show(self._mirror, event)
        if self._sequence.is_lost:
            self._pending.append(envelope)
            self.ask_snapshot()
        elif self._sequence.holes():
            self._ask_mending(self)

    def holes(self) -> list[Hole]:
        return [] if self._is_waiting else self._sequence.holes()

    def fill(self, hole: Hole, found: Many[Envelope]) -> None:
        """What the outbox has of a hole. If it stays open the events are gone: start again."""
        for envelope in found:
            self.take(envelope)
        if any(each[:2] == hole[:2] for each in self.holes()):
            _log.warning("events_gone", account_id=hole.account_id, first=hole.first)
            self.ask_snapshot()

    def _show(self, mirror: Mirror, envelope: Envelope) -> None:
        try:
            body = parse(envelope)
        except ValidationError as error:
            # The number is used up all the same; the next snapshot has what it was about.
            _log.error("event_unreadable", event_type=envelope.type, problems=error.error_count())
            return
        if body is None:
            return
        told = mirror.apply(body, envelope.occurred_at)
        if told is None:
            return
        self._tell(*told)
        if isinstance(body, PositionChanged):
            self._mark([body])

    # --- frames -----------------------------------------------------------------------------

    def _tell(self, kind: FrameType, data: BaseModel) -> None:
        self.seq += 1
        self._snapshot = None
        frame = self._encode(kind, data)
        for client in self.clients:
            client.offer(frame)
        if kind is FrameType.POSITION and any(client.wants_updates for client in self.clients):
            update = self._encode(FrameType.POSITION_UPDATE, data)
            for client in self.clients:
                if client.wants_updates:
                    client.offer(update)

    def tell_value(self, kind: FrameType, data: object, key: object = None) -> None:
        """A figure of which only the newest counts; it takes no number of its own."""
        frame = self._encode(kind, data)
        for client in self.clients:
            client.offer(frame, (kind, key))

    def snapshot(self) -> bytes | None:
        """All that is true as of `seq`; None until it is known."""
        if self._mirror is None or self._is_waiting:
            return None
        if self._snapshot is None:
            data = self._mirror.snapshot()
            for account in data.accounts:
                account.event_seq = self._sequence.cursor(account.account_id)
            self._snapshot = self._encode(FrameType.SNAPSHOT, data)
        return self._snapshot

    def _encode(self, kind: FrameType, data: object) -> bytes:
        return encode(kind, data, epoch=self._epoch, seq=self.seq, at=self._clock.now())

    # --- prices -----------------------------------------------------------------------------

    def priced(self, contracts: Many[str]) -> None:
        """These contracts have a new price; what is held in them is told at the next `flush`."""
        if self._mirror is not None:
            self._mark(self._mirror.held(contracts))

    def mark_all(self) -> None:
        """A client came: it is told of every figure at the next `flush`."""
        if self._mirror is not None:
            self._mark(self._mirror.positions.values())

    def flush(self, prices: Mapping[str, Quote]) -> None:
        """Tell what was marked. Called four times a second, which is the limit per position."""
        if self._mirror is None or not self._marked:
            return
        marked, self._marked = self._marked, set()
        contracts: dict[str, PositionChanged] = {}
        for key in marked:
            position, quote = self._mirror.positions.get(key), prices.get(key[1])
            if position is not None and quote is not None:
                contracts[position.contract] = position
                self.tell_value(FrameType.PNL, pnl_of(position, quote), key)
        for contract, position in contracts.items():
            self.tell_value(FrameType.DATA, _tick(position, prices[contract]), contract)

    def _mark(self, positions: Any) -> None:
        self._marked.update(key_of(position) for position in positions)


def _tick(position: PositionChanged, quote: Quote) -> dict[str, object]:
    """The original's quote push. We know the last price only, so it stands for both sides."""
    product = PRODUCTS.get(position.root)
    step = Decimal(1) if product is None else product.tick_size
    return {
        "ticker": position.contract,
        "prices": {"ask": quote.price, "bid": quote.price},
        "tickinfo": {"step": step, "amnt": step * position.point_value_usd},
    }
