"""`python -m paper`: the venue, until it is told to stop."""

from __future__ import annotations

import asyncio
import sys
from typing import Final

import uvloop

from paper.app import serve
from paper.replay import BadPricesError
from paper.settings import PaperSettings
from shared.runtime.logging import configure_logging

CONFIGURATION: Final = 78  # exit code: another start would not help


def main() -> None:
    try:
        settings = PaperSettings()
        settings.logins()
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(CONFIGURATION)
    configure_logging(
        "paper", level=settings.log_level, log_format=settings.log_format, stream=sys.stdout
    )
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            runner.run(serve(settings))
        except BadPricesError as error:
            sys.stderr.write(f"{settings.paper_prices}: {error}\n")
            sys.exit(CONFIGURATION)


if __name__ == "__main__":
    main()
