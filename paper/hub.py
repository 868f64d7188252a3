"""Who is told: entity events to the sockets of a user, quotes to those that subscribed."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Final, Protocol

from paper.faults import Fault, Faults
from paper.rows import encode
from paper.store import NO_ACCOUNT, Change, Store

SOCKETS_MAX: Final = 1_000
CHARTS_MAX: Final = 5_000


class Listener(Protocol):
    """What the hub needs of a socket. `wants` is asked only of one that is synced."""

    @property
    def user_id(self) -> int | None: ...

    @property
    def session_id(self) -> int | None: ...

    @property
    def is_synced(self) -> bool: ...

    def wants(self, change: Change) -> bool: ...

    def push(self, message: bytes) -> None: ...

    def shut_down(self, reason_code: str, reason: str) -> None: ...

    def drop(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Chart:
    """A subscription; `minutes` is the size of its bars, 0 for ticks."""

    historical_id: int
    realtime_id: int
    listener: Listener
    contract_id: int
    minutes: int


class Listeners(dict[Listener, None]):
    """A set in the order of its coming: whoever is told first is told first each time."""

    def add(self, listener: Listener) -> None:
        self[listener] = None

    def discard(self, listener: Listener) -> None:
        self.pop(listener, None)


@dataclass(slots=True)
class Hub:
    """The open sockets, at most `SOCKETS_MAX`."""

    store: Store
    faults: Faults
    listeners: Listeners = field(default_factory=Listeners)
    quotes: dict[int, Listeners] = field(default_factory=dict)
    charts: dict[int, Chart] = field(default_factory=dict)
    _held: list[list[Change]] | None = None

    def leave(self, listener: Listener) -> None:
        self.listeners.discard(listener)
        for listeners in self.quotes.values():
            listeners.discard(listener)
        self.charts = {n: chart for n, chart in self.charts.items() if chart.listener != listener}

    def subscribe(self, listener: Listener, contract_id: int) -> None:
        self.quotes.setdefault(contract_id, Listeners()).add(listener)

    def unsubscribe(self, listener: Listener, contract_id: int) -> None:
        self.quotes.get(contract_id, Listeners()).discard(listener)

    def hold(self, for_s: float) -> None:
        """Keep events back for a while; they come later in their order."""
        self._held = [] if self._held is None else self._held
        asyncio.get_running_loop().call_later(for_s, self._let_go)

    def _let_go(self) -> None:
        held, self._held = self._held or [], None
        for changes in held:
            self.publish(changes)

    def publish(self, changes: Sequence[Change]) -> None:
        """Tell every synced socket of a user what happened in the user's accounts, in order."""
        told = [c for c in changes if c.account_id != NO_ACCOUNT and c.kind.synced]
        if not told:
            return
        if self._held is not None:
            self._held.append(told)
            return
        told = self._disturbed(told)
        messages: dict[int, bytes] = {}
        for listener in self.listeners:
            if not listener.is_synced:
                continue
            for number, change in enumerate(told):
                if self.store.user_of(change.account_id) == listener.user_id and listener.wants(
                    change
                ):
                    if number not in messages:
                        messages[number] = _event(change)
                    listener.push(messages[number])

    def end_session(self, session_id: int) -> None:
        """A session was displaced: its sockets are told and closed."""
        for listener in list(self.listeners):
            if listener.session_id == session_id:
                listener.shut_down("ConnectionQuotaReached", "Too many sessions")

    def shut_down(self, reason_code: str, reason: str) -> int:
        """Tell every socket why, and close it; returns how many."""
        told = list(self.listeners)
        for listener in told:
            listener.shut_down(reason_code, reason)
        return len(told)

    def drop(self, user_id: int | None) -> int:
        """Close sockets without a word; returns how many."""
        dropped = [x for x in self.listeners if user_id is None or x.user_id == user_id]
        for listener in dropped:
            listener.drop()
        return len(dropped)

    def _disturbed(self, told: list[Change]) -> list[Change]:
        if self.faults.take(Fault.DUPLICATE_EVENTS) is not None:
            told = [change for change in told for _ in range(2)]
        if self.faults.take(Fault.REVERSE_EVENTS) is not None:
            told = told[::-1]
        shuffle = self.faults.take(Fault.SHUFFLE_EVENTS)
        if shuffle is not None:
            told = list(told)
            Random(str(shuffle.get("seed", 0))).shuffle(told)  # noqa: S311 - reproducible on purpose
        return told


def _event(change: Change) -> bytes:
    kind = "Created" if change.created else "Updated"
    return b'{"e":"props","d":{"entityType":"%b","eventType":"%b","entity":%b}}' % (
        change.kind.name.encode(),
        kind.encode(),
        encode(change.row),
    )
