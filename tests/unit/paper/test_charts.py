"""Bars and ticks: what traded, a past before it, and the newest of both."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

from paper.charts import Bar, Charts
from paper.inprocess import InProcess, Line
from tests.unit.paper.test_inprocess import WAIT_S, synced
from tests.unit.paper.test_venue import begun

NOON = datetime(2026, 3, 2, 18, tzinfo=UTC)


def recorded() -> Charts:
    charts = Charts(seed=1)
    for second, price in ((0, 100), (20, 103), (40, 99), (61, 101), (300, 104)):
        charts.record("NQ", Decimal(price), NOON + timedelta(seconds=second))
    return charts


def last(charts: Charts, minutes: int, count: int) -> list[Bar]:
    return charts.bars("NQ", minutes, count, NOON, Decimal(104))


def prices(bar: Bar) -> list[int]:
    return [int(price) for price in (bar.open, bar.high, bar.low, bar.close)]


def test_trades_become_bars_of_any_size() -> None:
    figures = [(b.at, *prices(b), b.up, b.down) for b in last(recorded(), 1, 3)]
    minute = timedelta(minutes=1)
    assert figures == [
        (NOON, 100, 103, 99, 99, 2, 1),
        (NOON + minute, 101, 101, 101, 101, 1, 0),
        (NOON + 5 * minute, 104, 104, 104, 104, 1, 0),
    ]
    first, second = last(recorded(), 5, 2)
    assert (first.at, prices(first)) == (NOON, [100, 103, 99, 101])
    assert (second.at, second.up) == (NOON + 5 * minute, 1)


def test_the_past_is_made_up_the_same_each_time_and_joins_on() -> None:
    bars = last(recorded(), 5, 50)
    assert bars == last(recorded(), 5, 50)
    assert len(bars) == 50
    for before, after in pairwise(bars[:-1]):
        assert after.at - before.at == timedelta(minutes=5)
        assert before.close == after.open
        assert before.low <= before.open <= before.high


async def charts_of(line: Line, number: int, kind: str, count: int) -> list[dict[str, Any]]:
    """Ask for a chart and read until the end of its history."""
    asked = {
        "symbol": "NQM6",
        "chartDescription": {"underlyingType": kind, "elementSize": 1},
        "timeRange": {"asMuchAsElements": count},
    }
    await line.send(f"md/getChart\n{number}\n\n{json.dumps(asked)}")
    found: list[dict[str, Any]] = []
    async with asyncio.timeout(WAIT_S):
        while not any(packet.get("eoh") for packet in found):
            found += packets(await line.recv())
    return found


def packets(frame: str) -> list[dict[str, Any]]:
    messages = json.loads(frame[1:]) if frame.startswith("a") else []
    return [p for m in messages if m.get("e") == "chart" for p in m["d"]["charts"]]


async def test_charts_tell_the_past_then_each_trade_until_cancelled() -> None:
    venue, _ = begun()
    wire = InProcess(venue)
    async with wire.connect() as line:
        await synced(wire, line)
        venue.trade("NQ", Decimal(20000))
        bars = await charts_of(line, 5, "MinuteBar", 300)
        assert sum(len(packet.get("bars", ())) for packet in bars) == 300
        assert bars[-2]["bars"][-1]["close"] == 20000
        ticks = await charts_of(line, 6, "Tick", 10)
        assert [(ticks[0]["bp"] + t["p"]) * ticks[0]["ts"] for t in ticks[0]["tks"]] == [20000]
        charts = list(venue.hub.charts.values())
        venue.trade("NQ", Decimal(20001))
        async with asyncio.timeout(WAIT_S):
            told: list[dict[str, Any]] = []
            while len(told) < 2:
                told += packets(await line.recv())
        assert {packet["id"] for packet in told} == {chart.realtime_id for chart in charts}
        body = json.dumps({"subscriptionId": charts[0].historical_id})
        await line.send(f"md/cancelchart\n7\n\n{body}")
        async with asyncio.timeout(WAIT_S):
            while '"i":7' not in await line.recv():
                pass
        assert list(venue.hub.charts.values()) == charts[1:]
    assert venue.hub.charts == {}
