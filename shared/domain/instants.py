"""Finds instants with seconds in the fields of an alert.

`{{timenow}}` and `{{time}}` of TradingView both look like 2026-11-21T14:03:22Z, in UTC; the
first is the moment of the alert, the second the opening of a bar. Unix times are believed only
in a field whose name says that it holds a time: elsewhere ten digits may be any number.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

# The most telling first: the moment of the alert, then what may be the time of a bar.
TIME_FIELDS: Final = ("timenow", "timestamp", "time")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ISO = re.compile(
    r"(?<![0-9])(20[0-9]{2})-([0-9]{2})-([0-9]{2})[T ]"
    r"([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,9}))?(?![0-9:])"
    r"(?: ?(?:(?P<utc>Z|UTC|GMT)|(?P<sign>[+-])(?P<h>[0-9]{2}):?(?P<m>[0-9]{2})?)(?![0-9A-Za-z]))?"
)
_UNIX_S = re.compile(r"[0-9]{10}")
_UNIX_MS = re.compile(r"[0-9]{13}")


def instants_in(field: str, value: object) -> Iterator[datetime]:
    """Every instant with seconds that the value of `field` holds, in UTC."""
    if not isinstance(value, str):
        return
    if field in TIME_FIELDS:
        unix = _unix(value.strip())
        if unix is not None:
            yield unix
    for found in _ISO.finditer(value):
        instant = _instant(found)
        if instant is not None:
            yield instant


def _unix(text: str) -> datetime | None:
    if _UNIX_S.fullmatch(text):
        return _EPOCH + timedelta(seconds=int(text))
    if _UNIX_MS.fullmatch(text):
        return _EPOCH + timedelta(milliseconds=int(text))
    return None


def _instant(found: re.Match[str]) -> datetime | None:
    year, month, day, hour, minute, second = (int(part) for part in found.group(1, 2, 3, 4, 5, 6))
    microsecond = int((found.group(7) or "").ljust(6, "0")[:6])
    try:
        return datetime(
            year, month, day, hour, minute, second, microsecond, tzinfo=_zone(found)
        ).astimezone(UTC)
    except ValueError:
        return None


def _zone(found: re.Match[str]) -> timezone:
    if found.group("sign") is None:
        return UTC
    offset = timedelta(hours=int(found.group("h")), minutes=int(found.group("m") or 0))
    return timezone(offset if found.group("sign") == "+" else -offset)
