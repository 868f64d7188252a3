"""Everything that outlives a process: venue, network, record, streams; and who trades where."""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from itertools import count
from random import Random
from typing import Any, Final

from pydantic import SecretStr

from paper import rows
from paper.faults import UNTIL_CLEARED, Fault
from paper.feed import Feed
from paper.journal import Line, NoJournal
from paper.market import family_of
from paper.mishaps import MISHAPS
from paper.rest import Application
from paper.settings import Login as VenueLogin
from paper.settings import PaperSettings
from paper.venue import Venue
from shared.domain.ids import AccountId, ConnectionId, StrategyId, UserId
from tests.simulation.store import Store
from tests.simulation.venue_in_process import Tokens
from tests.simulation.virtual_loop import VirtualClock
from tests.simulation.wire import Link
from tests.simulation.world.bus import Bells, TwinOutbox
from tests.simulation.world.plan import START_PRICE, Plan
from tests.simulation.world.points import Notes

URL: Final = "http://127.0.0.1:5010/v1"
PASSWORD: Final = "not-a-secret"
START: Final = datetime(2026, 3, 3, 15, 0, tzinfo=UTC)  # a Tuesday, 09:00 in Chicago


@dataclass(frozen=True, slots=True)
class Seat:
    """One account: ours, and the venue's."""

    login: str
    account: AccountId
    venue_account: int
    name: str


class Trace:
    """A hash over every step of every process, and the last of them in words."""

    def __init__(self, clock: VirtualClock, kept: int = 0) -> None:
        self._clock = clock
        self._hash = hashlib.sha256()
        self._kept = kept
        self.lines: list[str] = []

    def __call__(self, line: str) -> None:
        told = f"{self._clock.monotonic():.6f} {line}\n"
        self._hash.update(told.encode())
        if self._kept:
            self.lines.append(told.rstrip())
            del self.lines[: -self._kept]

    @property
    def digest(self) -> str:
        return self._hash.hexdigest()


class Journal(NoJournal):
    """Tells who looks on which accounts a commit of the venue touched."""

    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        self._touched: set[int] = set()
        self.onlookers: list[Callable[[int], None]] = []

    def append(self, line: Line) -> None:
        for kind, account, raw in line.rows:
            self._touched.add(account)
            if kind in ("order", "fill", "command"):
                self._trace(f"venue {kind} {bytes(raw).decode()}")

    def after(self, tell: Callable[[], None]) -> None:
        tell()
        touched, self._touched = sorted(self._touched), set()
        for account in touched:
            for look in self.onlookers:
                look(account)


@dataclass(slots=True)
class Street:
    plan: Plan
    clock: VirtualClock
    venue: Venue
    feed: Feed
    app: Application
    store: Store
    outbox: TwinOutbox
    bells: Bells
    notes: Notes
    trace: Trace
    journal: Journal
    user: UserId
    connections: dict[str, ConnectionId]
    seats: list[Seat]
    strategies: list[StrategyId]
    rng: Random
    tokens: dict[ConnectionId, Tokens]
    prices: dict[str, Decimal] = field(default_factory=dict)
    told: Counter[str] = field(default_factory=Counter)  # what happened, by name
    found: list[str] = field(default_factory=list)  # what was wrong at its moment

    def move(self, root: str, ticks: int) -> None:
        self.prices[root] += ticks * Decimal("0.25")
        self.venue.trade(family_of(root), self.prices[root])

    def switch(self, name: str, **options: Any) -> None:
        """One of the venue's named faults, as its control port would."""
        fault, mishap = Fault(name), MISHAPS.get(Fault(name))
        if mishap is not None:
            mishap(self.venue, options)
        else:
            times = options.pop("count", 1)
            self.venue.faults.arm(fault, UNTIL_CLEARED if times is None else times, options)
        self.venue.commit()

    def free(self, seat: Seat) -> None:
        """Liquidated, it may trade again."""
        self.switch("account_state", account=seat.name, action="Normal")

    def heal(self) -> None:
        """Nothing is armed any more."""
        for fault in Fault:
            self.venue.faults.arm(fault, 0, {})
        self.venue.guard.closed_until = None
        self.bells.is_away = False

    def trade_freely(self) -> None:
        """Orders are filled whole from now on."""
        rules = replace(self.venue.trading.rules, size_max_contracts=None)
        self.venue.trading.set_rules(rules)

    def link(self, process: str) -> Link:
        return Link(Random(f"{self.plan.seed} {process}"))  # noqa: S311 - reproducible on purpose


def open_street(
    plan: Plan, kept_lines: int = 0, new_store: Callable[[VirtualClock], Store] = Store
) -> Street:
    """In the loop that runs now, at its instant."""
    clock = VirtualClock(asyncio.get_running_loop(), START)
    trace = Trace(clock, kept_lines)
    venue = _venue(clock, plan)
    venue.journal = journal = Journal(trace)
    store = new_store(clock)
    rng = Random(f"street {plan.seed}")  # noqa: S311 - reproducible on purpose
    user = store.add_user()
    connections = {
        login: store.add_connection(user, login)
        for login in dict.fromkeys(each.login for each in plan.seats)
    }
    seats = _seats(plan, venue, store, connections)
    lost, doubled, overtaken = plan.bells
    street = Street(
        plan,
        clock,
        venue,
        Feed(venue),
        Application(venue),
        store,
        TwinOutbox(store),
        Bells(rng, loss=lost, doubling=doubled, overtaking=overtaken),
        Notes(clock, trace, holds=lambda process, login: _holds(store, process, login)),
        trace,
        journal,
        user,
        connections,
        seats,
        _strategies(plan, store, user, seats),
        rng,
        {each: Tokens() for each in connections.values()},
    )
    for root in sorted({each.root for each in plan.strategies}):
        street.prices[root] = START_PRICE
        street.move(root, 0)
    return street


def _holds(store: Store, process: str, login: ConnectionId) -> bool:
    lease = store.leases.get(login)
    return lease is not None and lease.holder == process and lease.expires_at > store.clock.now()


def _venue(clock: VirtualClock, plan: Plan) -> Venue:
    accounts = Counter(each.login for each in plan.seats)
    first, *others = (
        VenueLogin(user=login, password=SecretStr(PASSWORD), accounts=many)
        for login, many in accounts.items()
    )
    options: dict[str, Any] = {
        "env": "test",
        "paper_user": first.user,
        "paper_password": PASSWORD,
        "paper_accounts": first.accounts,
        "paper_logins": tuple(others),
        "paper_speed": 0.0,
        "paper_seed": plan.seed,
    }
    venue = Venue(PaperSettings(**options), clock)
    numbers = count(1)
    venue.sessions.new_token = lambda: f"token-{next(numbers)}"  # the same in every run
    venue.begin()
    rules = replace(
        venue.trading.rules, slippage_ticks=plan.slippage_ticks, size_max_contracts=plan.partial
    )
    venue.trading.set_rules(rules)
    return venue


def _seats(
    plan: Plan, venue: Venue, store: Store, connections: dict[str, ConnectionId]
) -> list[Seat]:
    theirs = {login: iter(_accounts_of(venue, login)) for login in connections}
    seats = []
    for wanted in plan.seats:
        row = next(theirs[wanted.login])
        account = store.add_account(connections[wanted.login], row.id, row.name)
        settings = replace(
            store.accounts.one(account),
            multiplier=wanted.multiplier,
            exclusive=wanted.exclusive,
            rules=wanted.rules,
        )
        store.accounts.put(account, settings)
        seats.append(Seat(wanted.login, account, row.id, row.name))
    return seats


def _accounts_of(venue: Venue, login: str) -> list[rows.Account]:
    owner = venue.store.named(rows.User, login)
    assert owner is not None
    return [row for row in venue.store.all(rows.Account) if row.user_id == owner.id]


def _strategies(plan: Plan, store: Store, user: UserId, seats: list[Seat]) -> list[StrategyId]:
    made = []
    for wanted in plan.strategies:
        key = store.add_strategy(user, wanted.name, symbol=f"{wanted.root}1!")
        row = store.strategies.one(key)
        store.strategies.put(key, replace(row, strategy=replace(row.strategy, rules=wanted.rules)))
        for number in wanted.seats:
            store.link(key, seats[number].account)
        made.append(key)
    return made
