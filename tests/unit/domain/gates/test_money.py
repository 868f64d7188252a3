"""Money gates: to the dollar, with the compared values, and never across a limit."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.alert_signal import Side, Signal, SignalKind
from shared.domain.decision.decide import decide
from shared.domain.decision.scene import Exposure, Scene
from shared.domain.fees import round_turn_usd
from shared.domain.ids import AccountId, StrategyId, UserId
from shared.domain.instruments import product_of
from shared.domain.plan import Book, Denied, Plan
from shared.domain.risk.limits import Mark, observe
from shared.domain.risk.prop import PropMark, started
from shared.domain.risk.prop import observe as observe_prop
from shared.domain.risk.standing import Standing
from shared.domain.rules import AccountRules, StrategyRules
from shared.domain.rules.bracket import Bracket, Stop
from shared.domain.rules.limits import Limits
from shared.domain.rules.prop import PropRules
from shared.domain.strategy import AccountLink, SizeFrom, Strategy

NOW = datetime(2026, 11, 3, 15, tzinfo=UTC)
ON = date(2026, 11, 3)
# 20 ticks of NQ at 5 USD and two sides' fees
ONE_STOP_USD = 100 + round_turn_usd(product_of("NQ"))
RULES = StrategyRules(bracket=Bracket(stop=Stop(at=Decimal(20))))
STRATEGY = Strategy(
    id=StrategyId(1),
    user_id=UserId(1),
    name="One",
    symbol="NQ1!",
    active=True,
    position_size=1,
    position_add=1,
    size_from=SizeFrom.SIGNAL,
    rules=RULES,
)
LINK = AccountLink(
    account_id=AccountId(1),
    enabled=True,
    multiplier=Decimal(1),
    max_contracts=0,
    custom_ticker=None,
    exclusive=True,
    rules=AccountRules(limits=Limits(daily_loss_usd=Decimal(1000))),
)
BUY = Signal(kind=SignalKind.ORDER, dialect="test", side=Side.BUY, price=Decimal(20000))


def standing(day_usd: int | Decimal, further_usd: int | None = 0) -> Standing:
    mark = Mark(ON, Decimal(day_usd), Decimal(day_usd))
    reached = observe(frozenset(), LINK.rules.limits, mark)
    return Standing(mark, reached, None if further_usd is None else Decimal(further_usd))


def scene(account: Standing, **more: object) -> Scene:
    return Scene(Book(), NOW, ON, account_standing=account, **more)  # type: ignore[arg-type] # fields vary


def code(strategy: Strategy, link: AccountLink, known: Scene, signal: Signal = BUY) -> str:
    return decide(signal, strategy, link, known).code


def test_the_worst_case_of_the_stop_is_counted_to_the_dollar() -> None:
    room = ONE_STOP_USD + Decimal("0.01")
    assert code(STRATEGY, LINK, scene(standing(room - 1000))) == "plan.entry"
    verdict = decide(BUY, STRATEGY, LINK, scene(standing(ONE_STOP_USD - 1000)))
    assert isinstance(verdict, Denied)
    assert verdict.code == "risk.worst_case"
    assert verdict.detail == {
        "scope": "account",
        "worst_usd": str(ONE_STOP_USD),
        "room_usd": str(ONE_STOP_USD),
    }


def test_slippage_and_other_stops_count() -> None:
    slips = replace(STRATEGY, rules=RULES.model_copy(update={"slippage_ticks": 1}))
    near = scene(standing(ONE_STOP_USD + 1 - 1000))
    assert code(STRATEGY, LINK, near) == "plan.entry"
    assert code(slips, LINK, near) == "risk.worst_case"
    assert code(STRATEGY, LINK, scene(standing(0, 900))) == "risk.worst_case"


@pytest.mark.parametrize(
    ("strategy", "known", "expected"),
    [
        (replace(STRATEGY, rules=StrategyRules()), scene(standing(0)), "risk.stop_required"),
        (STRATEGY, scene(standing(0, None)), "risk.stop_required"),
        (STRATEGY, scene(Standing()), "risk.unknown"),
        # The broker says what all is worth, and nobody what a stop would lose.
        (STRATEGY, scene(replace(standing(0), is_priced=False)), "risk.unknown"),
        (STRATEGY, scene(standing(-1000)), "risk.daily_loss"),
    ],
)
def test_what_has_no_bound_is_refused(strategy: Strategy, known: Scene, expected: str) -> None:
    assert code(strategy, LINK, known) == expected


def test_without_a_loss_limit_nothing_is_asked() -> None:
    free = replace(LINK, rules=AccountRules())
    assert code(replace(STRATEGY, rules=StrategyRules()), free, scene(Standing())) == "plan.entry"


def test_a_strategys_own_limits_hold_over_all_its_accounts() -> None:
    own = RULES.model_copy(update={"limits": Limits(weekly_profit_usd=Decimal(300))})
    strategy = replace(STRATEGY, rules=own)
    mark = Mark(ON, Decimal(0), Decimal(300))
    done = Standing(mark, observe(frozenset(), own.limits, mark))
    known = replace(scene(standing(0)), strategy_standing=done)
    verdict = decide(BUY, strategy, LINK, known)
    assert isinstance(verdict, Denied)
    assert (verdict.code, verdict.detail["scope"]) == ("risk.weekly_profit", "strategy")


PROP = PropRules(
    name="50K",
    start_balance_usd=Decimal(50000),
    drawdown_usd=Decimal(2500),
    max_contracts=1,
)


def prop_scene(balance: int, **exposure: int) -> Scene:
    state = started(PROP, ON)
    state = observe_prop(state, PROP, PropMark(ON, Decimal(balance), Decimal(0)))
    return scene(
        Standing(Mark(ON, Decimal(0), Decimal(0)), prop=state), exposure=Exposure(gross=exposure)
    )


def test_prop_rules_refuse_and_the_floor_is_never_risked() -> None:
    link = replace(LINK, rules=AccountRules(prop=PROP))
    assert code(STRATEGY, link, prop_scene(50000)) == "plan.entry"
    assert code(STRATEGY, link, prop_scene(47501)) == "risk.worst_case"
    assert code(STRATEGY, link, prop_scene(47500)) == "prop.drawdown"
    assert code(STRATEGY, link, scene(standing(0))) == "risk.unknown"


@pytest.mark.parametrize(
    ("held", "root", "qty", "allowed"),
    [
        ({"NQ": 1}, "NQ", 1, False),
        ({"MNQ": 9}, "MNQ", 1, True),
        ({"MNQ": 10}, "MNQ", 1, False),
        ({"MNQ": 1}, "NQ", 1, False),
        ({"ES": 1}, "MNQ", 1, False),
        ({}, "CL", 1, True),
    ],
)
def test_a_micro_counts_a_tenth(
    held: dict[str, int], root: str, qty: int, *, allowed: bool
) -> None:
    link = replace(LINK, rules=AccountRules(prop=PROP))
    found = code(
        STRATEGY,
        link,
        prop_scene(50000, **held),
        replace(BUY, symbol=f"{root}1!", quantity=qty, price=None),
    )
    assert found == ("plan.entry" if allowed else "prop.contracts")


@given(
    limit=st.integers(0, 3000),
    day=st.integers(-3000, 1000),
    further=st.integers(0, 2000),
    qty=st.integers(1, 20),
    stop=st.integers(1, 200),
    slip=st.integers(0, 20),
)
def test_no_accepted_plan_can_cross_a_limit_in_its_worst_case(
    limit: int, day: int, further: int, qty: int, stop: int, slip: int
) -> None:
    limits = Limits(daily_loss_usd=Decimal(limit))
    link = replace(LINK, rules=AccountRules(limits=limits))
    rules = StrategyRules(bracket=Bracket(stop=Stop(at=Decimal(stop))), slippage_ticks=slip)
    mark = Mark(ON, Decimal(day), Decimal(day))
    known = Standing(mark, observe(frozenset(), limits, mark), Decimal(further))
    signal = replace(BUY, quantity=qty)
    verdict = decide(signal, replace(STRATEGY, rules=rules), link, scene(known))
    worst = day - further - qty * ((stop + slip) * 5 + 10)
    assert isinstance(verdict, Plan) == (worst > -limit and day > -limit)
