"""Where pandas_market_calendars 5.5.0 is wrong or unlike itself, and why we differ."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Final

from shared.domain.calendar import CHICAGO
from shared.domain.sessions import sessions_on
from shared.domain.special_days import SpecialDay, special_day

HOURS: Final = {
    **dict.fromkeys(("index", "fx", "rates", "energy", "metals", "crypto"), "A"),
    "grains": "B",
    "livestock": "C",
    "dollar": "D",
    "vix": "E",
}
COLUMNS: Final = tuple(HOURS)

_REPORT = "a morning session every Good Friday; the exchange has one on a report day only"
_MOURNING = "does not have the early closes of 2025-01-09"
_LABOR = "Labor Day at 12:00, but at 13:30 in 2026; all other holidays are at 13:30"
_FRIDAY = "12:00 on 2026's Friday holidays (entered by hand), 13:30 on those of other years"
_JUNETEENTH = "trades as ever on Juneteenth; the exchange rests"
_NIGHT = "an evening session after the holiday; grains open at 08:30"
_SHORT = "no early close"

# A difference is known for a column on a kind of day.
KNOWN: Final[Mapping[tuple[str, SpecialDay], str]] = {
    **{(column, SpecialDay.GOOD_FRIDAY): _REPORT for column in ("index", "fx", "rates", "crypto")},
    **{
        (column, SpecialDay.MOURNING_2025): _MOURNING
        for column in ("index", "rates", "grains", "livestock")
    },
    **{(column, SpecialDay.HOLIDAY): _LABOR for column in ("energy", "metals")},
    **{(column, SpecialDay.HOLIDAY_FRIDAY): _FRIDAY for column in ("energy", "metals")},
    **{
        (column, SpecialDay.DAY_AFTER_THANKSGIVING): "13:45 in 2026 only: New York's 12:45"
        for column in ("energy", "metals")
    },
    **{(column, SpecialDay.CHRISTMAS_EVE): "2026's only" for column in ("energy", "metals")},
    ("crypto", SpecialDay.JULY_3): "12:15 like the index; a regular day in DTN's notice of 2024",
    **{
        (column, kind): _JUNETEENTH
        for column in ("grains", "livestock", "dollar")
        for kind in (SpecialDay.HOLIDAY, SpecialDay.HOLIDAY_FRIDAY)
    },
    ("grains", SpecialDay.DAY_AFTER_THANKSGIVING): f"{_SHORT}, and {_NIGHT}",
    ("grains", SpecialDay.CHRISTMAS_EVE): _SHORT,
    ("dollar", SpecialDay.CHRISTMAS_EVE): _SHORT,
    ("vix", SpecialDay.CHRISTMAS_EVE): _SHORT,
}
_SHUT_EVENINGS: Final = (SpecialDay.INDEPENDENCE, SpecialDay.THANKSGIVING, SpecialDay.CLOSED)


def reason(column: str, day: date) -> str | None:
    """Why ours may differ from the oracle's on that day; None where it may not."""
    special, eve = special_day(day), special_day(day - timedelta(days=1))
    if special is None:
        return _NIGHT if column == "grains" and eve in _SHUT_EVENINGS else None
    return KNOWN.get((column, special))


def ours(column: str, hours: str, day: date) -> str:
    """First opening and last close in Chicago, `17:00-16:00`, or `-`: the oracle has no breaks."""
    sessions = sessions_on(column, hours, day)
    if not sessions:
        return "-"
    opens, closes = sessions[0].opens_at, sessions[-1].closes_at
    return f"{opens.astimezone(CHICAGO):%H:%M}-{closes.astimezone(CHICAGO):%H:%M}"
