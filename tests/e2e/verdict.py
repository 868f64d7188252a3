"""What must be true after trading: money, trades, orders, messages and frames, each on its own.

Expectations come from the venue's ledger (by `ledger_check`) and from the story, never from the
product; what the product says is read through its API, its tables, its sockets and its DMs.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from itertools import pairwise
from typing import Any, Final

from tests.e2e.house import House
from tests.e2e.story import PARTS, ROOTS, STRATEGIES, TRADES, Trade
from tests.fixtures.ledger_check import Trip, cash_change_cents, cents, root_of, round_trips, ticks

_FILLS: Final = """
    SELECT f.broker_fill_id, f.broker_order_id, a.name, f.contract, f.action, f.qty, f.price::text,
      f.fee_usd, f.active
    FROM fills f JOIN accounts a ON a.id = f.account_id ORDER BY f.broker_fill_id
"""
_OPENINGS: Final = """
    SELECT t.id, r.opening_fill_id FROM trades t
    JOIN recorded_positions r ON r.id = t.recorded_position_id
"""
_INTENTS: Final = """
    SELECT id, signal_id, account_id, role, broker_order_id, state FROM intents
"""
_EVENTS: Final = """
    SELECT account_id, seq, type, body FROM outbox
    WHERE stream = 'tm.events' AND account_id IS NOT NULL ORDER BY account_id, seq
"""
_FRAMES: Final = {
    "order.changed.v1": "ORDER",
    "fill.recorded.v1": "FILL",
    "fill.fee_known.v1": "FILL",
    "position.changed.v1": "POSITION",
}
_TITLES: Final = {"Take Profit": "Take profit hit", "Stop Loss": "Stop loss hit"}
_MESSAGE: Final = re.compile(
    r"\*\*(?P<title>[^*]+)\*\*: (?P<what>.+?)(?:,| at) .*\n(?:.*\n)*"
    r"(?P<strategy>.+) · (?P<account>.+)"
)


async def money_is_exact(house: House) -> None:
    """Every fill, every trade and the sum of all, to the cent, per account."""
    ledger = await house.venue.ledger()
    fills = [
        (f.id, f.order_id, f.account, f.contract, f.sign, f.qty, f.ticks, f.fee_cents)
        for f in ledger.fills
    ]
    assert await _our_fills(house) == fills
    trips = round_trips(ledger.fills)
    assert ledger.cash_change_cents == cash_change_cents(trips), "the venue against itself"
    closed, held = await _our_trades(house)
    assert closed == {trip.opening_fill_id: _figures(trip) for trip in trips if not trip.is_open}
    assert held == sorted(_figures(trip) for trip in trips if trip.is_open)
    earned: Counter[str] = Counter()
    for account, *_, net in (*closed.values(), *held):
        earned[account] += net
    assert earned == ledger.cash_change_cents
    for account in await house.browser.get("/api/accounts/"):
        assert cents(account["balance"]) == ledger.cash_cents[account["name"]]
    summary = await house.browser.get("/api/dashboard/summary/")
    assert cents(summary["total_pnl"]) == sum(net for *_, net in closed.values())


async def trades_are_the_storys(house: House) -> None:
    """Side, size, contract and exit reason of each trade."""
    closed = [
        Trade(
            row["Strat_Name"],
            row["account"],
            row["Direction"],
            abs(row["Position_Size"]),
            row["exit_reason"],
        )
        for row in await house.browser.get("/api/trades/")
    ]
    held = [
        Trade(row["Strat_Name"], row["account"], row["Direction"], abs(row["Running_Pos"]), None)
        for row in await house.browser.get("/api/trades/open/")
    ]
    assert Counter(closed + held) == Counter(TRADES)


async def orders_are_placed_once(house: House) -> None:
    """One order for each intent and one intent for each order; one entry per signal and account."""
    ledger = await house.venue.ledger()
    intents = await house.database.fetch(_INTENTS)
    sent = {str(row["id"]): row for row in intents if row["broker_order_id"] is not None}
    repeated = {client: ids for client, ids in ledger.orders_by_client_id.items() if len(ids) > 1}
    assert repeated == {}
    assert {client: ids[0] for client, ids in ledger.orders_by_client_id.items()} == {
        client: row["broker_order_id"] for client, row in sent.items()
    }
    assert set(ledger.orders) == {row["broker_order_id"] for row in sent.values()}
    entries = Counter(
        (row["signal_id"], row["account_id"]) for row in sent.values() if row["role"] == "entry"
    )
    assert set(entries.values()) <= {1}


def messages_came_once(house: House) -> None:
    """One opening and one ending for each trade, one for each part taken at a target."""
    told = Counter(_told(message.content) for message in house.discord.messages)
    parts = Counter(
        ("Take profit hit", f"{closed} of {of}", account) for account, closed, of in PARTS
    )
    endings = [trade for trade in TRADES if trade.reason is not None]
    assert {key: n for key, n in told.items() if " of " not in key[1]} == Counter(
        [("Position opened", f"{trade.side}", trade.account) for trade in TRADES]
    ) + Counter(
        (
            _TITLES.get(str(trade.reason), "Position closed"),
            f"{trade.side} {trade.qty}",
            trade.account,
        )
        for trade in endings
    )
    assert {key: n for key, n in told.items() if " of " in key[1]} == parts
    nonces = [message.nonce for message in house.discord.messages]
    assert len(nonces) == len(set(nonces))
    assert house.discord.problems == []


def _told(content: str) -> tuple[str, str, str]:
    """Title, what, account. An opening tells the size of its first fill: only its side counts."""
    found = _MESSAGE.fullmatch(content)
    assert found is not None, content
    assert found["strategy"] in STRATEGIES
    words = found["what"].split()
    assert words[-2:] == [STRATEGIES[found["strategy"]]["symbol"], words[-1]], content
    assert root_of(words[-1].strip("()")) == ROOTS[found["strategy"]]
    what = words[0] if found["title"] == "Position opened" else " ".join(words[:-2])
    return found["title"], what, found["account"]


async def screen_saw_everything(house: House) -> None:
    """Each order, fill and position change since the first snapshot, in the order of its number."""
    assert house.view.problems == []
    assert all(each["status"] == "Success" for each in house.view.setups)
    events = await house.database.fetch(_EVENTS)
    for account, first in house.view.first_event_seq.items():
        rows = [row for row in events if row["account_id"] == account]
        assert [row["seq"] for row in rows] == list(range(1, len(rows) + 1))
        told = [row for row in rows if row["seq"] > first and row["type"] in _FRAMES]
        assert len(told) > len(STRATEGIES)
        wanted = [(_FRAMES[row["type"]], _same(json.loads(row["body"]))) for row in told]
        assert _frames(house, account) == wanted


async def events_are_numbered(house: House) -> None:
    """Per account one number after the other, with or without somebody watching."""
    for before, after in pairwise(await house.database.fetch(_EVENTS)):
        if before["account_id"] == after["account_id"]:
            assert after["seq"] == before["seq"] + 1


def _frames(house: House, account: int) -> list[tuple[str, dict[str, Any]]]:
    kinds = set(_FRAMES.values())
    return [
        (frame["type"], _same({k: v for k, v in frame["data"].items() if k != "event"}))
        for frame in house.view.frames
        if frame["type"] in kinds and frame["data"]["account_id"] == account
    ]


def _same(body: dict[str, Any]) -> dict[str, Any]:
    """Ids of the broker are text on a screen and numbers in an event."""
    big = ("order_id", "fill_id")
    return {key: str(value) if key in big else value for key, value in body.items()}


async def _our_fills(house: House) -> list[tuple[Any, ...]]:
    rows = await house.database.fetch(_FILLS)
    assert all(row["active"] for row in rows)
    return [
        (
            *(row["broker_fill_id"], row["broker_order_id"], row["name"], row["contract"]),
            {"Buy": 1, "Sell": -1}[row["action"]],
            row["qty"],
            ticks(row["price"], row["contract"]),
            cents(row["fee_usd"]),
        )
        for row in rows
    ]


Figures = tuple[str, str, str, int, int, int, int]


def _figures(trip: Trip) -> Figures:
    """Account, contract, side, size, gross, fees, net."""
    size = trip.open_qty if trip.is_open else trip.qty
    money = trip.gross_cents, trip.fees_cents, trip.net_cents
    return trip.account, trip.contract, trip.side, size, *money


async def _our_trades(house: House) -> tuple[dict[int, Figures], list[Figures]]:
    """Closed ones by opening fill, and what is held."""
    openings = dict(map(tuple, await house.database.fetch(_OPENINGS)))
    closed = await house.browser.get("/api/trades/")
    assert all(cents(row["Profit"]) == cents(row["net"]) for row in closed)
    held = await house.browser.get("/api/trades/open/")
    return (
        {openings[row["id"]]: _row(row, row["Position_Size"]) for row in closed},
        sorted(_row(row, row["Running_Pos"]) for row in held),
    )


def _row(row: dict[str, Any], size: int) -> Figures:
    assert (size > 0) == (row["Direction"] == "BUY")
    money = (cents(row[name]) for name in ("gross", "fees", "net"))
    gross, fees, net = money
    return row["account"], row["contract"], row["Direction"], abs(size), gross, fees, net
