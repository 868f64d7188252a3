"""Rows as the broker would send them, for tests: recorded shapes, values ours."""

from __future__ import annotations

from typing import Any

CLIENT_ID = "0d6a3f1e-6c1e-5b5a-9a51-2c0f6f0e7a11"
ORDER, CONTRACT, ACCOUNT, FILL, COMMAND = (
    9_000_000_001,
    3_570_918,
    1_234,
    9_000_000_200,
    9_000_000_100,
)
T0 = "2026-03-02T15:30:00.000Z"
T1 = "2026-03-02T15:30:00.250Z"

Row = dict[str, Any]
Event = tuple[str, Row]


def order(status: str = "Working", at: str = T0, **more: object) -> Row:
    return {
        "id": ORDER,
        "accountId": ACCOUNT,
        "contractId": CONTRACT,
        "timestamp": at,
        "action": "Buy",
        "ordStatus": status,
        "executionProviderId": 1,
        "admin": False,
        "surprise": {"never": "seen"},
    } | more


def version(id_: int = COMMAND, **more: object) -> Row:
    return {
        "id": id_,
        "orderId": ORDER,
        "orderQty": 2,
        "orderType": "Limit",
        "price": 5020,
        "text": CLIENT_ID,
    } | more


def command(
    id_: int = COMMAND, kind: str = "New", status: str = "AtExecution", **more: object
) -> Row:
    return {
        "id": id_,
        "orderId": ORDER,
        "timestamp": T0,
        "clOrdId": CLIENT_ID,
        "commandType": kind,
        "commandStatus": status,
        "isAutomated": True,
    } | more


def fill(**more: object) -> Row:
    return {
        "id": FILL,
        "orderId": ORDER,
        "contractId": CONTRACT,
        "timestamp": T1,
        "tradeDate": {"year": 2026, "month": 3, "day": 2},
        "action": "Buy",
        "qty": 2,
        "price": 5020.25,
        "active": True,
        "finallyPaired": 0,
        "external": False,
    } | more


def fee(**more: object) -> Row:
    return {"id": FILL, "commission": 0.79, "exchangeFee": 0.35, "commissionCurrencyId": 1} | more


def position(net: int = 2, at: str = T1, **more: object) -> Row:
    return {
        "id": 77,
        "accountId": ACCOUNT,
        "contractId": CONTRACT,
        "timestamp": at,
        "tradeDate": {"year": 2026, "month": 3, "day": 2},
        "netPos": net,
        "netPrice": 5020.25,
        "bought": 2,
        "boughtValue": 10040.5,
        "sold": 0,
        "soldValue": 0,
        "prevPos": 0,
    } | more


def balance(**more: object) -> Row:
    return {
        "id": 5,
        "accountId": ACCOUNT,
        "timestamp": T1,
        "tradeDate": {"year": 2026, "month": 3, "day": 2},
        "currencyId": 1,
        "amount": 49998.86,
        "realizedPnL": -1.14,
    } | more


def contract(id_: int = CONTRACT, name: str = "MESH6") -> Row:
    return {"id": id_, "name": name, "contractMaturityId": 41, "status": "DefinitionChecked"}


def filled_order() -> list[Event]:
    """The events of one filled market order, in the order of a well-behaved venue."""
    return [
        ("command", command(status="Pending")),
        ("order", order("PendingNew")),
        ("orderVersion", version(orderType="Market", price=None)),
        ("command", command(status="RiskPassed")),
        (
            "commandReport",
            {"id": 1, "commandId": COMMAND, "timestamp": T0, "commandStatus": "RiskPassed"},
        ),
        ("command", command()),
        ("executionReport", {"id": 2, "orderId": ORDER, "timestamp": T0, "execType": "New"}),
        ("order", order("Working")),
        ("executionReport", {"id": 3, "orderId": ORDER, "timestamp": T0, "execType": "Trade"}),
        ("fill", fill()),
        ("fillFee", fee()),
        ("position", position()),
        ("cashBalance", balance()),
        ("order", order("Filled")),
    ]
