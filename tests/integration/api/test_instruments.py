"""What is traded, what a symbol means at a time, and the rolls ahead of what a user has."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from fastapi import FastAPI

from api.app import create_app
from api.resources import Resources
from shared.domain.instruments import PRODUCTS
from shared.runtime.clock import SystemClock
from tests.integration.api.desk import Browser, Desk, signed_in
from tests.integration.api.helpers import Strategy, Town

TUESDAY = datetime(2026, 12, 1, 16, tzinfo=UTC)


class Standing(SystemClock):
    def now(self) -> datetime:
        return TUESDAY


@pytest.fixture
def app(resources: Resources) -> FastAPI:
    return create_app(replace(resources, clock=Standing()))


async def test_every_product_with_its_figures(ada: Browser) -> None:
    told = await ada.get("/api/instruments/")
    assert told["trade_date"] == "2026-12-01"
    by_root = {each["root"]: each for each in told["instruments"]}
    assert set(by_root) == set(PRODUCTS)
    assert {name: by_root["NQ"][name] for name in (
        "tick_size", "tick_value_usd", "point_value_usd", "price_decimals", "front", "next_front",
        "rolls_on", "is_open", "next_open",
    )} == {
        "tick_size": "0.25", "tick_value_usd": "5", "point_value_usd": "20", "price_decimals": 2,
        "front": "NQZ6", "next_front": "NQH7", "rolls_on": "2026-12-10", "is_open": True,
        "next_open": None,
    }  # fmt: skip
    assert by_root["MNQ"]["micro_of"] == "NQ"
    for each in by_root.values():
        assert Decimal(each["tick_size"]) * Decimal(each["point_value_usd"]) == Decimal(
            each["tick_value_usd"]
        )
        assert Decimal(each["tick_size"]).scaleb(each["price_decimals"]) % 1 == 0


async def test_what_a_symbol_means_at_a_time(ada: Browser) -> None:
    for symbol, at, contract, after in [
        ("NQ1!", None, "NQZ6", "NQH7"),
        ("CME_MINI:NQ1!", "2026-12-09T16:00:00Z", "NQZ6", "NQH7"),
        # Wednesday evening is Thursday's trade date: the roll's.
        ("NQ1!", "2026-12-09T17:30:00-06:00", "NQH7", "NQM7"),
        ("NQ2!", "2026-12-01T16:00:00Z", "NQH7", "NQM7"),
        ("NQZ2026", "2026-12-20T16:00:00Z", "NQZ6", "NQH7"),
    ]:
        asked: dict[str, Any] = {"symbol": symbol} if at is None else {"symbol": symbol, "at": at}
        told = await ada.get("/api/instruments/meaning/", **asked)
        assert (told["contract"], told["next_contract"]) == (contract, after), asked


async def test_what_cannot_be_read_is_said_so(ada: Browser) -> None:
    for symbol, at, code in [
        ("ZZZ9!", "2026-12-01T16:00:00Z", "symbol.unknown"),
        ("", "2026-12-01T16:00:00Z", "request.invalid"),
        ("NQ1!", "2026-12-01T16:00:00", "request.invalid"),  # whose clock?
        ("NQ1!", "9999-12-01T16:00:00Z", "symbol.no_listing"),
        ("NQ9!", "2049-12-31T16:00:00Z", None),
    ]:
        status = 200 if code is None else 422
        told = await ada.get("/api/instruments/meaning/", status, symbol=symbol, at=at)
        assert told.get("code") == code


async def test_rolls_of_what_is_traded_and_held_and_of_nobody_else(
    ada: Browser, app: FastAPI, town: Town
) -> None:
    desk = Desk(town)
    account = await desk.account(ada.person.id)
    moves = await town.strategy(
        ada.person.id, "Moves", symbol="ES1!", rules={"roll": {"policy": "move"}}
    )
    await town.strategy(ada.person.id, "Other", symbol="GC1!")
    await town.strategy(ada.person.id, "Odd", symbol="whatever")
    await desk.position(moves, account, 2, contract="ESZ6")
    nobody = Strategy(0, ada.person.id, "", "")
    await desk.position(nobody, account, -1, contract="NQZ6")
    told = (await ada.get("/api/instruments/rolls/"))["rolls"]
    assert [each["on"] for each in told] == sorted(each["on"] for each in told)
    by_leaving = {each["leaving"]: each for each in told}
    assert {"ESZ6", "NQZ6"} < set(by_leaving)
    held = by_leaving["ESZ6"]
    assert held["entering"] == "ESH7"
    assert [each["name"] for each in held["strategies"]] == ["Moves"]
    assert held["positions"] == [
        {"account_id": account.id, "strategy_id": moves.id, "net_qty": 2, "policy": "move"}
    ]
    by_hand = by_leaving["NQZ6"]
    assert (by_hand["strategies"], by_hand["positions"][0]["policy"]) == ([], None)
    [gold] = [each for each in told if each["root"] == "GC"]
    assert [each["name"] for each in gold["strategies"]] == ["Other"]
    async with signed_in(app, town, "Bob") as bob:
        assert await bob.get("/api/instruments/rolls/") == {"rolls": []}


async def test_it_needs_a_session(ada: Browser) -> None:
    ada.http.cookies.clear()
    for path in ("", "meaning/?symbol=NQ1!", "rolls/"):
        assert (await ada.http.get(f"/api/instruments/{path}")).status_code == 401
