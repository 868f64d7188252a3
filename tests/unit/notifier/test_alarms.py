"""Alarms in plain words."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest

from notifier.alarms import Names
from notifier.render import render
from notifier.rules import ALARMS, URGENT, Kind, notice_of
from shared.contracts.accounts import BalanceChanged, RiskReached
from shared.contracts.calendar import RollDone, RollDue, StrategyQuiet, WindowEnded
from shared.contracts.controls import ControlSaid
from shared.contracts.drifts import DriftEnded, DriftFound
from shared.contracts.registry import EventBody
from shared.contracts.signals import EntryRefused, SignalExitRefused
from shared.domain.drift import DriftKind

NOON = datetime(2026, 11, 2, 17, 30, tzinfo=UTC)
NAMES = Names("Breakout", "DEMO_1")
HERE = "Breakout · DEMO\\_1"
POSITION: dict[str, Any] = {"strategy_id": 3, "account_id": 1, "contract": "NQZ6"}

REACHED = RiskReached(
    account_id=1,
    scope="account",
    scope_id=1,
    code="risk.daily_loss",
    on=date(2026, 11, 2),
    limit_usd=Decimal(500),
    result_usd=Decimal("-512.3"),
)
SAID = ControlSaid(
    control_id=7, scope="account", scope_id=1, word="kill", reason="Odd *fills*.", said_by="ann",
    at=NOON,
)  # fmt: skip
REFUSED = SignalExitRefused(
    signal_id=9, strategy_id=3, account_id=1, code="strategy.disabled",
    message="The strategy is switched off.",
)  # fmt: skip
NO_ADD = EntryRefused(
    **POSITION, cause="average", disposition="BLOCKED", code="limits.strategy_order",
    message="3 contracts in one order; the strategy allows 2.",
    compared={"contracts": "3", "limit": "2"},
)  # fmt: skip
PARTED = DriftFound(
    **POSITION, drift_id=5, root="NQ", code="drift.manual_exit", policy="alarm", holds_entries=True,
    message="1 of 2 NQZ6 were closed by somebody else's order; 1 are left.",
    compared={"book": "2", "closed": "1", "left": "1"},
)  # fmt: skip
AGREED = DriftEnded(**POSITION, drift_id=5, code="drift.manual_exit", ending="clean")
DUE = RollDue(**POSITION, entering="NQH7", on=date(2026, 12, 10), policy="move", net_qty=-2)
DONE = RollDone(
    **POSITION, entering="NQH7", on=date(2026, 12, 10), outcome="moved", code="roll.moved",
    qty_contracts=2,
)  # fmt: skip
ENDED = WindowEnded(**POSITION, code="hours.strategy", at=NOON, exit_at=NOON, net_qty=2)
QUIET = StrategyQuiet(strategy_id=3, code="watchdog.quiet", since=NOON, due_at=None)

EXPECTED = [
    (
        REACHED,
        Kind.RISK,
        (
            "**Daily loss limit reached**: -$512.30, the limit is $500.00\n"
            "New entries are refused until the next trading day; exits go on.\nDEMO\\_1"
        ),
    ),
    (
        SAID,
        Kind.CONTROL,
        (
            "**Killed**: account DEMO\\_1\nEntries are refused, and what is held is being closed.\n"
            "Reason: Odd \\*fills\\*.\nBy ann"
        ),
    ),
    (
        REFUSED,
        Kind.EXIT_REFUSED,
        (
            "**An exit was NOT carried out**: the alert would have closed a position\n"
            "The strategy is switched off.\n"
            f"Close it by hand, or switch it on and send the alert again.\n{HERE}"
        ),
    ),
    (
        NO_ADD,
        Kind.ENTRY_REFUSED,
        (
            "**Averaging down was refused**: NQZ6\n"
            f"3 contracts in one order; the strategy allows 2.\n{HERE}"
        ),
    ),
    (
        PARTED,
        Kind.DRIFT,
        (
            "**Closed by somebody else**: NQZ6\n"
            "1 of 2 NQZ6 were closed by somebody else's order; 1 are left.\n"
            "No entry of NQ is taken here until it is over or released; exits go on.\n"
            f"{HERE}"
        ),
    ),
    (
        AGREED,
        Kind.DRIFT,
        f"**Over: Closed by somebody else**: NQZ6\nThe books agree again.\n{HERE}",
    ),
    (
        DUE,
        Kind.ROLL,
        (
            "**Contract rolls on 2026-12-10**: NQZ6 → NQH7\n"
            f"Held: short 2. It will be moved then.\n{HERE}"
        ),
    ),
    (
        DONE,
        Kind.ROLL,
        f"**Contract rolled**: 2 NQZ6 → NQH7\nThe position was moved.\n{HERE}",
    ),
    (
        ENDED,
        Kind.WINDOW,
        f"**Closed by the clock**: long 2 NQZ6, to be flat by 17:30 UTC\n{HERE}",
    ),
    (
        QUIET,
        Kind.QUIET,
        (
            "**No alert** since 2026-11-02, 17:30 UTC\n"
            f"Look whether the alert is still on at TradingView.\n{HERE}"
        ),
    ),
]


@pytest.mark.parametrize(("body", "kind", "text"), EXPECTED, ids=lambda each: str(each)[:20])
def test_what_is_told_and_how(body: EventBody, kind: Kind, text: str) -> None:
    fact = uuid4()
    notice = notice_of(body, fact)
    assert notice is not None
    assert (notice.kind, notice.event_id, notice.is_provisional) == (kind, fact, False)
    assert render(kind, body, NAMES) == text


def test_every_alarm_has_its_words_and_money_comes_first() -> None:
    assert {body.type for body, _, _ in EXPECTED} == set(ALARMS)
    assert {Kind.RISK, Kind.DRIFT, Kind.EXIT_REFUSED, Kind.CONTROL} == URGENT


@pytest.mark.parametrize(
    ("changed", "has"),
    [
        ({"scope": "system", "scope_id": 0, "word": "pause"}, "all trading of this installation"),
        ({"scope": "user", "word": "resume", "reason": ""}, "**Resumed**: all your trading"),
        ({"scope": "strategy", "scope_id": 3}, "strategy Breakout"),
    ],
)
def test_a_word_names_what_it_is_said_to(changed: dict[str, object], has: str) -> None:
    assert has in render(Kind.CONTROL, SAID.model_copy(update=changed), NAMES)


def test_what_is_not_there_any_more_has_no_name() -> None:
    assert render(Kind.ROLL, DONE, Names()).endswith("was moved.")
    assert "account 1" in render(Kind.CONTROL, SAID, Names())


def test_a_limit_nobody_wrote_words_for_is_told_all_the_same() -> None:
    odd = REACHED.model_copy(update={"code": "risk.new_one", "limit_usd": None})
    assert "**Limit reached (risk.new\\_one)**: -$512.30\n" in render(Kind.RISK, odd, NAMES)


@pytest.mark.parametrize("kind", DriftKind)
def test_every_drift_has_a_name_of_its_own(kind: DriftKind) -> None:
    found = PARTED.model_copy(update={"code": kind.value, "holds_entries": False})
    text = render(Kind.DRIFT, found, NAMES)
    assert kind.value not in text
    assert "Entries go on." in text


@pytest.mark.parametrize(
    ("ending", "has"),
    [("followed", "book followed."), ("given", "gave it"), ("new_one", "How it ended: new\\_one.")],
)
def test_how_a_drift_ended(ending: str, has: str) -> None:
    assert has in render(Kind.DRIFT, AGREED.model_copy(update={"ending": ending}), NAMES)


def test_an_add_to_what_is_gone_is_no_news() -> None:
    assert notice_of(NO_ADD.model_copy(update={"disposition": "SKIPPED"}), uuid4()) is None


def test_a_drift_that_only_changed_is_told_once() -> None:
    changed = AGREED.model_copy(update={"ending": "changed"})
    assert notice_of(changed, uuid4()) is None


def test_other_events_are_no_alarms() -> None:
    body = BalanceChanged(
        account_id=1, trade_date=date(2026, 11, 2), cash_usd=Decimal(1), realized_pnl_usd=None,
        as_of=NOON,
    )  # fmt: skip
    assert notice_of(body, uuid4()) is None
