"""`python -m recorder`."""

from __future__ import annotations

import sys
from functools import partial

from recorder.app import NAME, start
from recorder.settings import RecorderSettings
from shared.runtime.logging import configure_logging
from shared.runtime.service import run_service


def main() -> None:
    settings = RecorderSettings()
    configure_logging(NAME, level=settings.log_level, log_format=settings.log_format)
    sys.exit(run_service(NAME, partial(start, settings)))


if __name__ == "__main__":
    main()
