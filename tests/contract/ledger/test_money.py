"""No loss limit and no prop floor is passed by what was let in, whatever comes in whatever order.

Each history has one rule. It begins on a Friday before a change of the clocks or on a plain one,
runs over several trade dates, and is restarted at any point. What is carried into a trade date is
left out of that day: the limit of a day is judged anew at its beginning, and no entry can know
what tomorrow's is worth.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from random import Random
from typing import Final

import pytest

from shared.domain.risk.limits import week_of
from shared.domain.rules import AccountRules, StrategyRules
from shared.domain.rules.bracket import plain_bracket
from shared.domain.rules.limits import Limits, OnReached
from shared.domain.rules.prop import DrawdownKind, PropRules
from tests.contract.ledger.desk import SLIPPAGE_TICKS, START_USD, Desk

FULL = os.environ.get("TM_FULL") == "1"
HISTORIES = 1_000 if FULL else 6  # of each rule
STEPS = 60
STARTS: Final = [datetime(2026, *day, 20, tzinfo=UTC) for day in ((3, 6), (10, 30), (11, 6))]
LOSS: Final = Decimal(900)
NARROW: Final = Decimal(300)  # less than a target and a stop are apart
FLOOR: Final = START_USD - LOSS


def firm(**more: object) -> PropRules:
    return PropRules.model_validate(
        {"name": "F", "start_balance_usd": START_USD, "drawdown_usd": LOSS, **more}
    )


async def account_rules(desk: Desk, rules: AccountRules) -> None:
    for number in range(len(desk.accounts)):
        await desk.set_account(rules, exclusive=False, account=number)


def day_of_an_account(desk: Desk) -> bool:
    return all(desk.day_usd(account) > -LOSS for account in desk.accounts)


def week_of_an_account(desk: Desk) -> bool:
    return all(desk.week_usd(account) > -LOSS for account in desk.accounts)


def day_of_a_strategy(desk: Desk) -> bool:
    return all(desk.day_usd(strategy=int(each)) > -LOSS for each in desk.strategies)


def equity(desk: Desk) -> bool:
    return all(desk.equity_usd(account) > FLOOR for account in desk.accounts)


def floor(desk: Desk) -> bool:
    """The one that follows every high; and nobody is closed twice for one day's reason."""
    above = all(desk.equity_usd(each) > desk.peak[each] - NARROW for each in desk.accounts)
    return above and all(times == 1 for times in desk.asked.values())


def once(desk: Desk) -> bool:
    """What reached its profit is closed, once a day, and stays out for the rest of it."""
    over = [account for account, on in desk.asked if on == desk.on]
    out = all(not net for (account, _), net in desk.net.items() if account in over)
    return out and all(times == 1 for times in desk.asked.values())


RULES: Final[dict[str, tuple[AccountRules, Limits, Callable[[Desk], bool]]]] = {
    "day": (AccountRules(limits=Limits(daily_loss_usd=LOSS)), Limits(), day_of_an_account),
    "week": (AccountRules(limits=Limits(weekly_loss_usd=LOSS)), Limits(), week_of_an_account),
    "strategy": (AccountRules(), Limits(daily_loss_usd=LOSS), day_of_a_strategy),
    "static": (AccountRules(prop=firm(drawdown_kind=DrawdownKind.STATIC)), Limits(), equity),
    "locked": (AccountRules(prop=firm(lock_at_usd=FLOOR)), Limits(), equity),
    "firm's day": (
        AccountRules(prop=firm(drawdown_usd=40_000, daily_loss_usd=LOSS)),
        Limits(),
        day_of_an_account,
    ),
    "profit": (
        AccountRules(limits=Limits(daily_profit_usd=Decimal(200), on_reached=OnReached.FLATTEN)),
        Limits(),
        once,
    ),
    "in time": (
        AccountRules(prop=firm(drawdown_usd=NARROW, on_reached="flatten")),
        Limits(),
        floor,
    ),
}
WATCHED: Final = ("profit", "in time")
WITHOUT_DAYS: Final = ("static", "locked", *WATCHED)
# Looking at every tick takes its time.
HISTORIES_OF: Final = {"profit": 200 if FULL else 2, "in time": 400 if FULL else 8}


async def live(name: str, seed: int) -> tuple[int, int, int]:
    """One history: entries let in, looks judged, and how often all was to be closed."""
    account, own, holds = RULES[name]
    rng = Random(f"{name}{seed}")  # noqa: S311 - no secret
    desk = Desk(STARTS[seed % len(STARTS)], rng)
    target_ticks, stop_ticks = rng.choice((None, 20, 80)), rng.choice((8, 20, 40))
    if name == "in time":  # so that the floor may rise above the stop
        target_ticks, stop_ticks = None, 40
    rules = StrategyRules(
        bracket=plain_bracket(target_ticks, stop_ticks),
        slippage_ticks=SLIPPAGE_TICKS,
        limits=own,
    )
    for strategy in range(len(desk.strategies)):
        await desk.set_rules(rules, strategy)
    await account_rules(desk, account)
    desk.is_watched = name in WATCHED
    await desk.begin()
    judged = 0
    for step in range(STEPS):
        await desk.step()
        first = week_of(desk.on) if name == "week" else desk.on
        if name in WITHOUT_DAYS or not any(day >= first for day in desk.carried):
            judged += 1
            assert holds(desk), (name, seed, step, desk.price)
    return desk.entered, judged, sum(desk.asked.values())


@pytest.mark.timeout(3_600 if FULL else 120)
@pytest.mark.parametrize("name", RULES)
def test_no_history_passes_a_limit(name: str) -> None:
    histories = HISTORIES_OF.get(name, HISTORIES)
    lived = [asyncio.run(live(name, seed)) for seed in range(histories)]
    entered, judged, asked = (sum(each) for each in zip(*lived, strict=True))
    assert entered > 2 * histories  # it was tried
    assert judged > STEPS * histories // 4
    assert asked >= histories // 4 or name not in WATCHED
