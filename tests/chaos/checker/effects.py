"""A model of its own: what each alert must move in each account, against what the venue filled.

Only strategies without a bracket: between two alerts nothing else moves what they hold.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from tests.chaos.checker.acceptance import DISTURBED, SUPERSEDED
from tests.chaos.checker.evidence import Evidence, Row, Violation, instant


@dataclass(slots=True)
class Book:
    """`held` by the venue's fills. `failed` entries were counted on until they ended, at a time."""

    held: int = 0
    failed_until: datetime | None = None


def moved_right(evidence: Evidence) -> Iterator[Violation]:
    for strategy, accounts in evidence.linked.items():
        if strategy in evidence.bracketed:
            continue
        for account, multiplier in accounts.items():
            book = Book()
            for signal in evidence.in_order(strategy):
                yield from _step(evidence, book, signal, account, multiplier)


def _step(
    evidence: Evidence, book: Book, signal: Row, account: str, multiplier: int
) -> Iterator[Violation]:
    alert = evidence.alerts.get(evidence.number_of.get(signal["id"], 0))
    rows = evidence.decisions.get((signal["id"], account), [])
    if alert is None or len(rows) != 1:
        return  # told by others
    moved = evidence.effects[signal["id"], account]
    wanted = target(alert.asks, book.held, multiplier) - book.held
    end, decided_at = rows[0]["disposition"], instant(rows[0]["decided_at"])
    is_disturbed = end in DISTURBED or rows[0]["code"] == SUPERSEDED
    # Decided while an entry was under way that failed later: it counted on more than came.
    is_unsure = book.failed_until is not None and decided_at <= book.failed_until
    possible = {wanted}
    if is_disturbed:
        turns = book.held * (book.held + wanted) < 0
        possible = {0, -book.held if turns else 0}
        ended = instant(rows[0]["ended_at"]) if rows[0]["ended_at"] else decided_at
        book.failed_until = max(ended, book.failed_until or ended)
    if not is_unsure and moved not in possible:
        said = f"signal {signal['id']} {dict(alert.asks)} in {account}, holding {book.held}"
        yield Violation("wrong effect", f"{said}: moved {moved}, not {sorted(possible)} ({end})")
    if not (is_unsure or is_disturbed) and (end == "SKIPPED") != (wanted == 0):
        yield Violation("wrong effect", f"signal {signal['id']} in {account} is {end}")
    book.held += moved


def target(asks: Row, held: int, multiplier: int) -> int:
    """Contracts to hold after an alert, from what is held before it."""
    if "market_position" in asks:
        sign = {"long": 1, "short": -1, "flat": 0}[asks["market_position"]]
        return sign * int(asks["market_position_size"]) * multiplier
    if asks["action"] == "close":
        return 0
    step = int(asks["quantity"]) * multiplier * (1 if asks["action"] == "buy" else -1)
    return step if held * step < 0 else held + step
