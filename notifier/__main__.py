"""`python -m notifier`: messages to people about what happened to their positions."""

from __future__ import annotations

import sys
from functools import partial

from notifier.app import start
from notifier.settings import NotifierSettings
from shared.runtime.logging import configure_logging
from shared.runtime.service import run_service


def main() -> None:
    settings = NotifierSettings()
    configure_logging("notifier", level=settings.log_level, log_format=settings.log_format)
    sys.exit(run_service("notifier", partial(start, settings)))


if __name__ == "__main__":
    main()
