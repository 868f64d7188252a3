"""`python -m sentinel`."""

from __future__ import annotations

import sys
from functools import partial

from sentinel.app import NAME, start
from sentinel.settings import SentinelSettings
from shared.runtime.logging import configure_logging
from shared.runtime.service import run_service


def main() -> None:
    settings = SentinelSettings()
    configure_logging(NAME, level=settings.log_level, log_format=settings.log_format)
    sys.exit(run_service(NAME, partial(start, settings)))


if __name__ == "__main__":
    main()
