"""A plan as the API says it: legs at their levels, rung by rung."""

from __future__ import annotations

from decimal import Decimal

import pytest

from api.strategies.plans import plan_out
from shared.domain.alert_signal import Signal, SignalKind
from shared.domain.decision.rungs import exits_for
from shared.domain.ids import AccountId, StrategyId, UserId
from shared.domain.instruments import product_of
from shared.domain.order import Action, OrderType, Role
from shared.domain.plan import Denied, Disposition, Draft, Plan, skipped
from shared.domain.rules.bracket import Bracket, DistanceUnit, Stop, Target, Trail
from shared.domain.strategy import AccountLink, SizeFrom, Strategy

STRATEGY = Strategy(StrategyId(1), UserId(1), "One", "NQ1!", True, 1, 1, SizeFrom.SIGNAL)
LINK = AccountLink(AccountId(7), True, Decimal(1), 0, None, False)
LADDER = Bracket(
    targets=(
        Target(at=Decimal(10), trim=Decimal(25)),
        Target(at=Decimal(1), unit=DistanceUnit.PERCENT),
    ),
    stop=Stop(at=Decimal(20_980), unit=DistanceUnit.PRICE, trail=Trail(distance=Decimal(8))),
)


def draft(action: Action, bracket: Bracket, price: str | None) -> Draft:
    signal = Signal(kind=SignalKind.ORDER, dialect="test")
    return Draft(
        role=Role.ENTRY,
        leg="entry",
        action=action,
        root="NQ",
        contract="NQZ6",
        qty_contracts=4,
        order_type=OrderType.MARKET,
        reference_price=None if price is None else Decimal(price),
        exits=exits_for(signal, bracket, action, 4, Decimal(1), product_of("NQ")),
    )


def test_a_ladder_is_shown_rung_by_rung() -> None:
    plan = Plan((draft(Action.BUY, LADDER, "21000"),), "plan.entry", "Enter.")
    out = plan_out(STRATEGY, LINK, "PAPER", plan)
    assert [(leg.role, leg.rung, leg.qty, leg.level) for leg in out.orders[1:]] == [
        ("take_profit", 0, 4, Decimal(21_210)),
        ("stop_loss", 0, 4, Decimal(20_980)),
        ("take_profit", 1, 1, Decimal("21002.5")),
        ("stop_loss", 1, 1, Decimal(20_980)),
    ]
    assert out.orders[1].offset_percent == 1
    assert out.orders[2].moves == {"at": "20980", "unit": "price", "trail": {"distance": "8"}}
    assert {leg.parent for leg in out.orders[1:]} == {"entry"}


@pytest.mark.parametrize(
    ("action", "price", "levels"),
    [
        (Action.BUY, "100", ["102.50", "98.00"]),
        (Action.SELL, "100", ["97.50", "102.00"]),
        (Action.BUY, None, [None, None]),
    ],
)
def test_levels_lie_on_their_sides_where_a_price_is_known(
    action: Action, price: str | None, levels: list[str | None]
) -> None:
    bracket = Bracket(targets=(Target(at=Decimal(10)),), stop=Stop(at=Decimal(8)))
    plan = Plan((draft(action, bracket, price),), "plan.entry", "Enter.")
    legs = plan_out(STRATEGY, LINK, None, plan).orders[1:]
    assert [leg.level for leg in legs] == [each and Decimal(each) for each in levels]


def test_a_refusal_has_no_orders_and_a_reverse_says_what_it_left_out() -> None:
    none = skipped("size.zero", "Nothing.", asked="0")
    out = plan_out(STRATEGY, LINK, None, none)
    assert (out.disposition, out.orders, out.reason.detail) == ("SKIPPED", [], {"asked": "0"})
    withheld = Denied(Disposition.BLOCKED, "hours.closed", "Closed.")
    out = plan_out(STRATEGY, LINK, None, Plan((), "plan.reverse", "Close.", withheld))
    assert out.withheld is not None
    assert out.withheld.code == "hours.closed"
