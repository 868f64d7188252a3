"""The parts of execution and how they are joined. Read it as a list."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from sqlalchemy.ext.asyncio import AsyncEngine

from execution.averager import Averager
from execution.bell import Bell
from execution.brokers import make_broker, make_egress
from execution.calendar_round import CalendarRound
from execution.commands import Commands
from execution.consents import Consents
from execution.drift_watch import DriftWatch
from execution.healer import Healer
from execution.intake import STREAMS, Intake
from execution.lanes import Lanes
from execution.ledger import PostgresLedger
from execution.ledger.averages import PostgresAveraging
from execution.ledger.consents import ConsentBook
from execution.ledger.due import PostgresAgenda
from execution.ledger.handovers import HandoverBook
from execution.ledger.heals import PostgresHealing
from execution.ledger.trials import TrialBook
from execution.login import Login
from execution.logins import Logins
from execution.news import load_news, with_news
from execution.notices import Notices
from execution.placer import Placer
from execution.planner import Planner
from execution.prices import Prices
from execution.protector import Protector
from execution.reconcile import Reconcile
from execution.record_clock import RecordClock, database_now
from execution.resolver import Resolver
from execution.risk_watch import RiskWatch
from execution.settings import ExecutionSettings
from execution.tokens import TokenStore
from execution.trials import Trials
from execution.worths import Worths
from shared.db.controls import CHANNEL
from shared.db.engine import make_engine
from shared.db.outbox import Outbox
from shared.domain.rules.prop import NewsWindow
from shared.ports.clock import Clock
from shared.ports.ledger import Lease, Ledger
from shared.relay import Relay
from shared.runtime.durability import require_durable
from shared.runtime.health import health_server
from shared.runtime.readiness import Readiness
from shared.runtime.service import Service
from shared.streams.client import publishing, reading
from shared.streams.group import Group
from shared.streams.publisher import Publisher
from shared.streams.quotes import QuoteStream
from shared.vault import Opener

if TYPE_CHECKING:  # the client imports it late: start-up time
    from redis.asyncio import Redis
    from sqlalchemy.ext.asyncio import AsyncEngine

NAME = "execution"
# Whoever takes over from a process that stands still waits for its locks no longer than this.
TRANSACTION_TIMEOUT_S = 5.0


async def start(settings: ExecutionSettings, service: Service) -> None:
    """Open, wire, spawn."""
    engine = _engine(settings)
    clock = RecordClock(service.clock, partial(database_now, engine))
    service.resources.push_async_callback(engine.dispose)
    redis, listening = _redis(settings, service)
    await service.wait_for("postgresql", lambda: _answers(settings, engine, redis, clock))

    outbox = Outbox(engine)
    publisher, relay = Publisher(redis, outbox, clock), Relay(engine, redis, clock)
    bell = publisher.offer
    ledger, prices = PostgresLedger(engine, clock), Prices(clock)
    logins = Logins(ledger, clock, holder=f"{NAME}-{uuid4()}")
    news = load_news(settings.news_file)
    lanes = Lanes(ledger, logins, Placer(ledger, logins, clock), prices, bell, clock, news=news)
    protector = Protector(ledger, logins, prices, bell, clock)
    reconcile = Reconcile(ledger, logins, bell, clock, read_every_s=settings.reconcile_every_s)
    age_s, decide = settings.signal_max_age_s, with_news(news)
    planner = Planner(ledger, bell, clock, max_age_s=age_s, planned=lanes.wake, decide_by=decide)
    keys = settings.vault_private_key, settings.vault_previous_private_key
    vault = Opener(*(key.get_secret_value() for key in keys))
    egress = make_egress(settings, engine, clock)
    parts = logins, vault, settings, egress, bell, clock
    consents = Consents(ledger, ConsentBook(engine, clock), *parts)
    trials = Trials(ledger, TrialBook(engine, clock), *parts)
    others = {**consents.bells, **trials.bells}
    commands = _commands(engine, ledger, reconcile, lanes, bell, clock, others)
    intake = Intake(Group(listening, NAME, "1", STREAMS), planner, commands, clock)

    def changed() -> None:
        """A fact was applied: somebody's turn may have come, a leg may stand wrong."""
        lanes.wake()
        protector.rounds.wake()

    async def make_login(lease: Lease) -> Login:
        row = await ledger.login(lease.connection_id)
        tokens = TokenStore(ledger, vault, row)
        await trials.hand_over(row, tokens)
        broker = make_broker(row, vault, tokens, settings, clock, egress)
        await egress.spending.sync()  # what the login's last owner spent of this hour
        return Login(lease, row, broker, ledger, prices, bell, clock, changed=changed)

    await _health(settings, service, outbox)
    service.on_drain(egress.spending.sync)
    service.on_drain(logins.release)
    for name, work in {
        "clock": clock.run(),
        "publisher": publisher.run(),
        "relay": relay.run(),
        "logins": logins.run(make_login),
        "planner": planner.run(),
        "intake": intake.run(),
        "lanes": lanes.run(),
        "protector": protector.run(),
        "reconcile": reconcile.run(),
        **_looks(ledger, logins, prices, bell, clock),
        "commands": commands.rounds.run(),
        "controls": Notices(engine.url, CHANNEL, (lanes.wake, commands.rounds.wake), clock).run(),
        "consents": consents.rounds.run(),
        "trials": trials.run(),
        "calendar": CalendarRound(
            PostgresAgenda(engine, clock), logins, bell, clock, planned=lanes.wake
        ).rounds.run(),
        **_entries(engine, logins, prices, clock, planned=lanes.wake, news=news),
        "spending": egress.spending.run(),
        "quotes": prices.publish(QuoteStream(redis, clock)),
    }.items():
        service.spawn(name, work)


async def _answers(
    settings: ExecutionSettings, engine: AsyncEngine, redis: Redis, clock: RecordClock
) -> None:
    """The database keeps what it is told, and says what time it is."""
    await require_durable(settings.env, engine, redis)
    await clock.ask()


def _engine(settings: ExecutionSettings) -> AsyncEngine:
    url = settings.database_url.get_secret_value()
    return make_engine(url, NAME, pool_size=16, transaction_timeout_s=TRANSACTION_TIMEOUT_S)


def _redis(settings: ExecutionSettings, service: Service) -> tuple[Redis, Redis]:
    """For publishing, and for listening, which waits on its connection."""
    url = settings.redis_url.get_secret_value()
    made = publishing(url, NAME), reading(url, NAME)
    for client in made:
        service.resources.push_async_callback(client.aclose)
    return made


async def _health(settings: ExecutionSettings, service: Service, outbox: Outbox) -> None:
    readiness = Readiness(service.clock)
    readiness.add("outbox_age_s", outbox.oldest_unpublished_age_s, at_most=30.0)
    await service.resources.enter_async_context(
        health_server(settings.health_host, settings.health_port, readiness)
    )


def _commands(
    engine: AsyncEngine,
    ledger: Ledger,
    reconcile: Reconcile,
    lanes: Lanes,
    bell: Bell,
    clock: Clock,
    others: Mapping[str, Callable[[], None]],
) -> Commands:
    return Commands(
        ledger,
        bell,
        clock,
        reconcile=reconcile.read_now,
        planned=lanes.wake,
        others=others,
        hand_over=HandoverBook(engine, clock).carry_out,
    )


def _entries(
    engine: AsyncEngine,
    logins: Logins,
    prices: Prices,
    clock: Clock,
    *,
    planned: Callable[[], None],
    news: tuple[NewsWindow, ...],
) -> dict[str, Coroutine[Any, Any, None]]:
    """What enters without an alert."""
    average, heal = PostgresAveraging(engine, clock), PostgresHealing(engine, clock)
    return {
        "averager": Averager(
            average, logins, prices, clock, planned=planned, news=news
        ).rounds.run(),
        "healer": Healer(heal, logins, planned=planned, news=news).rounds.run(),
    }


def _looks(
    ledger: Ledger, logins: Logins, prices: Prices, bell: Bell, clock: Clock
) -> dict[str, Coroutine[Any, Any, None]]:
    """What looks again and again, and is woken by nobody."""
    return {
        "resolver": Resolver(ledger, logins, bell, clock).run(),
        "drift": DriftWatch(ledger, logins, bell, clock).rounds.run(),
        "worths": Worths(ledger, logins, clock).run(),
        "risk": RiskWatch(ledger, logins, prices, bell).rounds.run(),
    }
