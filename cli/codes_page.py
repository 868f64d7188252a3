"""docs/codes.md: every stable code, by where it is met."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from shared.domain.codes import Code, Place, catalogue

_HEADS: Final = {
    Place.ANSWER: "Refusals of the API",
    Place.ALERT: "Alerts that never became signals",
    Place.DECISION: "Decisions",
    Place.ORDER: "Orders: how they end, and why they wait",
    Place.LOGIN: "Broker logins",
    Place.COMMAND: "Commands",
    Place.DRIFT: "Differences between our books and the broker's",
    Place.ALARM: "Alarms",
    Place.CALENDAR: "Rolls and silence",
    Place.MESSAGE: "Direct messages",
    Place.RECORD: "Recording",
    Place.EDIT: "What people did",
}


def page(note: str) -> str:
    lines = [
        *("# Codes", "", note, ""),
        "A code is stable: programs may compare it, words may change. `GET /api/system/codes/`",
        "gives the same. A `*` stands for the broker's own word; `…` for a value. A code stands",
        "where it is met first; some are met elsewhere too.",
        *(line for place in Place for line in _part(place)),
    ]
    return "\n".join([*lines, ""])


def _part(place: Place) -> Iterator[str]:
    yield from ("", f"## {_HEADS[place]}", "", "| code | meaning |", "|---|---|")
    yield from (_row(each) for each in catalogue() if each.place is place)


def _row(code: Code) -> str:
    compares = f" Looks at {code.compares}." if code.compares else ""
    return f"| `{code.code}` | {(code.meaning + compares).replace('|', chr(92) + '|')} |"
