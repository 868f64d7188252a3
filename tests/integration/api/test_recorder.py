"""Recording: on, off, and what was recorded."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from fastapi import FastAPI
from sqlalchemy import select

from api.recorder.queries import move_percent
from shared.db.tables.strategies import strategies
from tests.integration.api.desk import START, Browser, Desk, signed_in
from tests.integration.api.helpers import Town


@pytest.mark.parametrize("slash", ["", "/"])
async def test_the_switch_may_be_pressed_twice(ada: Browser, town: Town, slash: str) -> None:
    strategy = await town.strategy(ada.person.id)
    for word, on in (("stop", False), ("stop", False), ("start", True), ("start", True)):
        answer = await ada.post(f"/api/recorder/{word}/{strategy.id}{slash}")
        assert answer == {
            "message": f"Recording is {'on' if on else 'off'}.",
            "strategy_id": strategy.id,
            "recording_enabled": on,
        }
        [row] = await town.rows(select(strategies))
        assert row.recording_enabled is on


@pytest.mark.parametrize("slash", ["", "/"])
async def test_recorded_positions_key_by_key(ada: Browser, town: Town, slash: str) -> None:
    desk = Desk(town)
    strategy, account = await town.strategy(ada.person.id), await desk.account(ada.person.id)
    fill_id = await desk.fill(strategy, account)
    closed = await desk.record(
        strategy, account, opening_fill_id=fill_id, open_qty=0, status="target_hit", signal_id=7,
        exit_price=Decimal("5002.75"), exit_at=START + timedelta(minutes=10),
        exit_reason="Take Profit", stop_loss_price=Decimal("4998.25"),
        take_profit_price=Decimal("5002.75"),
        gross_usd=Decimal(250), fees_usd=Decimal("4.20"), net_usd=Decimal("245.80"),
    )  # fmt: skip
    still_open = await desk.record(strategy, account, side="SELL")
    path = f"/api/recorder/positions/{strategy.id}{slash}"
    found = await ada.get(path)
    assert set(found) == {"positions", "next"}
    second, first = found["positions"]
    assert first == {
        "id": closed, "strategy_id": strategy.id, "account_id": account.id,
        "account": account.name, "symbol": "ES1!", "contract": "ESH6", "timeframe": "5",
        "side": "BUY", "quantity": 2, "open_quantity": 0,
        "entry_price": "5000.25", "entry_time": "2026-03-02T15:30:00Z",
        "exit_price": "5002.75", "exit_time": "2026-03-02T15:40:00Z",
        "exit_reason": "Take Profit", "pnl": "250", "pnl_percent": "0.05", "commission": "4.2",
        "commission_known": True, "net_pnl": "245.8", "stop_loss_price": "4998.25",
        "take_profit_price": "5002.75", "broker_order_id": 9_001, "broker_position_id": None,
        "status": "target_hit", "signal_id": 7,
    }  # fmt: skip
    assert (second["id"], second["status"], second["side"]) == (still_open, "open", "SELL")
    assert {second[name] for name in ("exit_price", "exit_time", "pnl_percent")} == {None}

    page = await ada.get(path, limit=1)
    assert [each["id"] for each in page["positions"]] == [still_open]
    page = await ada.get(path, limit=1, after=page["next"])
    assert ([each["id"] for each in page["positions"]], page["next"]) == ([closed], None)


async def test_another_users_strategy_is_not_there(ada: Browser, app: FastAPI, town: Town) -> None:
    desk = Desk(town)
    strategy, account = await town.strategy(ada.person.id), await desk.account(ada.person.id)
    await desk.record(strategy, account)
    async with signed_in(app, town, "Bob") as bob:
        for word in ("start", "stop"):
            answer = await bob.post(f"/api/recorder/{word}/{strategy.id}/", status=404)
            assert answer["code"] == "strategy.unknown"
        await bob.get(f"/api/recorder/positions/{strategy.id}/", 404)
        assert (await bob.http.post(f"/api/recorder/stop/{strategy.id}/")).status_code == 403
    [row] = await town.rows(select(strategies))
    assert row.recording_enabled is True
    await town.sql("UPDATE strategies SET deleted_at = now()")
    await ada.post(f"/api/recorder/start/{strategy.id}/", status=404)
    await ada.get(f"/api/recorder/positions/{strategy.id}/", 404)


@pytest.mark.parametrize(
    ("side", "entry", "exit_", "percent"),
    [
        ("BUY", "100", "101", "1.0000"),
        ("SELL", "100", "101", "-1.0000"),
        ("BUY", "3", "4", "33.3333"),
        # Crude has traded below zero: a rise is a gain there too.
        ("BUY", "-10", "-5", "50.0000"),
        ("BUY", "0", "5", None),
        ("BUY", "100", None, None),
    ],
)
def test_the_move_in_percent(side: str, entry: str, exit_: str | None, percent: str | None) -> None:
    found = move_percent(side, Decimal(entry), None if exit_ is None else Decimal(exit_))
    assert (None if found is None else str(found)) == percent
