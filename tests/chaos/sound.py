"""A small day told by every ledger without a contradiction, for the checker's own tests."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from tests.chaos.checker.effects import target
from tests.fixtures.ledger_check import VenueFill, cash_change_cents, round_trips

_BEGAN: Final = datetime(2026, 11, 20, 15, tzinfo=UTC)
_FEE_USD: Final = "0.79"
_CONTRACTS: Final = {"MNQ1!": "MNQZ6", "MES1!": "MESZ6"}
STRATEGIES: Final[tuple[dict[str, Any], ...]] = (
    {"name": "Solo 0", "symbol": "MNQ1!", "accounts": [["L1A1", 1]], "bracket": False},
    {"name": "Pair 0", "symbol": "MES1!", "accounts": [["L1A1", 1], ["L1A2", 2]], "bracket": False},
)
_BUY, _SELL = {"action": "buy", "quantity": 1}, {"action": "sell", "quantity": 2}
_LONG = {"market_position": "long", "market_position_size": 2}
_FLAT = {"market_position": "flat", "market_position_size": 0}
STORY: Final[tuple[tuple[int, Mapping[str, Any]], ...]] = (
    (0, _BUY),
    (1, _LONG),
    (0, _BUY),  # an add
    (0, _SELL),  # a reverse
    (1, _LONG),  # it is there already
    (1, _FLAT),
    (0, {"action": "close"}),
)


@dataclass(slots=True)
class World:
    """What `sound` writes while it tells the story. Rows are mutable: tests doctor them."""

    sent: list[dict[str, Any]] = field(default_factory=list)
    tables: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    venue: dict[str, dict[str, Any]] = field(default_factory=dict)
    messages: list[dict[str, Any]] = field(default_factory=list)
    strikes: list[dict[str, Any]] = field(default_factory=list)
    held: Counter[tuple[str, str]] = field(default_factory=Counter)
    fills: list[VenueFill] = field(default_factory=list)
    last_id: int = 1_000

    def next_id(self) -> int:
        self.last_id += 1
        return self.last_id


def sound() -> World:
    world = World()
    for name in ("alerts", "signals", "decisions", "intents", "fills", "positions", "trades"):
        world.tables[name] = []
    for name in ("deliveries", "dead_letters", "unpublished", "quarantined", "balances"):
        world.tables[name] = []
    world.tables["accounts"] = [{"id": 1, "name": "L1A1"}, {"id": 2, "name": "L1A2"}]
    world.tables["strategies"] = [{"id": 11, "name": "Solo 0"}, {"id": 12, "name": "Pair 0"}]
    for name in ("L1A1", "L1A2"):
        world.venue[name] = {"positions": [], "orders": [], "commands": [], "fills": [],
                             "fees": [], "cash_log": []}  # fmt: skip
    for number, (index, asks) in enumerate(STORY, 1):
        _alert(world, number, index, asks)
    _settle(world)
    world.strikes = [
        {"event": "strike", "number": 1},
        {"event": "right", "number": 1, "kind": "kill", "hit": "api", "did": "killed True",
         "took_s": 3.5, "near_call": True, "waited_for": "", "load": 1.0},
    ]  # fmt: skip
    return world


def about() -> dict[str, Any]:
    return {"strategies": [dict(row) for row in STRATEGIES], "size": {"kills": 1}}


def _at(number: int, after_s: float = 0.0) -> str:
    return (_BEGAN + timedelta(seconds=10 * number + after_s)).isoformat()


def _alert(world: World, number: int, index: int, asks: Mapping[str, Any]) -> None:
    strategy, signal = STRATEGIES[index], 100 + number
    about_it = {"number": number, "turn": 1}
    world.sent += [
        {"event": "alert", "mono_s": 10.0 * number, "number": number,
         "strategy": strategy["name"], "asks": asks},
        {"event": "try", "mono_s": 10.0 * number, **about_it},
        {"event": "answer", "mono_s": 10.0 * number + 0.1, **about_it, "status": 202,
         "signal_id": signal},
    ]  # fmt: skip
    world.tables["alerts"].append(
        {"id": number, "signal_id": signal, "body": f'{{"comment": "n{number}"}}'}
    )
    world.tables["signals"].append(
        {"id": signal, "strategy_id": 11 + index, "seq": number, "status": "accepted",
         "code": None, "received_at": _at(number)}
    )  # fmt: skip
    for account, multiplier in strategy["accounts"]:
        _decide(world, signal, index, account, asks, multiplier)


def _decide(
    world: World, signal: int, index: int, account: str, asks: Mapping[str, Any], multiplier: int
) -> None:
    contract = _CONTRACTS[str(STRATEGIES[index]["symbol"])]
    held = world.held[account, contract]
    wanted = target(asks, held, multiplier)
    number = signal - 100
    world.tables["decisions"].append(
        {"signal_id": signal, "account_id": 1 + (account == "L1A2"), "strategy_id": 11 + index,
         "disposition": "FILLED" if wanted != held else "SKIPPED", "code": "plan.entry",
         "decided_at": _at(number, 0.2), "ended_at": _at(number, 0.5)}
    )  # fmt: skip
    steps = [wanted - held] if held * wanted >= 0 else [-held, wanted]
    for step in steps:
        if step:
            role = "exit" if held * step < 0 else "entry"
            _order(world, signal, index, account, role, step)


def _order(world: World, signal: int, index: int, account: str, role: str, step: int) -> None:
    contract = _CONTRACTS[str(STRATEGIES[index]["symbol"])]
    order, fill = world.next_id(), world.next_id()
    client, side = f"intent-{order}", "Buy" if step > 0 else "Sell"
    price = f"{25000 + len(world.fills)}.25"
    row = {"account_id": 1 + (account == "L1A2"), "strategy_id": 11 + index}
    world.tables["intents"].append(
        {**row, "id": client, "signal_id": signal, "role": role, "state": "FILLED",
         "broker_order_id": order, "ended_at": _at(signal - 100, 0.5)}
    )  # fmt: skip
    common = {"contract": contract, "action": side, "qty": abs(step), "price": price}
    world.tables["fills"].append(
        {**row, **common, "broker_fill_id": fill, "broker_order_id": order, "fee_usd": _fee(step),
         "active": True}
    )  # fmt: skip
    theirs = world.venue[account]
    theirs["orders"].append(
        {"id": order, "contract": contract, "action": side, "ordStatus": "Filled"}
    )
    theirs["commands"].append({"commandType": "New", "clOrdId": client, "orderId": order})
    theirs["fills"].append({"id": fill, "orderId": order, **common})
    theirs["fees"].append({"id": fill, "commission": _fee(step)})
    sign = 1 if step > 0 else -1
    ticks, fee = round(float(price) * 4), 79 * abs(step)
    world.fills.append(VenueFill(fill, order, account, contract, sign, abs(step), ticks, fee))
    world.held[account, contract] += step


def _fee(step: int) -> str:
    cents = 79 * abs(step)
    return f"{cents // 100}.{cents % 100:02}"


def _settle(world: World) -> None:
    """Trades, cash and messages, from the fills."""
    trips = round_trips(world.fills)
    owners = {"MNQZ6": "Solo 0", "MESZ6": "Pair 0"}
    for trip in trips:
        number = 1 + (trip.account == "L1A2")
        money = {"gross_usd": trip.gross_cents, "fees_usd": trip.fees_cents,
                 "net_usd": trip.net_cents}  # fmt: skip
        world.tables["trades"].append(
            {"account_id": number, "contract": trip.contract, "side": trip.side,
             "opening_fill_id": trip.opening_fill_id,
             **{name: str(cents / 100) for name, cents in money.items()}}
        )  # fmt: skip
        for title in ("Position opened", "Position closed"):
            world.messages.append(
                {"event": "message", "nonce": f"n{len(world.messages)}",
                 "content": f"**{title}**: {trip.side} {trip.qty} {trip.contract}, at 1\n"
                            f"{owners[trip.contract]} · {trip.account}"}
            )  # fmt: skip
            world.tables["deliveries"].append(
                {"id": len(world.messages), "state": "sent", "code": None}
            )
    for account, change in cash_change_cents(trips).items():
        balance = str((10_000_000 + change) / 100)
        world.venue[account]["balance"] = balance
        world.venue[account]["cash_log"] = [
            {"cashChangeType": "FundTransaction", "delta": "100000.00"},
            {"cashChangeType": "TradePaired", "delta": str(change / 100)},
        ]
        world.tables["balances"].append(
            {"account_id": 1 + (account == "L1A2"), "cash_usd": balance}
        )
