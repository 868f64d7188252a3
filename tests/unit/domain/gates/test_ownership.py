from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from shared.domain.decision.scene import WorkingOrder
from shared.domain.decision.words import Move
from shared.domain.gates.ownership import REACH_TICKS, against_own_order, owned_by_another
from shared.domain.ids import StrategyId
from shared.domain.order import Action, OrderType
from shared.domain.plan import Book
from tests.unit.domain.gates.builders import LINK, entry

BUY, SELL = Action.BUY, Action.SELL
SHARED = replace(LINK, exclusive=False)
MARKET = Decimal(20000)
REACH = Decimal("0.25") * REACH_TICKS  # 2.5 points
TICK = Decimal("0.25")


def test_one_owner_of_a_root_unless_the_account_is_shared() -> None:
    taken = {"book": Book(other_owners={"NQ": StrategyId(9)})}
    denied = owned_by_another(entry(scene=taken))
    assert denied is not None
    assert (denied.code, denied.detail) == ("netting.owned_by", {"root": "NQ", "owner": "9"})
    assert owned_by_another(entry(scene=taken, link=SHARED)) is None
    assert owned_by_another(entry(scene=taken, root="ES")) is None


def test_what_is_not_ours_owns_too() -> None:
    assert owned_by_another(entry(scene={"book": Book(other_owners={"NQ": StrategyId(0)})}))


def limit(action: Action, price: Decimal, owner: int = 2, contract: str = "NQZ6") -> WorkingOrder:
    return WorkingOrder(StrategyId(owner), contract, action, OrderType.LIMIT, price=price)


def test_a_stored_price_is_told_as_people_read_it() -> None:
    order = limit(SELL, Decimal("20000.2500000000"))
    denied = against_own_order(entry(scene={"quote": MARKET, "working": (order,)}, link=SHARED))
    assert denied is not None
    assert denied.message.endswith("own order Sell Limit at 20000.25.")


def stop(action: Action, trigger: Decimal) -> WorkingOrder:
    return WorkingOrder(StrategyId(2), "NQZ6", action, OrderType.STOP, stop_price=trigger)


def matched(order: WorkingOrder, quote: Decimal | None = MARKET, **changes: Any) -> bool:
    changes = {"link": SHARED, **changes}
    denied = against_own_order(entry(scene={"quote": quote, "working": (order,)}, **changes))
    assert denied is None or denied.code == "netting.self_match"
    return denied is not None


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        (limit(SELL, MARKET), True),
        (limit(SELL, MARKET + REACH), True),
        (limit(SELL, MARKET + REACH + TICK), False),
        (limit(BUY, MARKET), False),
        (limit(SELL, MARKET, contract="NQH7"), False),
        (stop(SELL, MARKET - TICK), True),
        (stop(SELL, MARKET - REACH), True),
        (stop(SELL, MARKET - REACH - TICK), False),
        (WorkingOrder(StrategyId(0), "NQZ6", SELL, OrderType.MARKET), True),
    ],
)
def test_a_market_entry_reaches_so_far(order: WorkingOrder, expected: bool) -> None:
    assert matched(order) is expected


def test_an_entry_to_sell_mirrors_it() -> None:
    assert matched(limit(BUY, MARKET - REACH), action=SELL)
    assert not matched(limit(BUY, MARKET - REACH - TICK), action=SELL)


LIMIT_BUY: dict[str, Any] = {"order_type": OrderType.LIMIT, "price": MARKET - 20}


def test_a_limit_entry_meets_what_lies_at_or_below_its_price() -> None:
    assert matched(limit(SELL, MARKET - 20), **LIMIT_BUY)
    assert matched(limit(SELL, MARKET - 30), quote=None, **LIMIT_BUY)
    assert not matched(limit(SELL, MARKET - 20 + TICK), **LIMIT_BUY)
    assert matched(stop(SELL, MARKET - 20), **LIMIT_BUY)
    assert not matched(stop(SELL, MARKET - 20 - TICK), **LIMIT_BUY)


def test_a_stop_entry_meets_what_lies_behind_its_trigger() -> None:
    stop_buy: dict[str, Any] = {"order_type": OrderType.STOP, "stop_price": MARKET + 20}
    assert matched(limit(SELL, MARKET + 20), **stop_buy)
    assert matched(limit(SELL, MARKET + 20 + REACH), **stop_buy)
    assert not matched(limit(SELL, MARKET + 20 + REACH + TICK), **stop_buy)
    assert not matched(limit(SELL, MARKET + 100), **stop_buy)


def test_without_a_price_any_price_is_possible() -> None:
    far = limit(SELL, MARKET * 2)
    assert matched(far, quote=None)
    assert not matched(far, quote=None, reference_price=MARKET)


def test_a_price_of_zero_is_a_price() -> None:
    assert not matched(limit(SELL, MARKET), quote=Decimal(0))
    assert matched(limit(SELL, Decimal(0)), quote=Decimal(0))


def test_an_exclusive_account_has_no_second_owner_to_meet() -> None:
    assert not matched(limit(SELL, MARKET), link=LINK)


def test_own_legs_of_a_reverse_are_gone_before_its_entry() -> None:
    own, others = limit(SELL, MARKET, owner=1), limit(SELL, MARKET)
    assert not matched(own, move=Move.REVERSE)
    assert matched(others, move=Move.REVERSE)
    assert matched(own, move=Move.ADD, held=1)


def test_the_refusal_names_the_order() -> None:
    denied = against_own_order(
        entry(link=SHARED, scene={"quote": MARKET, "working": (limit(SELL, MARKET),)})
    )
    assert denied is not None
    assert "Sell Limit at 20000" in denied.message
    assert denied.detail["owner"] == "2"
