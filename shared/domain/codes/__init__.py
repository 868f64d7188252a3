"""Every stable code that somebody outside may meet, with what it means.

Where a rule says its own words (alerts that cannot be read, the decision table, the gates), they
are taken from there; the other rooms' codes stand in this folder. A test reads every code in the
source and fails when one is not here, or one that is here is nowhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Final

from shared.domain.alert_codes import MEANINGS
from shared.domain.codes import answers, edits, logins, orders, watch
from shared.domain.decision.table import ROWS
from shared.domain.gates import TABLE


class Place(StrEnum):
    """Where a code is met. Some are met in more than one place; this is the first of them."""

    ANSWER = "answer"  # the API refused a request
    ALERT = "alert"  # an alert that never became a signal, or was blocked as it came
    DECISION = "decision"  # what was decided on a signal in an account
    ORDER = "order"  # how an order ended, or why it waits
    LOGIN = "login"  # what is with a broker login
    COMMAND = "command"  # what came of something that was asked of execution
    DRIFT = "drift"  # our books and the broker's parted
    ALARM = "alarm"  # something a person has to look at
    CALENDAR = "calendar"  # rolls, windows' ends, silence
    MESSAGE = "message"  # a direct message that was not sent
    RECORD = "record"  # how trades are recorded
    EDIT = "edit"  # a person changed or asked for something


@dataclass(frozen=True, slots=True)
class Code:
    """`compares`: of a rule that refused, what it looked at; empty for others.

    A `code` that ends in `*` is the beginning of many: the rest is the broker's own word.
    """

    code: str
    place: Place
    meaning: str
    compares: str = ""

    def covers(self, code: str) -> bool:
        return code == self.code or (
            self.code.endswith("*") and code.startswith(self.code.removesuffix("*"))
        )


_VALUE: Final = re.compile(r"\{[^{}]*\}")
_WRITTEN: Final[tuple[tuple[Place, Mapping[str, str]], ...]] = (
    (Place.ANSWER, answers.REQUESTS),
    (Place.ANSWER, answers.PEOPLE),
    (Place.ANSWER, answers.SETTINGS),
    (Place.ANSWER, answers.THINGS),
    (Place.ALERT, answers.ALERTS),
    (Place.DECISION, orders.DECISIONS),
    (Place.ORDER, orders.ENDS),
    (Place.ORDER, orders.BROKERS_WORD),
    (Place.COMMAND, orders.COMMANDS),
    (Place.LOGIN, logins.LOGINS),
    (Place.DRIFT, watch.DRIFTS),
    (Place.ALARM, watch.ALARMS),
    (Place.CALENDAR, watch.CALENDAR),
    (Place.MESSAGE, watch.MESSAGES),
    (Place.RECORD, watch.RECORDS),
    (Place.EDIT, edits.EDITS),
)


@cache
def catalogue() -> tuple[Code, ...]:
    """All of them, by place and code; each once."""
    order = list(Place)
    found = {each.code: each for each in _all()}
    return tuple(sorted(found.values(), key=lambda each: (order.index(each.place), each.code)))


def _all() -> Iterator[Code]:
    for row in ROWS:
        yield Code(row.code, Place.DECISION, row.says)
    for refusal in TABLE:
        says = _VALUE.sub("…", refusal.says)
        yield Code(refusal.code, Place.DECISION, says, refusal.compares)
    for parse_code, meaning in MEANINGS.items():
        yield Code(parse_code.value, Place.ALERT, meaning)
    for place, words in _WRITTEN:
        for code, meaning in words.items():
            yield Code(code, place, meaning)


def explain(code: str) -> Code | None:
    """The exact one, else the longest beginning that covers it; None for what is not ours."""
    found = [each for each in catalogue() if each.covers(code)]
    return max(found, key=lambda each: (each.code == code, len(each.code)), default=None)
