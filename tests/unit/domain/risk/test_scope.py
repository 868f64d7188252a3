"""What is read becomes books of one scope, and what is kept comes back as it was."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.ids import AccountId, Cause, IntentId, StrategyId, UserId, intent_id
from shared.domain.risk.assess import NOTHING_KEPT, Kept
from shared.domain.risk.facts import (
    EntryFact,
    HeldFact,
    RiskFacts,
    StopFact,
    SumFact,
    ticks_to_stop,
)
from shared.domain.risk.limits import LimitKind, Reached
from shared.domain.risk.memory import (
    prop_from_json,
    prop_to_json,
    reached_from_json,
    reached_to_json,
)
from shared.domain.risk.prop import PropMark, PropState
from shared.domain.risk.scope import Scope, ScopeKind, Standings, news_of, standings
from shared.domain.risk.standing import UNTOUCHED
from shared.domain.rules.limits import Limits

D = Decimal
ON = date(2026, 11, 3)
ANN = UserId(1)
ONE, TWO = StrategyId(1), StrategyId(2)
HERE, THERE = AccountId(1), AccountId(2)


def entry(account: AccountId, strategy: StrategyId, *, is_pending: bool) -> EntryFact:
    key: IntentId = intent_id(Cause.SIGNAL, 1, account, f"{strategy}{is_pending}", 1)
    return EntryFact(key, account, strategy, "NQ", 1, 10, 0, is_pending)


FACTS = RiskFacts(
    on=ON,
    held=(
        HeldFact(HERE, ONE, "NQZ6", "NQ", 1, D(20000), D(20010), 0),
        HeldFact(HERE, TWO, "NQZ6", "NQ", -1, D(20000), D(20011), 2),
    ),
    stops=(
        StopFact(HERE, ONE, "NQZ6", 1, D(19990)),
        StopFact(HERE, TWO, "NQZ6", 1, D(20021)),
    ),
    entries=(entry(HERE, ONE, is_pending=False), entry(THERE, ONE, is_pending=True)),
    sums=(
        SumFact(HERE, ONE, "NQ", D(-50), D(100), 0),
        SumFact(HERE, TWO, "NQ", D(20), D(20), 1),
        SumFact(THERE, ONE, "ES", D(7), D(7), 0),
    ),
)


def test_an_account_counts_all_owners_and_a_strategy_all_accounts() -> None:
    account, strategy = FACTS.books_of_account(HERE), FACTS.books_of_strategy(ONE)
    assert account.mark is not None
    assert strategy.mark is not None
    assert account.mark.day_usd == -50 + 20 + 200 - 220
    assert strategy.mark.day_usd == -50 + 7 + 200
    assert strategy.mark.week_usd == 100 + 7 + 200
    # to the stops of both, slippage of the second, two closing fees; one entry; one untold fee
    assert account.further_usd == 20 * 20 + 10 * 20 + 2 * 5 + 2 * 5 + (50 + 10) + 5
    assert strategy.further_usd == 20 * 20 + 5 + 2 * (50 + 10)


def test_an_entry_that_has_not_left_counts_only_where_it_is_asked_for() -> None:
    assert len(FACTS.books_of_strategy(ONE).coming) == 2
    assert len(FACTS.books_of_strategy(ONE, pending=False).coming) == 1


@pytest.mark.parametrize(
    ("offset", "percent", "stop", "base", "ticks"),
    [
        (10, None, None, None, 10),
        (None, None, D(19990), D(20000), 40),
        (None, None, D(20010), D("20000.10"), 40),  # rounded away from the entry
        (None, D("0.1"), None, D(20000), 80),
        (None, D("0.1"), None, D(-20000), 80),
        (None, D("0.1"), None, None, None),
        (None, None, D(19990), None, None),
        (None, None, None, D(20000), None),
    ],
)
def test_the_distance_of_a_stop_is_known_or_it_is_not(
    offset: int | None, percent: D | None, stop: D | None, base: D | None, ticks: int | None
) -> None:
    assert ticks_to_stop("NQ", offset, percent, stop, base) == ticks


def test_whoever_has_no_rule_about_money_stands_untouched() -> None:
    assert Standings().of_account(HERE) is UNTOUCHED
    limited = Scope(ScopeKind.ACCOUNT, HERE, ANN, Limits(daily_loss_usd=D(100)))
    assert limited.is_limited
    assert not Scope(ScopeKind.STRATEGY, ONE, ANN, Limits(max_order_contracts=1)).is_limited
    known = standings([limited], FACTS)
    assert known.of_strategy(ONE) is UNTOUCHED
    assert known.of_account(HERE).mark == FACTS.books_of_account(HERE).mark


def test_news_are_told_once() -> None:
    limits = Limits(daily_loss_usd=D(50), weekly_profit_usd=D(10))
    scope = Scope(ScopeKind.ACCOUNT, HERE, ANN, limits)
    after = scope.seen(FACTS)
    assert [each.code for each in news_of(scope.kept, after)] == [
        "risk.daily_loss",
        "risk.weekly_profit",
    ]
    assert list(news_of(after, Scope(scope.kind, HERE, ANN, limits, kept=after).seen(FACTS))) == []


usd = st.decimals(-(10**9), 10**9, places=10)
dates = st.dates(date(2000, 1, 1), date(2100, 1, 1))
states = st.builds(
    PropState,
    peak_usd=usd,
    day_start_usd=usd,
    last=st.builds(PropMark, dates, usd, usd),
    days=st.dictionaries(dates, usd, max_size=5),
    breach=st.none() | st.just("prop.drawdown"),
    day_stopped=st.none() | dates,
)
marks = st.frozensets(st.builds(Reached, st.sampled_from(LimitKind), dates, usd, usd), max_size=4)


@given(states, marks)
def test_what_is_kept_comes_back_as_it_was(state: PropState, reached: frozenset[Reached]) -> None:
    assert prop_from_json(json.loads(json.dumps(prop_to_json(state)))) == state
    assert reached_from_json(json.loads(json.dumps(reached_to_json(reached)))) == reached


def test_a_breach_and_a_stopped_day_are_news() -> None:
    fine = PropState(D(1), D(1), PropMark(ON, D(1), D(0)))
    over = PropState(D(1), D(1), PropMark(ON, D(0), D(0)), breach="prop.drawdown", day_stopped=ON)
    told = news_of(Kept(prop=fine), Kept(prop=over))
    assert [each.code for each in told] == ["prop.drawdown", "prop.daily_loss"]
    assert list(news_of(NOTHING_KEPT, Kept(prop=fine))) == []
