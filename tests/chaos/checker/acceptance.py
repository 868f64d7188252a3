"""From the sender's ledger to the signals: none lost, none doubled, none merged, in order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from tests.chaos.checker.evidence import Evidence, Violation, instant

TERMINAL = frozenset(
    {"FILLED", "REJECTED", "CANCELLED", "EXPIRED", "SKIPPED", "STALE", "BLOCKED", "ABANDONED"}
)
# An entry too old to enter, and one whose fate was asked for and found to be nothing: both are
# promised ends of a disturbed entry. Nothing here gives any other reason to end without a fill.
DISTURBED = frozenset({"STALE", "ABANDONED"})
# An entry that could not go before a later alert closed its strategy anyway.
SUPERSEDED = "entry.superseded"
STALE_AFTER_S = 29.0  # the age is judged by another clock than the one that noted the receipt
DECIDED_WITHIN_S = 60.0


def accepted(evidence: Evidence) -> Iterator[Violation]:
    """A 2xx is one signal."""
    for alert in evidence.alerts.values():
        ids = evidence.numbers.get(alert.number, set())
        if not alert.is_accepted:
            said = [status for _, _, status, _ in alert.tries]
            yield Violation("undelivered", f"alert {alert.number} was never taken: {said}")
        elif not ids:
            yield Violation("lost", f"alert {alert.number} was answered 2xx and is no signal")
        elif alert.tries[-1][3] not in ids:
            yield Violation("lost", f"alert {alert.number} was answered with another's signal id")
        if len(ids) > 1:
            yield Violation("duplicated", f"alert {alert.number} became the signals {sorted(ids)}")


def merged(evidence: Evidence) -> Iterator[Violation]:
    """A signal is one alert, and was accepted."""
    alerts_of = Counter(signal for ids in evidence.numbers.values() for signal in ids)
    for signal, many in alerts_of.items():
        if many > 1:
            yield Violation("lost", f"{many} alerts were made one, signal {signal}")
    for signal, row in evidence.signals.items():
        if evidence.number_of.get(signal) not in evidence.alerts:
            yield Violation("duplicated", f"signal {signal} is of no alert that was sent")
        if row["status"] != "accepted":
            yield Violation("lost", f"signal {signal} is {row['status']}: {row['code']}")


def ordered(evidence: Evidence) -> Iterator[Violation]:
    """Who was answered before another was sent stands before it."""
    for strategy in evidence.linked:
        told = [alert for alert in evidence.alerts.values() if alert.strategy == strategy]
        moments = [(alert.tries[0][0], 1, alert) for alert in told if alert.tries]
        moments += [(alert.tries[-1][1], 0, alert) for alert in told if alert.is_accepted]
        highest = 0
        for _, is_sending, alert in sorted(moments, key=lambda moment: moment[:2]):
            for signal in evidence.numbers.get(alert.number, ()):
                seq = int(evidence.signals[signal]["seq"]) if signal in evidence.signals else 0
                if is_sending and seq <= highest:
                    yield Violation("out of order", f"alert {alert.number} stands at {seq}")
                if not is_sending:
                    highest = max(highest, seq)


def decided(evidence: Evidence) -> Iterator[Violation]:
    """Each accepted signal ends once in each account of its strategy, in time, and for a reason."""
    for signal, row in evidence.signals.items():
        if row["status"] != "accepted":
            continue
        for account in evidence.linked.get(evidence.name_of(row), {}):
            yield from _one(evidence, signal, account)
    for (signal, account), rows in evidence.decisions.items():
        strategy = evidence.name_of(rows[0])
        if account not in evidence.linked.get(strategy, {}):
            yield Violation("duplicated", f"signal {signal} was decided for {account} as well")


def _one(evidence: Evidence, signal: int, account: str) -> Iterator[Violation]:
    rows = evidence.decisions.get((signal, account), [])
    where = f"signal {signal} in {account}"
    if len(rows) != 1:
        yield Violation(
            "undecided" if not rows else "duplicated", f"{where}: {len(rows)} decisions"
        )
        return
    row = rows[0]
    end = row["disposition"]
    if end not in TERMINAL or row["ended_at"] is None or not row["code"]:
        yield Violation("undecided", f"{where} is {end} {row['code']}")
        return
    age_s = (
        instant(row["ended_at"]) - instant(evidence.signals[signal]["received_at"])
    ).total_seconds()
    if age_s > DECIDED_WITHIN_S:
        yield Violation("late", f"{where} ended {end} after {age_s:.1f} s")
    if end == "STALE" and age_s < STALE_AFTER_S:
        yield Violation("lost", f"{where} was given up as stale after {age_s:.1f} s")
    if end not in DISTURBED | {"FILLED", "SKIPPED"}:
        yield Violation("lost", f"{where} ended {end} {row['code']}")
