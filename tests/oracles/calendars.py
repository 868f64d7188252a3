"""Compare our sessions with pandas_market_calendars: `make oracles`.

It needs pandas, so it is neither in the default environment nor in the gate; the gate reads what
this wrote: `golden_sessions.txt` holds the oracle's hours of the special days 2024 to 2027 and of
the weekday after each. `--write` renews that file. Without it every weekday of 2022 to 2030 is
compared, and a difference that `differences.KNOWN` does not name fails the run.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Final

import pandas_market_calendars

from shared.domain.calendar import CHICAGO
from shared.domain.special_days import special_day
from tests.oracles.differences import COLUMNS, HOURS, ours, reason
from tests.oracles.golden import GOLDEN

_CALENDARS: Final = dict(
    zip(
        COLUMNS,
        (
            *("CME Globex Equity", "CMEGlobex_FX", "CME Globex Interest Rate Products"),
            *("CMEGlobex_CL", "CMEGlobex_GC", "CME Globex Crypto", "CMEGlobex_Grains"),
            *("CMEGlobex_Live_Cattle", "ICEUS", "CFE"),
        ),
        strict=True,
    )
)


def main(arguments: list[str]) -> int:
    warnings.simplefilter("ignore")
    if "--write" in arguments:
        GOLDEN.write_text("\n".join(_golden()) + "\n", encoding="utf-8")
        return 0
    strange = [line for column in COLUMNS for line in _differences(column)]
    print("\n".join(strange) or f"{len(COLUMNS)} calendars agree, known differences aside")
    return 1 if strange else 0


def _differences(column: str) -> Iterator[str]:
    theirs = _hours(column, date(2022, 1, 1), date(2030, 12, 31))
    for day in _weekdays(date(2022, 1, 1), date(2030, 12, 31)):
        mine, other = ours(column, HOURS[column], day), theirs.get(day, "-")
        if mine != other and reason(column, day) is None:
            yield f"{column} {day:%F %a}: ours {mine}, theirs {other}"


def _golden() -> Iterator[str]:
    first, last = date(2024, 1, 1), date(2027, 12, 31)
    theirs = {column: _hours(column, first, last) for column in COLUMNS}
    yield "|".join(["date", *COLUMNS])
    before = False
    for day in _weekdays(first, last):
        special = special_day(day) is not None
        if special or before:
            yield "|".join([str(day), *(theirs[column].get(day, "-") for column in COLUMNS)])
        before = special


def _hours(column: str, first: date, last: date) -> Mapping[date, str]:
    schedule = pandas_market_calendars.get_calendar(_CALENDARS[column]).schedule(first, last)
    rows = zip(schedule.index, schedule["market_open"], schedule["market_close"], strict=True)
    return {
        day.date(): f"{_wall(opens.to_pydatetime())}-{_wall(closes.to_pydatetime())}"
        for day, opens, closes in rows
    }


def _wall(at: datetime) -> str:
    return f"{at.astimezone(CHICAGO):%H:%M}"


def _weekdays(first: date, last: date) -> Iterator[date]:
    for ahead in range((last - first).days + 1):
        day = first + timedelta(days=ahead)
        if day.weekday() < 5:
            yield day


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
