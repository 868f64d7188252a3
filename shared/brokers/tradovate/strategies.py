"""Order strategies of type 2: an entry whose exits the broker places, at distances from its fill.

`uuid` is our client id; it comes back on the OrderStrategy only. Which orders belong to it, the
OrderStrategyLinks tell: one in the direction of the strategy is its entry, the others are exits
(the labels of links are not documented and not read).

Sources: partner OpenAPI startOrderStrategy; official FAQ samples for `params`: a JSON string, its
distances in points, signed by direction. Break-even keys are refused by the server in words of
its own, so that `autoTrail` is the only way to move a stop to the entry.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from shared.brokers.tradovate import models
from shared.brokers.tradovate.mapping import is_ours
from shared.brokers.tradovate.rows import Recent, Rows
from shared.brokers.tradovate.wire import encode
from shared.domain.order import Action
from shared.ports.broker import Bracket, StrategyRequest, Trailing

START: Final = "orderStrategy/startorderstrategy"
INTERRUPT: Final = "orderStrategy/interruptorderstrategy"
BRACKET_TYPE: Final = 2
PARAMS_LENGTH_MAX: Final = 8_192
LIVE: Final = frozenset({"ActiveStrategy", "InactiveStrategy", ""})


# --- requests ---------------------------------------------------------------------------------
def start_body(request: StrategyRequest) -> dict[str, object]:
    """Raises ValueError for brackets that cannot be meant."""
    for bracket in request.brackets:
        _check(bracket)
    if sum(bracket.qty_contracts for bracket in request.brackets) != request.qty_contracts:
        raise ValueError("the brackets share out exactly the quantity of the entry")
    entry: dict[str, object] = {
        "orderQty": request.qty_contracts,
        "orderType": request.order_type.value,
        "timeInForce": request.time_in_force.value,
    }
    if request.price is not None:
        entry["price"] = request.price
    if request.stop_price is not None:
        entry["stopPrice"] = request.stop_price
    brackets = [_bracket(bracket, request.action.sign) for bracket in request.brackets]
    params = encode({"entryVersion": entry, "brackets": brackets}).decode()
    if len(params) > PARAMS_LENGTH_MAX:
        raise ValueError("too many brackets for one strategy")
    return {
        "accountSpec": request.account_name,
        "accountId": request.account,
        "symbol": request.contract,
        "orderStrategyTypeId": BRACKET_TYPE,
        "action": request.action.value,
        "params": params,
        "uuid": request.client_id,
        "customTag50": request.client_id,
        "isAutomated": True,
    }


def interrupt_body(strategy_id: int) -> dict[str, object]:
    return {"orderStrategyId": strategy_id}


def _check(bracket: Bracket) -> None:
    distances = [bracket.take_profit, bracket.stop_loss]
    if bracket.trailing is not None:
        trailing = bracket.trailing
        distances += [trailing.distance, trailing.trigger, trailing.step]
    if bracket.qty_contracts < 1 or any(each is not None and each <= 0 for each in distances):
        raise ValueError("quantities and distances of a bracket are positive")
    if bracket.take_profit is None and bracket.stop_loss is None:
        raise ValueError("a bracket has a target or a stop")
    moves = bracket.follows + (bracket.trailing is not None)
    if moves > 1 or (moves and bracket.stop_loss is None):
        raise ValueError("one stop trails in one way")


def _bracket(bracket: Bracket, sign: int) -> dict[str, object]:
    body: dict[str, object] = {
        "qty": bracket.qty_contracts,
        "profitTarget": _signed(bracket.take_profit, sign),
        "stopLoss": _signed(bracket.stop_loss, -sign),
        "trailingStop": bracket.follows,
    }
    if bracket.trailing is not None:
        body["autoTrail"] = _auto_trail(bracket.trailing)
    return body


def _auto_trail(trailing: Trailing) -> dict[str, object]:
    """In points, positive for both directions (community and a production integration)."""
    return {
        "stopLoss": trailing.distance,
        "trigger": trailing.trigger,
        "freq": trailing.step,
    }


def _signed(distance: Decimal | None, sign: int) -> Decimal | None:
    return None if distance is None else distance * sign


# --- rows -------------------------------------------------------------------------------------
class OrderStrategy(models.Entity, frozen=True, rename="camel", kw_only=True):
    account_id: int
    contract_id: int
    action: Action
    status: str = ""
    uuid: str | None = None


class OrderStrategyLink(models.Entity, frozen=True, rename="camel", kw_only=True):
    order_strategy_id: int
    order_id: int


class Strategies:
    """The strategies of one login that are ours, and the orders they name."""

    def __init__(self) -> None:
        self._rows: Rows[OrderStrategy] = Rows()
        self._id_of: Recent[str, int] = Recent()  # by client id
        self._strategy_of: Recent[int, int] = Recent()  # by order
        self._orders_of: Recent[int, set[int]] = Recent()  # by strategy
        # Started by us, its entry not named yet: client id -> (account, contract name).
        self._expected: Recent[str, tuple[int, str]] = Recent()

    def put(self, row: OrderStrategy) -> bool:
        if row.uuid is not None and is_ours(row.uuid):
            self._id_of[row.uuid] = row.id
        known = self._rows.get(row.id)
        if known is not None and known.at == row.at and row.status in LIVE:
            return False  # within one instant the later one is the one that has ended
        return self._rows.put(row)

    def link(self, row: OrderStrategyLink) -> bool:
        """Keep which order belongs to which strategy; that never changes."""
        self._orders_of.group(row.order_strategy_id, set).add(row.order_id)
        if row.order_id in self._strategy_of:
            return False
        self._strategy_of[row.order_id] = row.order_strategy_id
        return True

    def expect(self, client_id: str, account: int, contract: str) -> None:
        """One is about to be started: orders there may be its own before it names them."""
        self._expected[client_id] = (account, contract)

    def forget(self, client_id: str) -> None:
        self._expected.pop(client_id, None)

    def of(self, order_id: int) -> OrderStrategy | None:
        """The strategy of ours that an order belongs to."""
        strategy_id = self._strategy_of.get(order_id)
        row = None if strategy_id is None else self._rows.get(strategy_id)
        return row if row is not None and is_ours(row.uuid) else None

    def by_client_id(self, client_id: str) -> OrderStrategy | None:
        strategy_id = self._id_of.get(client_id)
        return None if strategy_id is None else self._rows.get(strategy_id)

    def orders(self, strategy_id: int) -> list[int]:
        return sorted(self._orders_of.get(strategy_id, ()))

    def works_at(self, account: int, contract_id: int, contract: str) -> bool:
        """Whether one of ours is under way there, or about to be."""
        for client_id, place in tuple(self._expected.items()):
            strategy_id = self._id_of.get(client_id)
            if strategy_id is not None and self._orders_of.get(strategy_id):
                del self._expected[client_id]
            elif place == (account, contract):
                return True
        return any(
            row.status in LIVE
            and is_ours(row.uuid)
            and (row.account_id, row.contract_id) == (account, contract_id)
            for row in self._rows
        )
