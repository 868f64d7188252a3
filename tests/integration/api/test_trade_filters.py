"""Lists, totals and facets of any mix of filters, against the trades themselves."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final

import pytest
from fastapi import FastAPI
from sqlalchemy import text

from api.trades import queries, spots, totals
from shared.db.uow import unit_of_work
from tests.integration.api.desk import DAY, START, Browser, Desk, signed_in
from tests.integration.api.helpers import Town

SYMBOLS: Final = (
    ("ES1!", "ES", "ESH6"), ("ES1!", "ES", "ESM6"), (None, "ES", "ESM6"), ("NQ1!", "NQ", "NQH6"),
    ("ESH6", "ES", "ESH6"),
)  # fmt: skip
REASONS: Final = ("Take Profit", "Stop Loss", "Signal")
Asked = dict[str, Any]
NETS: Final = ("45.80", "-20.05", "0", "12.345", "-7")


@dataclass(frozen=True, slots=True)
class Known:
    """A trade as it was written."""

    id: int
    at: Any
    day: date
    strategy: str
    account: str
    ticker: str | None
    root: str
    contract: str
    timeframe: str | None
    side: str
    reason: str
    net: Decimal
    qty: int

    def answers(self, asked: Asked) -> bool:
        symbol = asked.get("symbol", "").upper()
        told = {
            "strategy": self.strategy,
            "account": self.account,
            "timeframe": self.timeframe,
            "side": self.side,
            "exit_reason": self.reason,
            "result": "win" if self.net > 0 else "loss" if self.net < 0 else "even",
        }
        return (
            all(told[name] == value for name, value in asked.items() if name in told)
            and (not symbol or symbol in {(self.ticker or "").upper(), self.root, self.contract})
            and asked.get("since", "") <= self.day.isoformat() <= asked.get("until", "9")
            and self.net >= Decimal(asked.get("net_min", "-Infinity"))
        )


@dataclass(frozen=True, slots=True)
class World:
    ada: Browser
    desk: Desk
    known: list[Known]

    def of(self, asked: Asked) -> list[Known]:
        found = [trade for trade in self.known if trade.answers(asked)]
        return sorted(found, key=lambda trade: (trade.at, trade.id), reverse=True)

    async def pages(self, limit: int, asked: Asked) -> list[int]:
        seen: list[int] = []
        after: str | None = ""
        for _ in range(200):
            page = await self.ada.get("/api/trades/", wrap=1, limit=limit, after=after, **asked)
            seen += [trade["id"] for trade in page["trades"]]
            after = page["next"]
            if after is None:
                return seen
        raise AssertionError("pages without an end")


@pytest.fixture
async def world(app: FastAPI, town: Town) -> AsyncIterator[World]:
    """Seventy trades of two strategies and accounts over five weeks, ten of them brought in."""
    desk, dice = Desk(town), random.Random(7)  # noqa: S311 - a history, not a secret
    async with signed_in(app, town, "Ada") as ada:
        strategies = [await town.strategy(ada.person.id, name) for name in ("One", "Two")]
        accounts = [await desk.account(ada.person.id) for _ in range(2)]
        job = await desk.add("jobs", user_id=ada.person.id, kind="import_trades", params={})
        known: list[Known] = []
        for number in range(70):
            ticker, root, contract = dice.choice(SYMBOLS)
            net = Decimal(dice.choice(NETS))
            days, qty = dice.randrange(35), dice.randint(1, 3)
            strategy, account = dice.choice(strategies), dice.choice(accounts)
            told: dict[str, Any] = {
                "ticker": ticker, "root": root, "contract": contract, "qty": qty,
                "timeframe": dice.choice(("5", "15", None)), "side": dice.choice(("BUY", "SELL")),
                "exit_reason": dice.choice(REASONS), "exit_at": START + timedelta(days=days),
            }  # fmt: skip
            day, name = DAY + timedelta(days=days), account.name
            if number % 7:
                made = await desk.trade(strategy, account, net=str(net), on=day, **told)
            else:
                made, name = -await _imported(desk, job, strategy, net, day, told), "Imported"
            known.append(
                Known(
                    made, told["exit_at"], day, strategy.name, name, ticker, root, contract,
                    told["timeframe"], told["side"], told["exit_reason"], net, qty,
                )
            )  # fmt: skip
        yield World(ada, desk, known)


async def _imported(
    desk: Desk, job: int, strategy: Any, net: Decimal, day: date, told: dict[str, Any]
) -> int:
    made: int = await desk.add(
        "imported_trades", user_id=strategy.user_id, job_id=job, strategy_id=strategy.id,
        fingerprint=str(next(_numbers)).encode(), entry_price=Decimal(1), exit_price=Decimal(1),
        entry_at=START, gross_usd=net, fees_usd=Decimal(0), net_usd=net, trade_date=day, **told,
    )  # fmt: skip
    return made


_numbers = itertools.count(1)


def _mixes(world: World) -> list[Asked]:
    """Each filter alone, and mixes of any of them."""
    day = DAY.isoformat()
    later, last = ((DAY + timedelta(days=days)).isoformat() for days in (9, 20))
    one: list[Asked] = [
        {}, {"strategy": "One"}, {"account": world.known[1].account}, {"account": "Imported"},
        {"symbol": "es1!"}, {"symbol": "ES"}, {"symbol": "ESH6"}, {"symbol": "ESM6"},
        {"symbol": "CL"}, {"timeframe": "5"}, {"side": "SELL"}, {"exit_reason": "Stop Loss"},
        {"since": later}, {"until": later}, {"since": later, "until": last},
        {"since": "2026-12-01"},
        {"until": "2025-01-01"}, {"since": "0001-01-01", "until": "9999-12-31"}, {"since": day},
    ]  # fmt: skip
    dice = random.Random(3)  # noqa: S311 - which filters, not a secret
    mixed = [dict(itertools.chain(*(each.items() for each in dice.sample(one, 3)))) for _ in one]
    return one + mixed


@pytest.mark.parametrize("groups_max", [spots.GROUPS_MAX, 0])
async def test_m132_pages_of_any_mix_of_filters(
    world: World, monkeypatch: pytest.MonkeyPatch, groups_max: int
) -> None:
    """Found group by group, and along all of them where there are too many groups."""
    monkeypatch.setattr(spots, "GROUPS_MAX", groups_max)
    for asked in _mixes(world)[:: 1 if groups_max else 3]:
        wanted = [trade.id for trade in world.of(asked)]
        assert await world.pages(17, asked) == wanted, asked


async def test_m132_what_lies_beyond_goes_on_in_short_pages(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "LOOKED_AT_MAX", 18)
    for asked in _mixes(world)[::7]:
        for beyond in ({"result": "loss"}, {"result": "even"}, {"net_min": "12.345"}):
            wanted = [trade.id for trade in world.of(asked | beyond)]
            assert await world.pages(5, asked | beyond) == wanted, (asked, beyond)


async def test_m141_totals_of_any_mix_of_filters(world: World) -> None:
    for asked in [*_mixes(world), {"result": "win"}, {"net_min": "0", "strategy": "One"}]:
        found = await world.ada.get("/api/trades/totals/", **asked)
        nets = [trade.net for trade in world.of(asked)]
        told = (
            found["trades"], found["wins"], found["losses"], Decimal(found["net"]),
            Decimal(found["won"]), Decimal(found["lost"]), found["contracts"],
        )  # fmt: skip
        assert told == (
            len(nets), sum(net > 0 for net in nets), sum(net < 0 for net in nets), sum(nets),
            sum(net for net in nets if net > 0), sum(net for net in nets if net < 0),
            sum(trade.qty for trade in world.of(asked)),
        ), asked  # fmt: skip
        assert Decimal(found["gross"]) - Decimal(found["fees"]) == Decimal(found["net"])
        assert (found["average"] is None) == (not nets)
    assert (await world.ada.get("/api/trades/totals/", user="Bob"))["trades"] == 0
    assert (await world.ada.get("/api/trades/", user="Bob")) == []
    assert (await world.ada.get("/api/trades/facets/", user="Bob"))["sides"] == []


FACETS: Final = {
    "strategies": "strategy", "accounts": "account", "symbols": "symbol",
    "timeframes": "timeframe", "sides": "side", "exit_reasons": "exit_reason",
}  # fmt: skip


async def test_m136_a_facet_counts_what_choosing_it_would_show(world: World) -> None:
    for asked in _mixes(world)[::3]:
        found = await world.ada.get("/api/trades/facets/", **asked)
        for facet, dimension in FACETS.items():
            others = {name: value for name, value in asked.items() if name != dimension}
            counted: Counter[str] = Counter()
            for trade in world.of(others):
                counted.update(_values(trade, dimension))
            told = {each["value"]: each["trades"] for each in found[facet]}
            assert told == counted, (asked, facet)


def _values(trade: Known, dimension: str) -> set[str]:
    if dimension == "symbol":
        return {trade.root} | ({trade.ticker} if trade.ticker else set())
    value = getattr(trade, "reason" if dimension == "exit_reason" else dimension)
    return {value} if value else set()


async def test_m141_counting_one_by_one_ends_in_time(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody keeps a table from being read, for longer than the limit."""
    monkeypatch.setattr(totals, "COUNT_MS_MAX", 100)
    async with unit_of_work(world.desk.town.owner) as connection:
        await connection.execute(text("LOCK TABLE imported_trades IN ACCESS EXCLUSIVE MODE"))
        found = await world.ada.get("/api/trades/totals/", 422, result="win")
    assert found["code"] == "totals.too_long"
    assert (await world.ada.get("/api/trades/totals/"))["trades"] == len(world.known)


async def test_what_no_filter_is(app: FastAPI, town: Town) -> None:
    async with signed_in(app, town, "Ada") as ada:
        for asked in ({"side": "buy"}, {"result": "x"}, {"net_min": "NaN"}, {"since": "today"}):
            for path in ("/api/trades/", "/api/trades/totals/"):
                assert (await ada.get(path, 422, **asked))["code"] == "request.invalid"
