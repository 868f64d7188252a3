"""A limit that asks for it closes what is open by the real execution, killed at any moment.

The look, the command, the cancels of the legs and the exit are an operation each of the record;
between any two of them the process may end.
"""

from __future__ import annotations

import os
from collections.abc import Coroutine, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final

import pytest

from execution.bell import Bell
from execution.commands import Commands
from execution.logins import Logins
from execution.prices import Prices
from execution.risk_watch import RiskWatch
from execution.worths import Worths
from shared.domain.alert_signal import Side
from shared.domain.order import IntentState, Role
from shared.domain.rules import AccountRules
from shared.domain.rules.limits import Limits, OnReached
from tests.simulation.parts_house import PRICE, ROOT, House, house, lives
from tests.simulation.twin import TwinLedger
from tests.simulation.virtual_loop import run_virtual

ALL: Final = os.environ.get("TM_FULL") == "1"
QTY: Final = 2
# Of two contracts of MES at 5 USD a point: 40 USD are four points, and the legs are ten away.
PROFIT: Final = Limits(daily_profit_usd=Decimal(40), on_reached=OnReached.FLATTEN)
LOSS: Final = Limits(daily_loss_usd=Decimal(40), on_reached=OnReached.FLATTEN)
QUOTES_GROW_OLD_S: Final = 20.0  # and the price of our own fill, too
# A look, a command and an exit take at most a second each.
KILLS_S: Final = [n / 50 for n in range(160)] if ALL else [0.0, 1.0, 1.06, 2.2]


def looks(
    ledger: TwinLedger, logins: Logins, prices: Prices, bell: Bell
) -> Sequence[Coroutine[Any, Any, Any]]:
    clock = logins._clock
    commands = Commands(ledger, bell, clock, reconcile=lambda: None, planned=lambda: None)
    return (
        RiskWatch(ledger, logins, prices, bell).rounds.run(),
        Worths(ledger, logins, clock).run(),
        commands.rounds.run(),
    )


def limit(home: House, limits: Limits) -> None:
    row = home.store.accounts.one(home.account)
    home.store.accounts.put(row.id, replace(row, rules=AccountRules(limits=limits)))


async def opened(home: House) -> None:
    home.enter(Side.BUY, QTY)
    await home.until(lambda: home.is_covered() and home.net() == QTY)


def is_left_once(home: House, code: str) -> None:
    """Flat, by one exit for one command; and the next entry is refused."""
    assert home.net() == 0
    assert home.closed(Role.EXIT) == QTY
    assert [row.command.kind for row in home.store.commands.rows()] == ["close"]
    (row,) = home.store.standings.rows()
    assert [f"risk.{each['kind']}" for each in row.reached] == [code]
    filled = [row for row in home.intents(Role.ENTRY) if row.filled_qty]
    assert len(filled) == 1
    assert not [row for row in home.store.intents.open() if row.role is not Role.ENTRY]


@pytest.mark.parametrize("killed_after_s", KILLS_S)
@pytest.mark.parametrize(
    ("limits", "points", "code"), [(PROFIT, 5, "risk.daily_profit"), (LOSS, -5, "risk.daily_loss")]
)
def test_what_is_open_is_closed_once_whenever_the_process_ends(
    limits: Limits, points: int, code: str, killed_after_s: float
) -> None:
    async def life() -> None:
        async with house() as home:
            async with lives(home, 1, looks):
                await opened(home)
                limit(home, limits)
                await home.world.price(ROOT, PRICE + points)
                await home.world.clock.sleep(killed_after_s)
            async with lives(home, 2, looks):
                await home.rest()
                await home.world.price(ROOT, PRICE)  # it comes back, and stays reached
                home.enter(Side.BUY, QTY)
                await home.rest()
                is_left_once(home, code)
                blocked = [row for row in home.intents(Role.ENTRY) if not row.filled_qty]
                assert all(row.state is IntentState.BLOCKED for row in blocked)

    run_virtual(life())


def test_without_a_quote_the_brokers_word_is_enough() -> None:
    """The price fell long ago, and nothing was said of it since; then the limit is set."""

    async def life() -> None:
        async with house() as home, lives(home, 1, looks):
            await opened(home)
            await home.world.price(ROOT, PRICE - 5)
            await home.world.clock.sleep(QUOTES_GROW_OLD_S)
            limit(home, LOSS)
            await home.rest()
            is_left_once(home, "risk.daily_loss")
            (said,) = home.store.values.rows()
            assert said.open_usd == Decimal("-52.50")  # bought at the ask, a tick higher
            assert not home.store.prices.rows()

    run_virtual(life())
