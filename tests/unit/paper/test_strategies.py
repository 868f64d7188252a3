"""Bracket strategies and trailing stops, on the venue as one object."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from paper import rows
from paper.book_values import Rules
from paper.venue import Venue
from tests.unit.paper.test_venue import account_of, ask, begun, books_of, market, revived


def strategy(venue: Venue, action: str, qty: int, *brackets: dict[str, Any]) -> dict[str, Any]:
    entry = {"orderQty": qty, "orderType": "Market"}
    return {
        "accountId": account_of(venue),
        "symbol": "NQZ6",
        "action": action,
        "orderStrategyTypeId": 2,
        "uuid": "U-1",
        "params": json.dumps({"entryVersion": entry, "brackets": list(brackets)}),
    }


def bracket(qty: int, target: float | None, stop: float | None, **more: Any) -> dict[str, Any]:
    return {"qty": qty, "profitTarget": target, "stopLoss": stop, "trailingStop": False} | more


def exits(venue: Venue) -> list[tuple[str, int, Decimal | None, Decimal | None]]:
    terms = [entry.terms for entry in books_of(venue)]
    return [(t.kind.value, t.qty, t.price, t.stop_price) for t in terms]


def status_of(venue: Venue) -> str:
    return next(iter(venue.store.all(rows.OrderStrategy))).status


def at(venue: Venue, *prices: str) -> None:
    for price in prices:
        venue.trade("NQ", Decimal(price))


def net(venue: Venue) -> int:
    return sum(position.net_pos for position in venue.store.all(rows.Position))


@pytest.mark.parametrize("sign", [1, -1])
def test_each_bracket_has_exits_at_its_distances_from_the_fill(sign: int) -> None:
    venue, _ = begun()
    at(venue, "20000", "20000.25", "20000") if sign < 0 else at(venue, "19999", "20000")
    action = "Buy" if sign > 0 else "Sell"
    asked = strategy(
        venue,
        action,
        3,
        bracket(2, 10 * sign, -5 * sign),
        bracket(1, 20 * sign, -5 * sign),
    )
    answer = ask(venue, "orderStrategy/startOrderStrategy", asked)
    assert answer["orderStrategy"]["uuid"] == "U-1"
    assert answer["orderStrategy"]["params"] == asked["params"]
    stop = Decimal(20000 - 5 * sign)
    assert exits(venue) == [
        ("Limit", 2, Decimal(20000 + 10 * sign), None),
        ("Stop", 2, None, stop),
        ("Limit", 1, Decimal(20000 + 20 * sign), None),
        ("Stop", 1, None, stop),
    ]
    at(venue, str(20000 + 10 * sign))
    assert (net(venue), len(exits(venue)), status_of(venue)) == (sign, 2, "ActiveStrategy")
    at(venue, str(20000 - 5 * sign))
    assert (net(venue), exits(venue), status_of(venue)) == (0, [], "ExecutionFinished")
    links = ask(venue, "orderStrategyLink/deps", {"masterid": answer["orderStrategy"]["id"]})
    assert [link["label"] for link in links] == [
        "Entry",
        *["ProfitTarget", "StopLoss"] * 2,
    ]


def test_a_partly_filled_entry_is_covered_as_far_as_it_filled() -> None:
    venue, journal = begun()
    venue.trading.set_rules(Rules(size_max_contracts=1))
    at(venue, "20000")
    ask(venue, "orderStrategy/startorderstrategy", strategy(venue, "Buy", 3, bracket(3, 50, -50)))
    for fills in (1, 2, 3):
        stops = [entry for entry in books_of(venue) if entry.terms.kind.has_stop]
        assert sum(entry.terms.qty for entry in stops) == net(venue) == fills
        venue = revived(journal) if fills == 2 else venue  # another takes over midway
        venue.trading.set_rules(Rules(size_max_contracts=1))
        at(venue, "20000.25")


def test_interrupting_cancels_the_exits_and_keeps_the_position() -> None:
    venue, _ = begun()
    asked = strategy(venue, "Buy", 1, bracket(1, 50, -50))
    started = ask(venue, "orderStrategy/startorderstrategy", asked)["orderStrategy"]
    body = {"orderStrategyId": started["id"]}
    answer = ask(venue, "orderStrategy/interruptorderstrategy", body)
    assert answer["orderStrategy"]["status"] == "ExecutionInterrupted"
    assert (net(venue), exits(venue)) == (1, [])


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({"entryVersion": {}, "brackets": []}, "Invalid or missed parameters"),
        ("{", "Invalid or missed parameters"),
        (bracket(1, -5, -5), "Invalid or missed parameters"),
        (bracket(1, 5, 5), "Invalid or missed parameters"),
        (bracket(1, 5.1, -5), "Invalid or missed parameters"),
        (bracket(1, 5, -5, breakeven=3), "Stop and Stop/Limit breakeven supported only"),
    ],
)
def test_wrong_parameters_are_told_in_a_text(params: Any, text: str) -> None:
    venue, _ = begun()
    asked = strategy(venue, "Buy", 1, params if "qty" in params else bracket(1, 1, -1))
    if "qty" not in params:
        asked["params"] = params
    assert ask(venue, "orderStrategy/startorderstrategy", asked) == {"errorText": text}
    assert not list(venue.store.all(rows.Order))


def test_a_stop_trails_once_its_trigger_is_reached_and_in_steps() -> None:
    venue, journal = begun()
    at(venue, "19999", "20000")
    auto = {"stopLoss": 4, "trigger": 10, "freq": 2}
    asked = strategy(venue, "Buy", 1, bracket(1, None, -8, autoTrail=auto))
    ask(venue, "orderStrategy/startorderstrategy", asked)
    levels = []
    for price in ("20009", "20010", "20011", "20013", "20012"):
        at(venue, price)
        levels.append(books_of(venue)[0].trigger)
    assert levels == [Decimal(x) for x in (19992, 20006, 20006, 20009, 20009)]
    venue.note_prices()
    venue = revived(journal)
    at(venue, "20009")
    assert (net(venue), status_of(venue)) == (0, "ExecutionFinished")


def trailing(venue: Venue, **fields: Any) -> dict[str, Any]:
    return market(venue, "Sell") | {
        "orderType": "TrailingStop",
        "timeInForce": "GTC",
        "pegDifference": 5,
        **fields,
    }


def test_a_trailing_stop_follows_the_market_and_is_hit() -> None:
    venue, _ = begun()
    at(venue, "20000")
    ask(venue, "order/placeorder", market(venue, "Buy"))
    order_id = ask(venue, "order/placeorder", trailing(venue))["orderId"]
    assert books_of(venue)[0].trigger == 19995
    at(venue, "20010", "20006")
    assert (books_of(venue)[0].trigger, net(venue)) == (Decimal(20005), 1)
    version = ask(venue, "orderVersion/deps", {"masterid": order_id})[0]
    assert version["pegDifference"] == 5
    at(venue, "20005")
    assert net(venue) == 0


def test_only_the_quantity_of_a_trailing_stop_may_change() -> None:
    venue, _ = begun()
    at(venue, "20000")
    order_id = ask(venue, "order/placeorder", trailing(venue))["orderId"]
    body = {"orderId": order_id, "orderType": "TrailingStop", "orderQty": 3}
    assert "commandId" in ask(venue, "order/modifyorder", body)
    assert books_of(venue)[0].terms.qty == 3
    answer = ask(venue, "order/modifyorder", body | {"pegDifference": 6})
    assert answer["failureReason"] == "TrailingStopNonOrderQtyModify"
    for wrong in (None, 0, 1.1):
        refused = ask(venue, "order/placeorder", trailing(venue, pegDifference=wrong))
        assert refused["failureReason"] == "InvalidPrice"
