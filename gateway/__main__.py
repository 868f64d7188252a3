"""`python -m gateway`: live sockets, health and metrics on TM_GATEWAY_PORT (5000)."""

from __future__ import annotations

import sys
from functools import partial
from uuid import uuid4

from gateway.app import start
from gateway.settings import GatewaySettings
from shared.runtime.logging import configure_logging
from shared.runtime.service import run_service


def main() -> None:
    settings = GatewaySettings()
    configure_logging("gateway", level=settings.log_level, log_format=settings.log_format)
    sys.exit(run_service("gateway", partial(start, settings, uuid4().hex)))


if __name__ == "__main__":
    main()
