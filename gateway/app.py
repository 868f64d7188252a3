"""The parts of the gateway and how they hang together."""

from __future__ import annotations

from functools import partial

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.auth import SessionWatch
from gateway.feed import Feed
from gateway.server import Door, drain, listen
from gateway.session import Sessions
from gateway.settings import GatewaySettings
from shared.db.engine import make_engine
from shared.db.uow import read_only
from shared.runtime.durability import require_durable
from shared.runtime.readiness import Readiness
from shared.runtime.service import Service
from shared.streams.client import reading


async def start(settings: GatewaySettings, epoch: str, service: Service) -> None:
    """The parts list. `epoch` names this process instance.

    The port opens first, so that health is answered while the database is still away; sockets
    get 503 until the feed has its place in the streams.
    """
    engine = make_engine(
        settings.database_url.get_secret_value(),
        "tm-gateway",
        pool_size=settings.gateway_pool_size,
    )
    service.resources.push_async_callback(engine.dispose)
    redis = reading(settings.redis_url.get_secret_value(), "tm-gateway")
    service.resources.push_async_callback(redis.aclose)

    feed = Feed(engine, redis, service.clock, epoch)
    readiness = Readiness(service.clock)
    readiness.add("postgresql", partial(_ping, engine))
    readiness.add("feed", partial(_feed_missing, feed), at_most=0)
    door = Door(settings, readiness, lambda: feed.is_started)
    server = await listen(settings, door, Sessions(engine, feed.hub, service.clock))
    service.on_drain(partial(drain, server))
    service.resources.push_async_callback(drain, server)

    await service.wait_for("postgresql", partial(require_durable, settings.env, engine, redis))
    await service.wait_for("outbox", feed.start)
    for name, task in feed.tasks().items():
        service.spawn(name, task())
    service.spawn("sessions", SessionWatch(engine, feed.hub, service.clock).run())


async def _ping(engine: AsyncEngine) -> None:
    async with read_only(engine) as connection:
        await connection.execute(text("SELECT 1"))


async def _feed_missing(feed: Feed) -> float:
    return 0 if feed.is_started else 1
