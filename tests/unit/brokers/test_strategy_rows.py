"""Whose an order is once the rows of an order strategy have come, in whatever order."""

from __future__ import annotations

from itertools import permutations

import pytest

from shared.brokers.tradovate.cache import EntityStore
from shared.ports.broker import FillFact, OrderFact
from tests.unit.brokers import rows
from tests.unit.brokers.test_cache import feed, store_with_names

STRATEGY = 9_000_000_050
EXIT = rows.ORDER + 1


def strategy(status: str = "ActiveStrategy", **more: object) -> rows.Event:
    return (
        "orderStrategy",
        {
            "id": STRATEGY,
            "accountId": rows.ACCOUNT,
            "contractId": rows.CONTRACT,
            "timestamp": rows.T0,
            "orderStrategyTypeId": 2,
            "action": "Buy",
            "status": status,
            "uuid": rows.CLIENT_ID,
        }
        | more,
    )


def link(order_id: int) -> rows.Event:
    row = {"id": order_id + 500, "orderStrategyId": STRATEGY, "orderId": order_id, "label": "?"}
    return "orderStrategyLink", row


def an_order(order_id: int, action: str) -> list[rows.Event]:
    """An order without a client id, as a strategy or a person places it."""
    key = rows.COMMAND + order_id
    return [
        ("order", rows.order("Filled", id=order_id, action=action)),
        ("orderVersion", rows.version(key, orderId=order_id, text=None)),
        ("command", rows.command(key, orderId=order_id, clOrdId=None)),
    ]


def told(store: EntityStore) -> dict[int, OrderFact]:
    return {fact.order_id: fact for fact in store.facts() if isinstance(fact, OrderFact)}


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_in_any_order_the_entry_and_the_exits_are_told_apart(order: tuple[int, ...]) -> None:
    parts = [
        [strategy()],
        [link(rows.ORDER), link(EXIT)],
        an_order(rows.ORDER, "Buy"),
        an_order(EXIT, "Sell"),
    ]
    store = store_with_names()
    feed(store, [event for index in order for event in parts[index]])
    entry, exit_ = told(store)[rows.ORDER], told(store)[EXIT]
    assert (entry.client_id, entry.strategy, entry.unclaimed) == (rows.CLIENT_ID, None, False)
    assert (exit_.client_id, exit_.strategy, exit_.unclaimed) == (None, rows.CLIENT_ID, False)


def test_a_late_link_tells_order_and_fill_once_more() -> None:
    store = store_with_names()
    feed(store, [strategy(), *an_order(EXIT, "Sell")])
    feed(store, [("fill", rows.fill(orderId=EXIT, action="Sell"))])
    assert told(store)[EXIT].unclaimed
    news = feed(store, [link(EXIT)])
    assert [fact.strategy for fact in news if isinstance(fact, OrderFact)] == [rows.CLIENT_ID]
    assert not any(isinstance(fact, FillFact) for fact in news)  # it has not changed


def test_an_order_is_unclaimed_only_where_a_strategy_of_ours_works() -> None:
    store = store_with_names()
    feed(store, an_order(EXIT, "Sell"))
    assert not told(store)[EXIT].unclaimed
    store.strategies.expect(rows.CLIENT_ID, rows.ACCOUNT, "MESH6")
    assert told(store)[EXIT].unclaimed
    store.strategies.forget(rows.CLIENT_ID)
    assert not told(store)[EXIT].unclaimed
    feed(store, [strategy()])
    assert told(store)[EXIT].unclaimed
    feed(store, [strategy("ExecutionFinished", timestamp=rows.T1)])
    assert not told(store)[EXIT].unclaimed


def test_a_strategy_of_somebody_else_gives_no_names() -> None:
    store = store_with_names()
    parts = [strategy(uuid="theirs"), link(rows.ORDER), *an_order(rows.ORDER, "Buy")]
    feed(store, parts)
    assert told(store)[rows.ORDER].client_id is None
    assert not told(store)[rows.ORDER].unclaimed
