"""`python -m api`: REST and webhooks on TM_API_PORT (5001)."""

from __future__ import annotations

import secrets
import sys
from functools import partial
from pathlib import Path

from api.app import create_app
from api.audit_linker import AuditLinker
from api.jobs.worker import Worker
from api.resources import Resources
from api.security.captcha import make_captcha
from api.security.passwords import Passwords
from api.server import make_server
from api.settings import ApiSettings
from shared.db.engine import POOL_TIMEOUT_API_S, make_engine
from shared.db.outbox import Outbox
from shared.domain.rules.news_file import read_news
from shared.domain.rules.prop import NewsWindow
from shared.relay import Relay
from shared.runtime.durability import require_durable
from shared.runtime.logging import configure_logging
from shared.runtime.readiness import Readiness
from shared.runtime.service import Service, run_service
from shared.streams.client import publishing
from shared.streams.publisher import Publisher

# The relay of some process sweeps each second; older than this, none of them does.
_OUTBOX_AGE_S_MAX = 30.0


def main() -> None:
    settings = ApiSettings()
    configure_logging("api", level=settings.log_level, log_format=settings.log_format)
    sys.exit(run_service("api", partial(start, settings)))


async def start(settings: ApiSettings, service: Service) -> None:
    """The parts list."""
    engine = make_engine(
        settings.database_url.get_secret_value(),
        "tm-api",
        pool_size=settings.api_pool_size,
        pool_timeout_s=POOL_TIMEOUT_API_S,
    )
    service.resources.push_async_callback(engine.dispose)
    # Redis may be away: alerts are taken all the same.
    redis = publishing(settings.redis_url.get_secret_value(), "tm-api")
    service.resources.push_async_callback(redis.aclose)
    await service.wait_for("postgresql", partial(require_durable, settings.env, engine, redis))

    outbox = Outbox(engine)
    readiness = Readiness(service.clock)
    readiness.add("outbox_age_s", outbox.oldest_unpublished_age_s, at_most=_OUTBOX_AGE_S_MAX)
    publisher = Publisher(redis, outbox, service.clock)
    resources = Resources(
        settings=settings,
        engine=engine,
        bell=publisher,
        clock=service.clock,
        random_bytes=secrets.token_bytes,
        passwords=Passwords(settings.password_hashes_at_once),
        captcha=make_captcha(settings),
        readiness=readiness,
        news=_news(settings.news_file),
    )
    server = make_server(create_app(resources), settings)
    service.on_drain(server.stop)
    service.spawn("publisher", publisher.run())
    service.spawn("relay", Relay(engine, redis, service.clock).run())
    service.spawn("jobs", Worker(resources).run())
    service.spawn("audit_chain", AuditLinker(engine, service.clock).run())
    service.spawn("http", server.run_until_stopped())


def _news(path: Path | None) -> tuple[NewsWindow, ...]:
    """As execution reads them. Raises `NewsFileRefused`, and `OSError`."""
    return () if path is None else read_news(path.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
