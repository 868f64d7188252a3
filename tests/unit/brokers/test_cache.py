"""Joins of broker rows into facts: whatever the order, the same facts remain."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from shared.brokers.tradovate.cache import EntityStore
from shared.brokers.tradovate.wire import Garbled, decode, encode
from shared.domain.order import Action, BrokerStatus, OrderType
from shared.ports.broker import BalanceFact, FeeFact, FillFact, OrderFact, PositionFact
from tests.unit.brokers import rows


def store_with_names() -> EntityStore:
    return EntityStore({rows.CONTRACT: "MESH6"})


def over_the_wire(row: rows.Row) -> Any:
    """As it is read: prices as Decimals, absent fields absent."""
    return decode(encode({key: value for key, value in row.items() if value is not None}))


def feed(store: EntityStore, events: list[rows.Event]) -> list[object]:
    return [fact for kind, row in events for fact in store.apply(kind, over_the_wire(row))]


def last_of(facts: list[object], kind: type) -> Any:
    return [fact for fact in facts if isinstance(fact, kind)][-1]


def test_a_filled_order_becomes_complete_facts() -> None:
    facts = feed(store_with_names(), rows.filled_order())
    assert last_of(facts, OrderFact) == OrderFact(
        account=rows.ACCOUNT,
        order_id=rows.ORDER,
        client_id=rows.CLIENT_ID,
        parent_order_id=None,
        contract_id=rows.CONTRACT,
        contract="MESH6",
        action=Action.BUY,
        status=BrokerStatus.FILLED,
        order_type=OrderType.MARKET,
        qty_contracts=2,
        price=None,
        stop_price=None,
        at=datetime(2026, 3, 2, 15, 30, tzinfo=UTC),
    )
    assert last_of(facts, FillFact) == FillFact(
        account=rows.ACCOUNT,
        fill_id=rows.FILL,
        order_id=rows.ORDER,
        contract_id=rows.CONTRACT,
        contract="MESH6",
        action=Action.BUY,
        qty_contracts=2,
        price=Decimal("5020.25"),
        at=datetime(2026, 3, 2, 15, 30, 0, 250_000, tzinfo=UTC),
        trade_date=date(2026, 3, 2),
    )
    assert last_of(facts, FeeFact) == FeeFact(rows.FILL, Decimal("1.14"))
    assert last_of(facts, PositionFact).net_qty == 2
    assert last_of(facts, BalanceFact).cash_usd == Decimal("49998.86")
    assert last_of(facts, BalanceFact).realized_pnl_usd == Decimal("-1.14")


def test_each_state_is_told_once() -> None:
    facts = feed(store_with_names(), rows.filled_order())
    statuses = [fact.status.value for fact in facts if isinstance(fact, OrderFact)]
    assert statuses == ["PendingNew", "Working", "Filled"]
    assert len([fact for fact in facts if isinstance(fact, FillFact)]) == 1


@pytest.mark.parametrize("seed", range(60))
def test_any_order_and_any_repeat_end_in_the_same_facts(seed: int) -> None:
    expected = store_with_names()
    feed(expected, rows.filled_order())
    events = rows.filled_order() * 2
    random.Random(seed).shuffle(events)  # noqa: S311 - a repeatable order, no secret
    shuffled = store_with_names()
    feed(shuffled, events)
    assert set(shuffled.facts()) == set(expected.facts())


@pytest.mark.parametrize("seed", range(20))
def test_a_fee_never_comes_before_its_fill_nor_a_fill_before_its_order(seed: int) -> None:
    events = rows.filled_order()
    random.Random(seed).shuffle(events)  # noqa: S311 - a repeatable order, no secret
    seen: set[type] = set()
    known: set[str] = set()
    store = store_with_names()
    for kind, row in events:
        known.add(kind)
        for fact in store.apply(kind, over_the_wire(row)):
            if isinstance(fact, FeeFact):
                assert FillFact in seen
            if isinstance(fact, FillFact):
                assert "order" in known
            seen.add(type(fact))


def test_the_client_id_is_told_when_its_command_comes_late() -> None:
    store = store_with_names()
    facts = feed(store, [("order", rows.order()), ("orderVersion", rows.version(text="by hand"))])
    assert last_of(facts, OrderFact).client_id is None
    facts = feed(store, [("command", rows.command())])
    assert last_of(facts, OrderFact).client_id == rows.CLIENT_ID


def test_the_text_of_the_first_version_tells_the_client_id_too() -> None:
    facts = feed(store_with_names(), [("orderVersion", rows.version()), ("order", rows.order())])
    assert last_of(facts, OrderFact).client_id == rows.CLIENT_ID


def test_a_strangers_order_has_no_client_id() -> None:
    events = [
        ("command", rows.command(clOrdId="manual-17")),
        ("orderVersion", rows.version(text="")),
        ("order", rows.order()),
    ]
    assert last_of(feed(store_with_names(), events), OrderFact).client_id is None


def test_a_modification_counts_once_it_works() -> None:
    store = store_with_names()
    later = rows.COMMAND + 50
    feed(
        store,
        [("order", rows.order()), ("orderVersion", rows.version()), ("command", rows.command())],
    )
    pending = feed(
        store,
        [
            ("orderVersion", rows.version(later, price=5010, text=None)),
            ("command", rows.command(later, "Modify", "Pending", clOrdId="x")),
        ],
    )
    assert pending == []
    done = feed(store, [("command", rows.command(later, "Modify"))])
    assert last_of(done, OrderFact).price == Decimal(5010)
    assert last_of(done, OrderFact).client_id == rows.CLIENT_ID
    # A late copy of the pending command does not undo it.
    assert feed(store, [("command", rows.command(later, "Modify", "Pending"))]) == []


def test_a_refused_modification_changes_nothing() -> None:
    store = store_with_names()
    later = rows.COMMAND + 50
    facts = feed(
        store,
        [
            ("order", rows.order()),
            ("orderVersion", rows.version()),
            ("command", rows.command()),
            ("orderVersion", rows.version(later, price=5010)),
            ("command", rows.command(later, "Modify", "RiskRejected")),
        ],
    )
    assert last_of(facts, OrderFact).price == Decimal(5020)


def test_rows_may_come_as_a_list() -> None:
    store = store_with_names()
    store.apply("orderVersion", [over_the_wire(rows.version())])
    facts = store.apply("order", [over_the_wire(rows.order())])
    assert [type(fact) for fact in facts] == [OrderFact]


def test_unknown_kinds_are_ignored() -> None:
    assert store_with_names().apply("kalshiThing", {"id": 1}) == []


def test_a_fact_waits_for_the_name_of_its_contract() -> None:
    store = EntityStore({})
    assert feed(store, rows.filled_order()[:-2]) == []
    assert store.missing().contracts == {rows.CONTRACT}
    facts = feed(store, [("contract", rows.contract())])
    assert {type(fact) for fact in facts} == {OrderFact, FillFact, FeeFact, PositionFact}
    assert not store.missing()


def test_it_knows_what_it_waits_for() -> None:
    store = store_with_names()
    feed(store, [("fill", rows.fill())])
    assert store.missing().orders == {rows.ORDER}
    feed(store, [("order", rows.order())])
    assert store.missing().versions == {rows.ORDER}
    assert not store.missing().orders


def test_an_unheard_of_status_is_an_error_in_an_event() -> None:
    with pytest.raises(Garbled, match="order"):
        feed(store_with_names(), [("order", rows.order("Levitating"))])


def test_an_unheard_of_status_is_kept_as_unknown_in_a_snapshot() -> None:
    store = store_with_names()
    store.load("order", [rows.order("Levitating")])
    store.load("orderVersion", [rows.version()])
    assert [fact.status for fact in store.facts() if isinstance(fact, OrderFact)] == [
        BrokerStatus.UNKNOWN
    ]


def test_a_row_without_its_quantity_is_an_error() -> None:
    broken = rows.version()
    del broken["orderQty"]
    with pytest.raises(Garbled, match="orderQty"):
        store_with_names().apply("orderVersion", broken)


def test_a_busted_fill_is_told_and_stays_busted() -> None:
    store = store_with_names()
    feed(store, rows.filled_order())
    facts = feed(store, [("fill", rows.fill(active=False))])
    assert last_of(facts, FillFact).active is False
    assert feed(store, [("fill", rows.fill())]) == []


def test_flat_has_no_price() -> None:
    row = rows.position(0, netPrice=None, prevPrice=5000, bought=2, sold=2)
    assert last_of(feed(store_with_names(), [("position", row)]), PositionFact).net_price is None


def test_a_carried_position_has_its_previous_price() -> None:
    row = rows.position(2, netPrice=None, prevPrice=5000)
    fact = last_of(feed(store_with_names(), [("position", row)]), PositionFact)
    assert fact.net_price == Decimal(5000)


def test_an_older_position_does_not_replace_a_newer_one() -> None:
    store = store_with_names()
    feed(store, [("position", rows.position(0, bought=2, sold=2))])
    assert feed(store, [("position", rows.position(2))]) == []
    assert feed(store, [("position", rows.position(9, at=rows.T0))]) == []


def test_other_currencies_are_no_dollars() -> None:
    assert feed(store_with_names(), [("cashBalance", rows.balance(currencyId=2))]) == []


def test_a_rejection_names_its_reason() -> None:
    report = {
        "id": 1,
        "commandId": rows.COMMAND,
        "timestamp": rows.T0,
        "commandStatus": "RiskRejected",
        "rejectReason": "NotEnoughLiquidity",
        "text": "Margin",
    }
    events = [
        ("order", rows.order("Rejected")),
        ("orderVersion", rows.version()),
        ("commandReport", report),
        ("command", rows.command(status="RiskRejected")),
    ]
    fact = last_of(feed(store_with_names(), events), OrderFact)
    assert fact.reject_reason == "NotEnoughLiquidity: Margin"


def test_a_foreign_order_type_has_none_of_ours() -> None:
    events = [("order", rows.order()), ("orderVersion", rows.version(orderType="TrailingStop"))]
    assert last_of(feed(store_with_names(), events), OrderFact).order_type is None


def test_a_child_names_its_parent() -> None:
    events = [("order", rows.order(parentId=42)), ("orderVersion", rows.version())]
    assert last_of(feed(store_with_names(), events), OrderFact).parent_order_id == 42
