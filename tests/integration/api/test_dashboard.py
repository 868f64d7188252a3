"""The dashboard's four figures."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime

import pytest
from fastapi import FastAPI

from api.app import create_app
from api.resources import Resources
from shared.runtime.clock import SystemClock
from tests.integration.api.desk import Browser, Desk, signed_in
from tests.integration.api.helpers import Town


@dataclass
class SetClock(SystemClock):
    """Shows the time it was set to."""

    at: datetime

    def now(self) -> datetime:
        return self.at


@pytest.fixture
def clock() -> SetClock:
    return SetClock(datetime(2026, 3, 2, 20, 0, tzinfo=UTC))


@pytest.fixture
def app(resources: Resources, clock: SetClock) -> FastAPI:
    return create_app(replace(resources, clock=clock))


@pytest.mark.parametrize("slash", ["", "/"])
async def test_the_figures_of_a_day(
    ada: Browser, app: FastAPI, town: Town, clock: SetClock, slash: str
) -> None:
    path = f"/api/dashboard/summary{slash}"
    nothing = {
        "active_positions": 0, "today_pnl": 0, "total_pnl": 0, "total_strategies": 0,
        "trade_date": "2026-03-02",
    }  # fmt: skip
    assert await ada.get(path) == nothing

    desk = Desk(town)
    strategy, account = await town.strategy(ada.person.id), await desk.account(ada.person.id)
    gone = await town.strategy(ada.person.id, "Gone")
    await town.sql("UPDATE strategies SET deleted_at = now() WHERE id = :id", id=gone.id)
    await desk.trade(strategy, account, net="100.10", on=date(2026, 2, 27))
    await desk.trade(strategy, account, net="-20.35")
    await desk.trade(gone, account, net="0.05")
    await desk.record(strategy, account)

    answer = await ada.http.get(path)
    assert answer.json() == {
        "active_positions": 1, "today_pnl": -20.3, "total_pnl": 79.8, "total_strategies": 1,
        "trade_date": "2026-03-02",
    }  # fmt: skip
    assert '"today_pnl":-20.3,"total_pnl":79.8,' in answer.text
    async with signed_in(app, town, "Bob") as bob:
        assert await bob.get(path) == nothing


async def test_the_day_begins_at_17_in_chicago(ada: Browser, town: Town, clock: SetClock) -> None:
    desk = Desk(town)
    strategy, account = await town.strategy(ada.person.id), await desk.account(ada.person.id)
    await desk.trade(strategy, account, net="1", on=date(2026, 3, 2))
    await desk.trade(strategy, account, net="2", on=date(2026, 3, 3))
    for at, day, today_usd in (
        (datetime(2026, 3, 2, 22, 59, 59, tzinfo=UTC), "2026-03-02", 1),
        (datetime(2026, 3, 2, 23, 0, tzinfo=UTC), "2026-03-03", 2),
    ):
        clock.at = at
        found = await ada.get("/api/dashboard/summary/")
        assert (found["trade_date"], found["today_pnl"], found["total_pnl"]) == (day, today_usd, 3)


async def test_nobody_comes_in_without_a_session(ada: Browser) -> None:
    ada.http.cookies.clear()
    await ada.get("/api/dashboard/summary/", 401)
