"""Read what `tests.oracles.calendars --write` wrote, without pandas."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Final

GOLDEN: Final = Path(__file__).with_name("golden_sessions.txt")


def golden_rows() -> Iterator[tuple[date, Mapping[str, str]]]:
    """Each day with the oracle's hours by column, `17:00-12:00` in Chicago or `-`."""
    head, *rows = [line.split("|") for line in GOLDEN.read_text(encoding="utf-8").splitlines()]
    for day, *cells in rows:
        yield date.fromisoformat(day), dict(zip(head[1:], cells, strict=True))
