"""What the calendar asks, judged from values alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal

import pytest

from execution.duties import MOVE_WITHIN, after, duties
from shared.domain.ids import AccountId, Cause, StrategyId, UserId
from shared.domain.order import Action, IntentState, Role
from shared.domain.roll_orders import MOVES, Distance, Owner, entry_after, exit_for
from shared.domain.rules import FREE_ACCOUNT, AccountRules, RollPolicy, RollRules, StrategyRules
from shared.domain.rules.bracket import Stop, Trail
from shared.domain.rules.entries import AtEnd, Hours, Window
from shared.ports.agenda import Duty, Holding, RollExit

ROLL_DAY = datetime(2026, 12, 10, 15, tzinfo=UTC)
MONTH = timedelta(days=30)
HELD = Holding(
    user_id=UserId(1),
    account_id=AccountId(2),
    strategy_id=StrategyId(3),
    contract="NQZ6",
    root="NQ",
    net_qty=2,
    began_at=ROLL_DAY - MONTH,
    symbol="NQ1!",
    may_enter=True,
    rules=StrategyRules(roll=RollRules(policy=RollPolicy.MOVE)),
    account_rules=FREE_ACCOUNT,
    ruled_since=ROLL_DAY - MONTH,
)
FLATTENS = AccountRules(
    hours=Hours(windows=(Window(start=time(9, 30), stop=time(10)),), at_end=AtEnd.FLATTEN)
)
OWNER = Owner(HELD.user_id, HELD.account_id, HELD.strategy_id, HELD.contract)
EXIT = replace(
    exit_for(OWNER, Cause.ROLL, ROLL_DAY.date().toordinal(), kind=MOVES), qty_contracts=2
)
FOLLOWS = Stop(at=Decimal(30), trail=Trail(distance=Decimal(30)))
ENDED = RollExit(
    exit=EXIT,
    root="NQ",
    state=IntentState.FILLED,
    code=None,
    filled_contracts=2,
    ended_at=ROLL_DAY,
    entry_state=None,
    entry_code=None,
    held=0,
    is_overtaken=False,
    symbol="NQ1!",
    may_enter=True,
    distances=(
        Distance(Role.STOP_LOSS, 30, 2, moves=FOLLOWS),
        Distance(Role.STOP_LOSS, 10, 2),
        Distance(Role.TAKE_PROFIT, 20, 2),
    ),
)


def asked(holding: Holding, now: datetime = ROLL_DAY) -> list[Duty]:
    return list(duties(holding, now, keeps_hours=True))


def test_the_exit_of_a_move_addresses_what_is_held() -> None:
    ((order,),) = [duty.intents for duty in asked(HELD)]
    assert (order.contract, order.role, order.qty_contracts) == ("NQZ6", Role.EXIT, 0)
    assert asked(HELD) == asked(HELD)  # the same ids at every look


def test_a_window_that_ends_now_leaves_nothing_to_roll() -> None:
    (duty,) = asked(replace(HELD, account_rules=FLATTENS))
    assert [order.cause for order in duty.intents] == [Cause.WINDOW]


@pytest.mark.parametrize("since", ["began_at", "ruled_since"])
def test_an_end_before_the_position_or_before_the_rule_is_none(since: str) -> None:
    changed = {since: ROLL_DAY, "account_rules": FLATTENS}
    holding = replace(HELD, **changed)  # type: ignore[arg-type] # one field by its name
    assert all(order.cause is Cause.ROLL for duty in asked(holding) for order in duty.intents)


@pytest.mark.parametrize(
    "change",
    [
        {"net_qty": 0},  # only an entry works
        {"contract": "their own", "root": "their own"},
        {"contract": "NQH7"},
        {"began_at": ROLL_DAY},  # entered by its name on the day of the roll
        {"symbol": "NQ2!", "contract": "NQM7"},
    ],
)
def test_nothing_is_due(change: dict[str, object]) -> None:
    assert asked(replace(HELD, **change)) == []  # type: ignore[arg-type] # fields by their names


def test_a_roll_waits_for_the_market() -> None:
    assert asked(HELD, ROLL_DAY.replace(hour=22, minute=30)) == []


def test_the_second_half_stands_for_the_whole_quantity() -> None:
    duty = after(ENDED, ROLL_DAY)
    assert duty is not None
    entry, target, stop = duty.intents
    assert (entry.contract, entry.action, entry.qty_contracts) == ("NQH7", Action.BUY, 2)
    assert entry.expires_at == ROLL_DAY + MOVE_WITHIN
    assert (stop.role, stop.offset_ticks, stop.action) == (Role.STOP_LOSS, 30, Action.SELL)
    assert (stop.parent, stop.expires_at, stop.moves) == (entry.id, None, FOLLOWS)
    assert (target.offset_ticks, target.moves) == (20, None)


@pytest.mark.parametrize(
    ("change", "outcome"),
    [
        ({"state": IntentState.SKIPPED}, "closed"),
        ({"state": IntentState.REJECTED}, "failed"),
        ({"entry_state": IntentState.FILLED}, "moved"),
        ({"entry_state": IntentState.BLOCKED}, "not_moved"),
        ({"is_overtaken": True}, "not_moved"),
        ({"may_enter": False}, "not_moved"),
        ({"ended_at": ROLL_DAY - MOVE_WITHIN}, "not_moved"),
    ],
)
def test_how_a_roll_ends(change: dict[str, object], outcome: str) -> None:
    duty = after(replace(ENDED, **change), ROLL_DAY)  # type: ignore[arg-type] # by their names
    assert duty is not None
    assert duty.intents == ()
    assert [news.body.to_json()["outcome"] for news in duty.news] == [outcome]


@pytest.mark.parametrize("change", [{"held": 1}, {"entry_state": IntentState.SENDING}])
def test_what_is_not_through_is_waited_for(change: dict[str, object]) -> None:
    assert after(replace(ENDED, **change), ROLL_DAY) is None  # type: ignore[arg-type] # by its name


def test_the_second_half_waits_for_an_open_market() -> None:
    closes = ROLL_DAY.replace(hour=22)
    assert after(replace(ENDED, ended_at=closes), closes) is None


def test_a_second_attempt_at_the_exit_is_followed_by_the_same_entry() -> None:
    again = replace(EXIT, attempt=2)
    first, second = (entry_after(each, 2, "NQH7", (), ROLL_DAY) for each in (EXIT, again))
    assert first == second
