"""News windows from a file: one line each, read strictly.

    # date, start, stop, zone, what
    2026-11-06, 08:28, 08:35, America/New_York, Employment situation

Start is included, stop is not; both are of that date, on the clock of the zone. Zone and what may
be left out (New York, nothing). Empty lines and lines that begin with `#` say nothing.
"""

from __future__ import annotations

from typing import Final

from pydantic import ValidationError

from shared.domain.errors import InvalidInput
from shared.domain.rules.prop import NewsWindow

NEWS_LINES_MAX: Final = 10_000
_FIELDS: Final = ("on", "start", "stop", "zone", "what")
_REQUIRED: Final = 3


class NewsFileRefused(InvalidInput):
    """A line that cannot be read; `context["line"]` is its number, from 1."""


def read_news(text: str) -> tuple[NewsWindow, ...]:
    """All windows of the file in its order. Raises `NewsFileRefused` for the first bad line."""
    lines = text.splitlines()
    if len(lines) > NEWS_LINES_MAX:
        raise _refused(NEWS_LINES_MAX + 1, f"more than {NEWS_LINES_MAX} lines")
    return tuple(
        _window(number, line)
        for number, line in enumerate(lines, start=1)
        if line.strip() and not line.lstrip().startswith("#")
    )


def _window(number: int, line: str) -> NewsWindow:
    parts = [part.strip() for part in line.split(",", len(_FIELDS) - 1)]
    if len(parts) < _REQUIRED:
        raise _refused(number, "a date, a start and a stop are wanted, with commas between")
    said = {name: part for name, part in zip(_FIELDS, parts, strict=False) if part}
    try:
        return NewsWindow.model_validate_strings(said)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(each) for each in first["loc"]) or "window"
        raise _refused(number, f"{field}: {first['msg']}") from error


def _refused(number: int, why: str) -> NewsFileRefused:
    return NewsFileRefused("news.bad_line", f"News file, line {number}: {why}.", line=number)
