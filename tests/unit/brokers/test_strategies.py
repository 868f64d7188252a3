"""Order strategies: what is sent, and what is not."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from shared.brokers.tradovate.strategies import start_body
from shared.domain.order import Action, OrderType, TimeInForce
from shared.ports.broker import Bracket, StrategyRequest, Trailing
from tests.unit.brokers import rows

REQUEST = StrategyRequest(
    account=rows.ACCOUNT,
    account_name="DEMO1",
    client_id=rows.CLIENT_ID,
    contract="MESH6",
    action=Action.BUY,
    qty_contracts=3,
    order_type=OrderType.MARKET,
    time_in_force=TimeInForce.DAY,
    brackets=(
        Bracket(2, take_profit=Decimal(10), stop_loss=Decimal("5.25")),
        Bracket(1, stop_loss=Decimal(5), follows=True),
    ),
)


def params_of(request: StrategyRequest) -> dict[str, Any]:
    body = start_body(request)
    assert isinstance(body["params"], str)
    params: dict[str, Any] = json.loads(body["params"])
    return params


def test_distances_are_signed_by_direction() -> None:
    body = start_body(REQUEST)
    assert (body["uuid"], body["orderStrategyTypeId"], body["isAutomated"]) == (
        rows.CLIENT_ID,
        2,
        True,
    )
    assert params_of(REQUEST) == {
        "entryVersion": {"orderQty": 3, "orderType": "Market", "timeInForce": "Day"},
        "brackets": [
            {"qty": 2, "profitTarget": 10, "stopLoss": -5.25, "trailingStop": False},
            {"qty": 1, "profitTarget": None, "stopLoss": -5, "trailingStop": True},
        ],
    }
    sold = params_of(replace(REQUEST, action=Action.SELL))["brackets"][0]
    assert (sold["profitTarget"], sold["stopLoss"]) == (-10, 5.25)


def test_a_stop_that_breaks_even_is_an_auto_trail() -> None:
    trailing = Trailing(distance=Decimal(5), trigger=Decimal(5), step=Decimal("0.25"))
    bracket = Bracket(3, stop_loss=Decimal(10), trailing=trailing)
    (sent,) = params_of(replace(REQUEST, brackets=(bracket,)))["brackets"]
    assert sent["autoTrail"] == {"stopLoss": 5, "trigger": 5, "freq": 0.25}


@pytest.mark.parametrize(
    "bracket",
    [
        Bracket(3),
        Bracket(2, stop_loss=Decimal(5)),
        Bracket(3, stop_loss=Decimal(0)),
        Bracket(3, take_profit=Decimal(-1)),
        Bracket(3, take_profit=Decimal(1), follows=True),
        Bracket(
            3,
            stop_loss=Decimal(5),
            follows=True,
            trailing=Trailing(Decimal(1), Decimal(1), Decimal(1)),
        ),
    ],
)
def test_what_cannot_be_meant_is_not_sent(bracket: Bracket) -> None:
    with pytest.raises(ValueError, match=r"bracket|stop"):
        start_body(replace(REQUEST, brackets=(bracket,)))


def test_a_strategy_that_would_not_fit_is_not_sent() -> None:
    some = (Bracket(1, take_profit=Decimal(10), stop_loss=Decimal(5)),) * 200
    with pytest.raises(ValueError, match="too many"):
        start_body(replace(REQUEST, qty_contracts=200, brackets=some))
