from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from shared.domain.gates.age import expires_at, max_age_s
from shared.domain.gates.price import out_of_band, stop_behind_market, without_opposite
from shared.domain.order import Action, OrderType
from shared.domain.rules import AccountRules, StrategyRules
from shared.domain.rules.entries import EntryRules
from shared.domain.rules.limits import Limits
from tests.unit.domain.gates.builders import STRATEGY, entry

QUOTE = Decimal(20000)


def limit(price: str, **changes: Any) -> Any:
    return {"order_type": OrderType.LIMIT, "price": Decimal(price), **changes}


def stop(price: str, **changes: Any) -> Any:
    return {"order_type": OrderType.STOP, "stop_price": Decimal(price), **changes}


@pytest.mark.parametrize(
    ("order", "refused"),
    [
        (stop("20000.25"), False),
        (stop("20000"), True),
        (stop("19999.75"), True),
        (stop("19999.75", action=Action.SELL), False),
        (stop("20000", action=Action.SELL), True),
        (stop("20000.25", action=Action.SELL), True),
        (limit("30000"), False),
        ({}, False),
    ],
)
def test_a_stop_lies_ahead_of_the_market(order: Any, refused: bool) -> None:
    denied = stop_behind_market(entry(**order, scene={"quote": QUOTE}))
    assert (None if denied is None else denied.code) == ("price.stop_side" if refused else None)
    assert stop_behind_market(entry(**order)) is None


@pytest.mark.parametrize(
    ("order", "inverse", "code"),
    [
        (OrderType.STOP_LIMIT, True, "price.no_opposite"),
        (OrderType.STOP_LIMIT, False, None),
        (OrderType.STOP, True, None),
    ],
)
def test_a_stop_limit_is_not_turned_round(order: OrderType, inverse: bool, code: str) -> None:
    denied = without_opposite(entry(order_type=order, rules=StrategyRules(inverse=inverse)))
    assert (None if denied is None else denied.code) == code


def band(percent: str | None) -> Limits:
    return Limits(price_band_percent=None if percent is None else Decimal(percent))


@pytest.mark.parametrize(
    ("order", "percent", "refused"),
    [
        (limit("21000"), "5", False),
        (limit("21000.25"), "5", True),
        (limit("19000"), "5", False),
        (limit("18999.75"), "5", True),
        (stop("21000.25"), "5", True),
        (stop("21000.25"), None, False),
        (limit("20000"), "0", False),
        (limit("20000.25"), "0", True),
        ({}, "0", False),
    ],
)
def test_the_band(order: Any, percent: str | None, refused: bool) -> None:
    for rules in (
        {"rules": StrategyRules(limits=band(percent))},
        {"account": AccountRules(limits=band(percent))},
    ):
        denied = out_of_band(entry(**order, **rules, scene={"quote": QUOTE}))
        assert (None if denied is None else denied.code) == ("price.band" if refused else None)
        assert out_of_band(entry(**order, **rules)) is None


def test_the_narrower_band_rules() -> None:
    both: Any = {
        "rules": StrategyRules(limits=band("5")),
        "account": AccountRules(limits=band("1")),
    }
    denied = out_of_band(entry(**limit("20500"), **both, scene={"quote": QUOTE}))
    assert denied is not None
    assert denied.detail == {"price": "20500", "quote": "20000", "percent": "1"}


@pytest.mark.parametrize(
    ("quote", "price", "refused"),
    [("0", "0", False), ("0", "0.01", True), ("-40", "-42", False), ("-40", "-42.01", True)],
)
def test_a_quote_of_zero_and_one_below(quote: str, price: str, refused: bool) -> None:
    made = entry(
        **limit(price),
        rules=StrategyRules(limits=band("5")),
        root="CL",
        scene={"quote": Decimal(quote)},
    )
    assert (out_of_band(made) is not None) is refused


def test_a_band_is_a_part_of_a_hundred_and_exact() -> None:
    for wrong in ("-1", "101", 5.0):
        with pytest.raises(ValidationError):
            Limits.model_validate({"price_band_percent": wrong})


def test_the_strategys_maximum_age_wins() -> None:
    received = datetime(2026, 11, 3, 15, tzinfo=UTC)
    assert max_age_s(STRATEGY, 30.0) == 30.0
    own = replace(STRATEGY, rules=StrategyRules(entries=EntryRules(max_age_s=1)))
    assert max_age_s(own, 30.0) == 1
    assert expires_at(own, received, 30.0) == received.replace(second=1)
    assert expires_at(STRATEGY, received, 30.0) == received.replace(second=30)
