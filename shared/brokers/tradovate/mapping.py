"""Between our words and the broker's: request bodies out, facts in. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Final

from shared.brokers.tradovate import models
from shared.domain.order import BrokerStatus, OrderType
from shared.ports.broker import (
    BalanceFact,
    FillFact,
    LegRequest,
    ModifyRequest,
    OrderFact,
    PlaceRequest,
    PositionFact,
)

USD: Final = 1  # the currency entity's id in the broker's own samples
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_TYPES: Final[Mapping[str, OrderType]] = {kind.value: kind for kind in OrderType}
# A version counts once its command works at the exchange (official C# sample).
_IN_EFFECT: Final = frozenset({"AtExecution", "OnHold", "ExecutionSuspended"})


# --- requests ---------------------------------------------------------------------------------
def place_body(request: PlaceRequest) -> tuple[str, dict[str, object]]:
    """Endpoint and body of an order, which takes its legs (OSO) or its other (OCO) along.

    The client id goes where each of its echoes comes from: `clOrdId` (Command), `text`
    (OrderVersion) and `customTag50` (Command).
    """
    body: dict[str, object] = {
        "accountSpec": request.account_name,
        "accountId": request.account,
        "action": request.action.value,
        "symbol": request.contract,
        "orderQty": request.qty_contracts,
        "orderType": request.order_type.value,
        "timeInForce": request.time_in_force.value,
        "clOrdId": request.client_id,
        "text": request.client_id,
        "customTag50": request.client_id,
        "isAutomated": True,
    } | _prices(request.price, request.stop_price)
    if request.other is not None:
        body["other"] = _leg(request.other)
        return "order/placeoco", body
    if not request.legs:
        return "order/placeorder", body
    for number, leg in enumerate(request.legs, start=1):
        body[f"bracket{number}"] = _leg(leg)
    return "order/placeoso", body


def modify_body(request: ModifyRequest) -> dict[str, object]:
    """A full replacement. Without `text`: the text of an order stays the id it was placed with."""
    return {
        "orderId": request.order_id,
        "orderQty": request.qty_contracts,
        "orderType": request.order_type.value,
        "timeInForce": request.time_in_force.value,
        "clOrdId": request.client_id,
        "customTag50": request.client_id,
        "isAutomated": True,
    } | _prices(request.price, request.stop_price)


def cancel_body(order_id: int, client_id: str) -> dict[str, object]:
    return {
        "orderId": order_id,
        "clOrdId": client_id,
        "customTag50": client_id,
        "isAutomated": True,
    }


def liquidate_body(account: int, contract_id: int) -> dict[str, object]:
    """Without customTag50: with it the broker was seen to answer 404 (public incident log)."""
    return {"accountId": account, "contractId": contract_id, "admin": False, "isAutomated": True}


def _leg(leg: LegRequest) -> dict[str, object]:
    # A Day stop would die at the end of the session; the default is not documented.
    return {
        "action": leg.action.value,
        "orderType": leg.order_type.value,
        "timeInForce": "GTC",
        "clOrdId": leg.client_id,
        "text": leg.client_id,
    } | _prices(leg.price, leg.stop_price)


def _prices(price: Decimal | None, stop_price: Decimal | None) -> dict[str, object]:
    body: dict[str, object] = {}
    if price is not None:
        body["price"] = price
    if stop_price is not None:
        body["stopPrice"] = stop_price
    return body


# --- facts ------------------------------------------------------------------------------------
def client_id_of(
    versions: Iterable[models.OrderVersion], commands: Iterable[models.Command]
) -> str | None:
    """The id the order was placed with, when it looks like one of ours.

    The New command carries it; the text of the first version does as well and may come earlier.
    """
    texts = [command.cl_ord_id for command in commands if command.command_type == "New"]
    first = min(versions, key=lambda version: version.id, default=None)
    if first is not None:
        texts.append(first.text)
    return next((text for text in texts if is_ours(text)), None)


def effective_version(
    versions: Mapping[int, models.OrderVersion], commands: Mapping[int, models.Command]
) -> models.OrderVersion | None:
    """The version in force: of the last New command, or of the last Modify that took effect.

    A version shares its id with its command (official C# sample). One whose command has not been
    seen counts only if it is the first.
    """
    if not versions:
        return None
    first = min(versions)
    in_force = [
        id_ for id_ in versions if id_ == first or (id_ in commands and _took_effect(commands[id_]))
    ]
    return versions[max(in_force)]


def order_fact(
    order: models.Order,
    version: models.OrderVersion,
    contract: str,
    client_id: str | None,
    reject_reason: str | None,
    strategy: str | None = None,
    *,
    unclaimed: bool = False,
) -> OrderFact:
    if order.contract_id is None:
        raise ValueError("a spread is no fact of ours")
    return OrderFact(
        account=order.account_id,
        order_id=order.id,
        client_id=client_id,
        parent_order_id=order.parent_id or None,  # 0 was seen for "none"
        contract_id=order.contract_id,
        contract=contract,
        action=order.action,
        status=order.ord_status,
        order_type=_TYPES.get(version.order_type),
        qty_contracts=version.order_qty,
        price=version.price,
        stop_price=version.stop_price,
        at=order.at,
        reject_reason=reject_reason if order.ord_status is BrokerStatus.REJECTED else None,
        strategy=strategy,
        unclaimed=unclaimed,
    )


def fill_fact(fill: models.Fill, account: int, contract: str) -> FillFact:
    return FillFact(
        account=account,
        fill_id=fill.id,
        order_id=fill.order_id,
        contract_id=fill.contract_id,
        contract=contract,
        action=fill.action,
        qty_contracts=fill.qty,
        price=fill.price,
        at=fill.at,
        trade_date=fill.trade_date.day_of,
        active=fill.active,
    )


def position_fact(position: models.Position, contract: str) -> PositionFact:
    """`netPrice` is absent when flat; a position carried over may have only `prevPrice`."""
    price = position.prev_price if position.net_price is None else position.net_price
    return PositionFact(
        account=position.account_id,
        contract_id=position.contract_id,
        contract=contract,
        net_qty=position.net_pos,
        net_price=None if position.net_pos == 0 else price,
        at=position.at,
    )


def balance_fact(balance: models.CashBalance) -> BalanceFact:
    return BalanceFact(
        account=balance.account_id,
        trade_date=balance.trade_date.day_of,
        cash_usd=balance.amount,
        realized_pnl_usd=balance.realized_pnl,
        at=balance.at,
    )


def reject_words(reason: str | None, text: str | None) -> str | None:
    """Why the broker rejected an order, as one line; None when it named no reason."""
    if reason in {None, "", "Success"}:
        return None
    return f"{reason}: {text}"[:500] if text else reason


def _took_effect(command: models.Command) -> bool:
    if command.command_type == "New":
        return True
    return command.command_type == "Modify" and command.command_status in _IN_EFFECT


def is_ours(text: str | None) -> bool:
    """Whether a client id looks like one of ours."""
    return text is not None and _UUID.fullmatch(text) is not None
