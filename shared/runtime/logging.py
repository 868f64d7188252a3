"""Logs: static event names with fields beside them, one formatter for ours and everybody else's.

    log = get_logger(__name__)
    log.info("order_sent", intent_id=intent.id)

Bind the correlation id once, where work enters the process; every line below carries it. A secret
is masked by key and by shape in the last step, whatever the caller did.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any, Final, Literal, TextIO, cast

import structlog
from structlog.contextvars import bound_contextvars, merge_contextvars

from shared.runtime.masking import mask

FIELD_LENGTH_MAX: Final = 4_000
# Their lines at INFO carry addresses, and an address can hold a webhook key.
_QUIET: Final = ("httpx", "httpcore", "websockets", "hikari", "aiohttp.access", "asyncio")

LogFormat = Literal["json", "console"]


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """A logger that may be made at import time: it reads the configuration at its first line."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return logger


@contextmanager
def correlated(correlation_id: str, **fields: object) -> Iterator[None]:
    """Every line inside carries these fields, in this task and in the tasks it starts."""
    with bound_contextvars(correlation_id=correlation_id, **fields):
        yield


def configure_logging(
    service: str,
    *,
    level: str = "INFO",
    log_format: LogFormat = "json",
    stream: TextIO | None = None,
) -> None:
    """Once, in the entry point, before anything is logged."""
    shared: list[structlog.typing.Processor] = [
        merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        structlog.processors.format_exc_info,
        _name_service(service),
        mask_secrets,
    ]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer(default=str)
        if log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=False)
    )
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.PositionalArgumentsFormatter(),
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


def mask_secrets(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """The last processor before rendering: no secret passes, no field is endless."""
    masked = cast("dict[str, Any]", mask(dict(event)))
    for key, value in masked.items():
        if isinstance(value, str) and len(value) > FIELD_LENGTH_MAX:
            masked[key] = value[: FIELD_LENGTH_MAX - 1] + "…"
    return masked


def _name_service(service: str) -> structlog.typing.Processor:
    def add(_logger: object, _method: str, event: MutableMapping[str, Any]) -> Any:
        event.setdefault("service", service)
        return event

    return add
