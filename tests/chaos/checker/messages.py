"""DMs as their reader saw them: one for each beginning and each end of a trade, none missing."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Final

from tests.chaos.checker.acceptance import DISTURBED
from tests.chaos.checker.evidence import Evidence, Violation
from tests.fixtures.ledger_check import root_of, round_trips

_MESSAGE: Final = re.compile(
    r"\*\*(?P<title>[^*]+)\*\*: (?P<what>.+?)(?:,| at) .*\n(?:.*\n)*"
    r"(?P<strategy>.+) · (?P<account>.+)"
)
_OPENED: Final = "Position opened"
# An entry that was given up leaves its strategy elsewhere than its alert asked: that is told, too.
_DRIFT: Final = re.compile(
    r"\*\*(?P<over>Over: )?Not where the last alert asked to be\*\*: \w+\n(?:.*\n)*"
    r"(?P<strategy>.+) · (?P<account>.+)"
)


def all_seen(evidence: Evidence) -> Iterator[Violation]:
    seen = [line for line in evidence.messages if line["event"] == "message"]
    told: Counter[tuple[str, str, bool]] = Counter()
    for line in seen:
        if _DRIFT.fullmatch(line["content"]):
            continue
        found = _MESSAGE.fullmatch(line["content"])
        if found is None:
            yield Violation("message", f"nobody understands {line['content']!r}")
        elif " of " not in found["what"]:  # a part taken at a target is told besides
            told[found["strategy"], found["account"], found["title"] == _OPENED] += 1
    for (strategy, account, is_opening), due in _due(evidence).items():
        what = f"{'openings' if is_opening else 'ends'} of {strategy} in {account}"
        has = told[strategy, account, is_opening]
        if has < due:
            yield Violation("message missing", f"{has} of {due} {what} were seen")
        if has > due:
            yield Violation("message twice", f"{has} of {due} {what} were seen")


def drifts(evidence: Evidence) -> Iterator[Violation]:
    """Told only where an entry was given up, and each told to be over when it was."""
    begun: Counter[tuple[str, str]] = Counter()
    ended: Counter[tuple[str, str]] = Counter()
    for line in evidence.messages:
        found = _DRIFT.fullmatch(line["content"]) if line["event"] == "message" else None
        if found is not None:
            told = ended if found["over"] else begun
            told[found["strategy"], found["account"]] += 1
    given_up = Counter(
        (evidence.strategies[row["strategy_id"]], account)
        for (_, account), rows in evidence.decisions.items()
        for row in rows
        if row["disposition"] in DISTURBED
    )
    for strategy, account in begun | ended:
        where = f"of {strategy} in {account}"
        here = strategy, account
        if begun[here] > given_up[here]:
            what = f"{begun[here]} drifts {where} were told, {given_up[here]} entries given up"
            yield Violation("message", what)
        if begun[here] != ended[here]:
            yield Violation("message", f"{ended[here]} of {begun[here]} drifts {where} are over")


def each_once(evidence: Evidence) -> Iterator[Violation]:
    """By the nonce that makes a repeat no second message, and by our own word."""
    nonces = Counter(line["nonce"] for line in evidence.messages if line["event"] == "message")
    for nonce, many in nonces.items():
        if nonce is None or many > 1:
            yield Violation("message twice", f"{many} messages have the nonce {nonce}")
    for row in evidence.tables["deliveries"]:
        if row["state"] != "sent":
            yield Violation(
                "message missing", f"message {row['id']} is {row['state']} {row['code']}"
            )


def _due(evidence: Evidence) -> Counter[tuple[str, str, bool]]:
    """By whose trades they were: no two strategies trade a root in one account."""
    roots = {row["name"]: row["symbol"].removesuffix("1!") for row in evidence.about["strategies"]}
    owner = {
        (account, roots[strategy]): strategy
        for strategy, accounts in evidence.linked.items()
        for account in accounts
    }
    due: Counter[tuple[str, str, bool]] = Counter()
    try:
        trips = round_trips(evidence.ledger.fills)
    except AssertionError:
        return due  # told with the money
    for trip in trips:
        strategy = owner.get((trip.account, root_of(trip.contract)), "nobody's")
        due[strategy, trip.account, True] += 1
        due[strategy, trip.account, False] += not trip.is_open
    return due
