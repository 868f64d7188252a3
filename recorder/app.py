"""The parts of recorder and how they are joined. Read it as a list."""

from __future__ import annotations

from recorder.allowance import Allowance
from recorder.handlers import GROUP, STREAMS, TYPES, Handlers
from recorder.reader import TradovateReader
from recorder.settings import RecorderSettings
from recorder.watcher import Watcher
from shared.brokers.tradovate.login import Environment, urls_for
from shared.brokers.tradovate.rest import Rest
from shared.brokers.tradovate.spend import Spending
from shared.db.engine import make_engine
from shared.db.inbox import Inbox
from shared.db.outbox import Outbox
from shared.db.request_spend import RequestSpend
from shared.relay import Relay
from shared.runtime.durability import require_durable
from shared.runtime.health import health_server
from shared.runtime.readiness import Readiness
from shared.runtime.service import Service
from shared.streams.client import publishing, reading
from shared.streams.consumer import Consumer
from shared.streams.publisher import Publisher
from shared.vault import Opener

NAME = "recorder"
OUTBOX_AGE_S_MAX = 30.0


async def start(settings: RecorderSettings, service: Service) -> None:
    """Open, wire, spawn."""
    clock = service.clock
    engine = make_engine(settings.database_url.get_secret_value(), "tm-recorder")
    service.resources.push_async_callback(engine.dispose)
    redis_url = settings.redis_url.get_secret_value()
    redis, listening = publishing(redis_url, "tm-recorder"), reading(redis_url, "tm-recorder")
    service.resources.push_async_callback(redis.aclose)
    service.resources.push_async_callback(listening.aclose)
    await service.wait_for("postgresql", lambda: require_durable(settings.env, engine, redis))

    outbox = Outbox(engine)
    publisher = Publisher(redis, outbox, clock)
    handlers = Handlers(publisher)
    consumer = Consumer(
        GROUP,
        streams=STREAMS,
        types=TYPES,
        handler=handlers.handle,
        together=handlers.together,
        inbox=Inbox(engine, GROUP),
        redis=listening,
        clock=clock,
        after_commit=handlers.after_commit,
    )
    paper, demo = Rest(settings.paper_url), Rest(settings.tradovate_demo_url)
    for rest in (paper, demo):
        service.resources.push_async_callback(rest.aclose)
    urls = {
        "paper": urls_for(Environment.PAPER, settings.paper_url),
        "demo": urls_for(Environment.DEMO, settings.tradovate_demo_url),
    }
    watcher = Watcher(
        engine,
        {"paper": TradovateReader(paper), "demo": TradovateReader(demo)},
        Opener(
            settings.vault_private_key.get_secret_value(),
            settings.vault_previous_private_key.get_secret_value(),
        ),
        clock,
        Allowance(Spending(clock, RequestSpend(engine)), urls),
        every_s=settings.recorder_poll_s,
        bell=publisher.offer,
    )

    readiness = Readiness(clock)
    readiness.add("outbox_age_s", outbox.oldest_unpublished_age_s, at_most=OUTBOX_AGE_S_MAX)
    await service.resources.enter_async_context(
        health_server(settings.health_host, settings.health_port, readiness)
    )
    service.spawn("publisher", publisher.run())
    service.spawn("relay", Relay(engine, redis, clock).run())
    service.spawn("consumer", consumer.run())
    service.spawn("watcher", watcher.run())
