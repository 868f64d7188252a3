"""What people were told of each login, at each moment, and what they should have been told.

The record is noted at every word; the story says for which stretch which conditions may show and
which must have. Outside of all stretches a login is signed in. Once a minute the record is held
against the venue's own view: who has a synced socket there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import Final

from paper.hub import Hub
from shared.contracts.envelope import Envelope
from shared.domain.ids import ConnectionId
from shared.domain.login_health import Condition, condition_of
from shared.ports.broker import LoginHealth
from shared.ports.clock import Clock
from shared.ports.ledger import Lease, LegOffset, LegResize, LoginRow, Naked, Riding
from tests.simulation.ledger import covers, protection, rides
from tests.simulation.store import Store
from tests.simulation.twin import TwinLedger
from tests.simulation.week_memo import Memo

SOMEBODY: Final = "somebody"  # the login of a stretch in which it is enough that one says it
_SIGNED_IN: Final = frozenset({Condition.SIGNED_IN, Condition.RENEWAL_PENDING})
_TO_NOTICE_S: Final = 20.0  # a silent socket is given up after ten
_SAME_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Word:
    """What the record said from `at_s` of the loop on, and the health that made it say so."""

    at_s: float
    at: datetime
    condition: Condition
    code: str | None
    health: LoginHealth


@dataclass(frozen=True, slots=True)
class Stretch:
    """From and until in seconds of the loop; what may show, and what must at some moment."""

    login: str
    from_s: float
    until_s: float
    may: frozenset[Condition]
    must: frozenset[Condition] = frozenset()


@dataclass(slots=True)
class HealthBook:
    """Every word about every login, and what was expected."""

    clock: Clock
    words: dict[str, list[Word]] = field(default_factory=dict)
    stretches: list[Stretch] = field(default_factory=list)
    found: list[str] = field(default_factory=list)

    def said(self, login: str, state: str, code: str | None, health: LoginHealth) -> None:
        condition = condition_of(state, code)
        at_s = self.clock.monotonic()
        words = self.words.setdefault(login, [])
        words.append(Word(at_s, self.clock.now(), condition, code, health))

    def expect(
        self,
        login: str,
        for_s: float,
        *may: Condition,
        must: frozenset[Condition] = frozenset(),
        after_s: float = 0.0,
    ) -> None:
        """From now (or `after_s` later) on for so long; what must show may show."""
        from_s = self.clock.monotonic() + after_s
        self.stretches.append(Stretch(login, from_s, from_s + for_s, must.union(may), must))

    def now(self, login: str) -> Condition | None:
        words = self.words.get(login)
        return words[-1].condition if words else None

    def look(self, hub: Hub, users: dict[str, int]) -> None:
        """Hold the record against the venue's sockets; called once a minute."""
        for login, user in users.items():
            words = self.words.get(login)
            if not words or self.clock.monotonic() - words[-1].at_s < _TO_NOTICE_S:
                continue
            synced = any(each.user_id == user and each.is_synced for each in hub.listeners)
            if (words[-1].condition in _SIGNED_IN) != synced:
                self.found.append(f"{self._when(words[-1])} {login}: at the venue synced: {synced}")

    def check(self, ends_s: float) -> list[str]:
        """Everything that was told and should not have been, or was not and should have."""
        wrong = [*self.found]
        for login, words in self.words.items():
            wrong += self._wrong_words(login, words, ends_s)
        for stretch in self.stretches:
            shown = set(self._shown(stretch, ends_s))
            missing = sorted(stretch.must - shown)
            if missing:
                wrong.append(f"{stretch.login} at {stretch.from_s:.0f} s never said {missing}")
        return wrong

    def _wrong_words(self, login: str, words: list[Word], ends_s: float) -> Iterator[str]:
        for word, until_s in _spans(words, ends_s):
            if not self._is_allowed(login, word, until_s):
                told = f"{word.condition} for {until_s - word.at_s:.1f} s"
                yield f"{self._when(word)} {login}: {told}"
            yield from _wrong_times(login, word)

    def _is_allowed(self, login: str, word: Word, until_s: float) -> bool:
        """Every stretch that it falls into allows it; all but signed in need one throughout."""
        mine = sorted((s for s in self.stretches if s.login == login), key=lambda s: s.from_s)
        at_s = word.at_s
        for stretch in mine:
            if stretch.until_s <= at_s or stretch.from_s >= until_s:
                continue
            if word.condition is not Condition.SIGNED_IN and stretch.from_s > at_s + _SAME_S:
                return False
            if word.condition not in stretch.may:
                return False
            at_s = max(at_s, stretch.until_s)
        return word.condition is Condition.SIGNED_IN or at_s >= until_s

    def _shown(self, stretch: Stretch, ends_s: float) -> Iterator[Condition]:
        for login in self.words if stretch.login == SOMEBODY else [stretch.login]:
            for word, until_s in _spans(self.words.get(login, []), ends_s):
                if word.at_s < stretch.until_s and until_s > stretch.from_s:
                    yield word.condition

    def _when(self, word: Word) -> str:
        return f"{word.at:%a %H:%M:%S}Z [{word.code}]"


def _spans(words: list[Word], ends_s: float) -> Iterator[tuple[Word, float]]:
    """Each word with its end; a word that says the same again is part of the one before."""
    kept: list[Word] = []
    for word in words:
        if not kept or word.condition is not kept[-1].condition:
            kept.append(word)
    yield from ((word, after.at_s) for word, after in pairwise(kept))
    if kept:
        yield kept[-1], ends_s


_WITH_END: Final = frozenset(
    {
        Condition.CAPTCHA_UNTIL,
        Condition.LOCKED_UNTIL,
        Condition.RATE_LIMITED_UNTIL,
        Condition.WAITING_FOR_SLOT,
    }
)


def _wrong_times(login: str, word: Word) -> Iterator[str]:
    """A word began when it was said, not later; what rests tells until when."""
    health = word.health
    if health.since > word.at:
        yield f"{login}: {word.condition} since {health.since}, said at {word.at}"
    ends_at = health.next_attempt_at
    if ends_at is not None and ends_at < word.at:
        yield f"{login}: {word.condition} would end at {ends_at}, before {word.at}"
    if word.condition in _WITH_END and ends_at is None:
        yield f"{login}: {word.condition} [{word.code}] without an end at {word.at}"


class TellingLedger(TwinLedger):
    """The twin, which tells a book what its record of a login says after each word."""

    def __init__(self, store: Store, book: HealthBook, names: dict[ConnectionId, str]) -> None:
        super().__init__(store)
        self._book = book
        self._names = names
        self._rows = store.sessions
        self._memo = Memo(store)

    # --- looks of every half second, mostly at a store in which nothing has changed
    async def legs_off(self, held: Sequence[Lease]) -> list[LegOffset]:
        ids = _ids(held)
        return self._memo.look(("off", ids), lambda: protection.legs_off(self._store, ids))

    async def uneven(self, held: Sequence[Lease]) -> list[tuple[LegResize, ...]]:
        ids = _ids(held)
        now = self._store.clock.now()
        return self._memo.look(("uneven", ids), lambda: covers.uneven(self._store, ids, now))

    async def riding(self, held: Sequence[Lease]) -> list[Riding]:
        ids = _ids(held)
        return self._memo.look(("riding", ids), lambda: rides.riding(self._store, ids))

    async def naked(self, held: Sequence[Lease], older_than_s: float) -> list[Naked]:
        ids, now = _ids(held), self._store.clock.now()
        at = ("naked", ids, older_than_s)
        return self._memo.look(at, lambda: protection.naked(self._store, ids, older_than_s, now))

    async def save_state(self, login: LoginRow, health: LoginHealth) -> list[Envelope]:
        before = self._rows.get(login.connection_id)
        events = await super().save_state(login, health)
        after = self._rows.one(login.connection_id)
        same = (after.state, after.reason) == (health.state.value, health.code)
        if after != before or same:
            name = self._names[login.connection_id]
            self._book.said(name, after.state, after.reason, health)
        return events


def _ids(held: Sequence[Lease]) -> frozenset[ConnectionId]:
    return frozenset(lease.connection_id for lease in held)
