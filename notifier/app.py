"""The parts of the notifier and how they hang together."""

from __future__ import annotations

from functools import partial

from notifier.channels import make_channels
from notifier.delivery import Delivery
from notifier.intake import GROUP, TYPES, Intake
from notifier.settings import NotifierSettings
from shared.contracts.envelope import Envelope
from shared.contracts.streams import EVENTS, RECORDS
from shared.db.engine import make_engine
from shared.db.inbox import Inbox
from shared.runtime.durability import require_durable
from shared.runtime.health import health_server
from shared.runtime.readiness import Readiness
from shared.runtime.service import Service
from shared.streams.client import reading
from shared.streams.consumer import Consumer


async def start(settings: NotifierSettings, service: Service) -> None:
    """The parts list. Redis and the channels may be away; messages wait in the database."""
    engine = make_engine(
        settings.database_url.get_secret_value(),
        "tm-notifier",
        pool_size=settings.notifier_pool_size,
    )
    service.resources.push_async_callback(engine.dispose)
    redis = reading(settings.redis_url.get_secret_value(), "tm-notifier")
    service.resources.push_async_callback(redis.aclose)

    inbox = Inbox(engine, GROUP)
    readiness = Readiness(service.clock)
    if settings.health_port:
        await service.resources.enter_async_context(
            health_server(settings.health_host, settings.health_port, readiness)
        )
    await service.wait_for("postgresql", partial(require_durable, settings.env, engine, redis))

    channels = make_channels(settings, service.clock)
    deliveries = [Delivery(engine, channel, service.clock) for channel in channels]

    def wake(_envelope: Envelope) -> None:
        for delivery in deliveries:
            delivery.wake()

    consumer = Consumer(
        GROUP,
        streams=[RECORDS, EVENTS],
        types=TYPES,
        handler=Intake(channels).handle,
        inbox=inbox,
        redis=redis,
        clock=service.clock,
        after_commit=wake,
    )
    service.spawn("intake", consumer.run())
    for channel, delivery in zip(channels, deliveries, strict=True):
        service.resources.push_async_callback(channel.close)
        service.spawn(f"delivery-{channel.name}", delivery.run())
