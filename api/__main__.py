"""`python -m api`: REST and webhooks on TM_API_PORT (5001)."""

from __future__ import annotations

import asyncio
import secrets

import uvicorn

from api.app import create_app
from api.resources import Resources
from api.settings import ApiSettings
from shared.db.engine import POOL_TIMEOUT_API_S, make_engine
from shared.db.outbox import Outbox
from shared.runtime.clock import SystemClock
from shared.runtime.logging import configure_logging
from shared.streams.client import publishing
from shared.streams.publisher import Publisher


def main() -> None:
    settings = ApiSettings()
    configure_logging("api")
    with asyncio.Runner() as runner:
        runner.run(serve(settings))


async def serve(settings: ApiSettings) -> None:
    """Until a signal; requests under way are finished first."""
    clock = SystemClock()
    engine = make_engine(
        settings.database_url.get_secret_value(),
        "tm-api",
        pool_size=settings.api_pool_size,
        pool_timeout_s=POOL_TIMEOUT_API_S,
    )
    redis = publishing(settings.redis_url.get_secret_value(), "tm-api")
    publisher = Publisher(redis, Outbox(engine), clock)
    app = create_app(Resources(settings, engine, publisher, clock, secrets.token_bytes))
    ringing = asyncio.create_task(publisher.run())
    try:
        await uvicorn.Server(server_config(app, settings)).serve()
    finally:
        ringing.cancel()
        await asyncio.wait({ringing})
        await redis.aclose()
        await engine.dispose()


def server_config(app: object, settings: ApiSettings) -> uvicorn.Config:
    """No access log of uvicorn's: its lines carry addresses, and an address can hold a key."""
    return uvicorn.Config(
        app,  # type: ignore[arg-type] # uvicorn names its own ASGI type
        host=settings.api_host,
        port=settings.api_port,
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_config=None,
        server_header=False,
        forwarded_allow_ips=settings.api_trusted_proxies,
        timeout_graceful_shutdown=5,
    )


if __name__ == "__main__":
    main()
