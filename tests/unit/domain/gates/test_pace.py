from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.domain.decision.scene import History, PastEntry
from shared.domain.decision.words import Move
from shared.domain.gates import pace
from shared.domain.order import Action
from shared.domain.plan import Denied
from shared.domain.rules import AccountRules, StrategyRules
from shared.domain.rules.entries import EntryRules
from shared.domain.rules.limits import Brakes
from tests.unit.domain.gates.builders import NOW, book, entry

LAST = NOW - timedelta(seconds=60)


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def code(denied: Denied | None) -> str | None:
    return None if denied is None else denied.code


def past(seconds: float, **changes: Any) -> PastEntry:
    fields = {"contract": "NQZ6", "action": Action.BUY, "qty_contracts": 1, **changes}
    return PastEntry(at=ago(seconds), root="NQ", **fields)


@pytest.mark.parametrize(
    ("delay_s", "seconds", "refused"),
    [(0, 0, False), (60, 59.999999, True), (60, 60, False), (60, 61, False), (60, -5, True)],
)
def test_an_add_waits(delay_s: int, seconds: float, refused: bool) -> None:
    rules = StrategyRules(entries=EntryRules(add_delay_s=delay_s))
    facts = {"history": History(last_entry_at=ago(seconds))}
    adding = entry(rules=rules, scene=facts, move=Move.ADD, held=1)
    assert code(pace.add_too_soon(adding)) == ("pace.add_delay" if refused else None)
    assert pace.add_too_soon(entry(rules=rules, scene=facts)) is None


def test_the_first_add_has_nothing_to_wait_for() -> None:
    rules = StrategyRules(entries=EntryRules(add_delay_s=60))
    assert pace.add_too_soon(entry(rules=rules, move=Move.ADD)) is None


@pytest.mark.parametrize(("every", "taken"), [(1, range(6)), (2, [1, 3, 5]), (3, [2, 5])])
def test_each_nth_signal_is_taken(every: int, taken: list[int]) -> None:
    rules = StrategyRules(entries=EntryRules(every_nth=every))
    allowed = [
        asked
        for asked in range(6)
        if pace.not_the_nth(entry(rules=rules, scene={"history": History(asked_entries=asked)}))
        is None
    ]
    assert allowed == list(taken)


@pytest.mark.parametrize(
    ("cooldown_s", "seconds", "refused"),
    [(0, 0, False), (300, 299, True), (300, 300, False), (300, None, False)],
)
def test_a_cooldown_after_flat(cooldown_s: int, seconds: float | None, refused: bool) -> None:
    rules = StrategyRules(entries=EntryRules(cooldown_s=cooldown_s))
    history = History(flat_since=None if seconds is None else ago(seconds))
    denied = pace.cooling_down(entry(rules=rules, scene={"history": history}))
    assert code(denied) == ("pace.cooldown" if refused else None)


def test_an_add_knows_no_cooldown() -> None:
    rules = StrategyRules(entries=EntryRules(cooldown_s=300))
    facts = {"book": book(1), "history": History(last_entry_at=ago(1))}
    assert pace.cooling_down(entry(rules=rules, scene=facts, move=Move.ADD, held=1)) is None


@pytest.mark.parametrize("cooldown_s", [0, 300])
def test_what_a_reverse_or_an_open_exit_ends_ends_now(cooldown_s: int) -> None:
    rules = StrategyRules(entries=EntryRules(cooldown_s=cooldown_s))
    expected = "pace.cooldown" if cooldown_s else None
    assert code(pace.cooling_down(entry(rules=rules, move=Move.REVERSE))) == expected
    closing = entry(rules=rules, scene={"book": book(1)}, held=0)
    assert code(pace.cooling_down(closing)) == expected


def brakes(**settings: Any) -> StrategyRules:
    return StrategyRules(brakes=Brakes(**settings))


@pytest.mark.parametrize(
    ("within_s", "before", "refused"),
    [
        (0, past(0), False),
        (1, past(0), True),
        (1, past(0.999999), True),
        (1, past(1), False),
        (1, past(-300), True),
        (9, past(1, contract="NQH7"), False),
        (9, past(1, action=Action.SELL), False),
        (9, past(1, qty_contracts=2), False),
    ],
)
def test_the_duplicate_brake(within_s: int, before: PastEntry, refused: bool) -> None:
    facts = {"history": History(recent=(before, past(86_400)))}
    denied = pace.braked(entry(rules=brakes(duplicate_s=within_s), scene=facts))
    assert code(denied) == ("pace.duplicate" if refused else None)


@pytest.mark.parametrize(("limit", "refused"), [(None, False), (1, True), (2, True), (3, False)])
def test_entries_per_minute(limit: int | None, refused: bool) -> None:
    facts = {"history": History(recent=(past(0), past(59.9), past(60), past(70)))}
    denied = pace.braked(entry(rules=brakes(max_entries_per_minute=limit), scene=facts))
    assert code(denied) == ("pace.per_minute" if refused else None)


@pytest.mark.parametrize(("made", "refused"), [(0, False), (4, False), (5, True), (6, True)])
def test_entries_before_a_review(made: int, refused: bool) -> None:
    facts = {"history": History(since_review=made)}
    denied = pace.braked(entry(rules=brakes(entries_before_review=5), scene=facts))
    assert code(denied) == ("pace.review" if refused else None)


def test_the_accounts_brakes_count_every_strategy() -> None:
    account = AccountRules(brakes=Brakes(max_entries_per_minute=2))
    one, two = History(recent=(past(1),)), History(recent=(past(1), past(2)))
    assert pace.braked(entry(account=account, scene={"account_history": one})) is None
    facts = {"history": one, "account_history": two}
    assert code(pace.braked(entry(account=account, scene=facts))) == "pace.per_minute"
    assert pace.braked(entry(scene=facts)) is None


def test_the_refusal_says_until_when() -> None:
    rules = StrategyRules(entries=EntryRules(cooldown_s=90))
    denied = pace.cooling_down(entry(rules=rules, scene={"history": History(flat_since=LAST)}))
    assert denied is not None
    assert denied.detail == {
        "ended": str(LAST),
        "until": str(datetime(2026, 11, 3, 15, 0, 30, tzinfo=UTC)),
    }
