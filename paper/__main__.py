"""`python -m paper`: the venue, until it is told to stop."""

from __future__ import annotations

import asyncio
import sys

import uvloop

from paper.app import serve
from paper.settings import PaperSettings
from shared.runtime.logging import configure_logging


def main() -> None:
    settings = PaperSettings()
    configure_logging(
        "paper", level=settings.log_level, log_format=settings.log_format, stream=sys.stdout
    )
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(settings))


if __name__ == "__main__":
    main()
