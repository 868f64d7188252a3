"""The required fields of each entity, as the broker's schema has them, and how to find one missing.

Types are those of the wire: ids and quantities are whole numbers, prices any number.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

_ENTITIES: Final = {
    "account": "id:int name:text userId:int accountType:text active:flag clearingHouseId:int "
    "riskCategoryId:int autoLiqProfileId:int marginAccountType:text legalStatus:text "
    "timestamp:time",
    "cashBalance": "id:int accountId:int timestamp:time tradeDate:date currencyId:int "
    "amount:number",
    "command": "id:int orderId:int timestamp:time commandType:text commandStatus:text",
    "commandReport": "id:int commandId:int timestamp:time commandStatus:text",
    "contract": "id:int name:text contractMaturityId:int",
    "contractMaturity": "id:int productId:int expirationMonth:int expirationDate:time isFront:flag",
    "executionReport": "id:int commandId:int name:text accountId:int contractId:int "
    "timestamp:time orderId:int execType:text action:text",
    "fill": "id:int orderId:int contractId:int timestamp:time tradeDate:date action:text qty:int "
    "price:number active:flag finallyPaired:int",
    "fillPair": "id:int positionId:int buyFillId:int sellFillId:int qty:int buyPrice:number "
    "sellPrice:number active:flag",
    "order": "id:int accountId:int contractId:int timestamp:time action:text ordStatus:text "
    "admin:flag",
    "orderStrategy": "id:int accountId:int timestamp:time contractId:int orderStrategyTypeId:int "
    "action:text status:text",
    "orderStrategyLink": "id:int orderStrategyId:int orderId:int label:text",
    "orderVersion": "id:int orderId:int orderQty:int orderType:text",
    "position": "id:int accountId:int contractId:int timestamp:time tradeDate:date netPos:int "
    "bought:int boughtValue:number sold:int soldValue:number prevPos:int",
    "product": "id:int name:text currencyId:int productType:text description:text exchangeId:int "
    "contractGroupId:int status:text valuePerPoint:number priceFormatType:text "
    "priceFormat:int tickSize:number",
}


def required(kind: str, rows: Sequence[dict[str, Any]]) -> None:
    """Raises AssertionError without a row, or when one lacks a field or has another type there."""
    assert rows, f"there is no {kind}"
    for row in rows:
        wrong = [field for field in _ENTITIES[kind].split() if not _fits(row, field)]
        assert not wrong, f"{kind} {row.get('id')}: wrong or missing {wrong}"
        assert None not in row.values(), f"{kind} {row.get('id')}: absent fields are left out"


def _fits(row: dict[str, Any], field: str) -> bool:
    name, _, kind = field.partition(":")
    value = row.get(name)
    match kind:
        case "int":
            return type(value) is int
        case "number":
            return type(value) in {int, float}
        case "text":
            return isinstance(value, str) and value != ""
        case "flag":
            return isinstance(value, bool)
        case "time":
            return isinstance(value, str) and value.endswith("Z")
        case _:
            return isinstance(value, dict) and value.keys() == {"year", "month", "day"}
