"""Who enters a product of which our data are not sure reads so in the decision."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shared.domain.alert_signal import Side, SignalKind
from shared.domain.decision.decide import decide
from shared.domain.instruments import PRODUCTS, warning_of
from shared.domain.plan import Plan
from tests.unit.domain.decision.test_decide import LINK, ORDER, STRATEGY, scene


@pytest.mark.parametrize("root", sorted(PRODUCTS))
def test_an_entry_carries_the_warning_of_its_product(root: str) -> None:
    strategy = replace(STRATEGY, symbol=f"{root}1!")
    plan = decide(replace(ORDER, side=Side.BUY), strategy, LINK, scene(0))
    assert isinstance(plan, Plan)
    warning = warning_of(PRODUCTS[root])
    assert ("not verified" in plan.message) is (warning is not None)
    assert warning is None or plan.message.endswith(warning)


def test_some_products_are_marked_and_the_liquid_ones_are_not() -> None:
    marked = {root for root, product in PRODUCTS.items() if warning_of(product) is not None}
    assert marked
    assert not marked & {"NQ", "ES", "MNQ", "MES"}


def test_a_close_carries_none() -> None:
    plan = decide(replace(ORDER, kind=SignalKind.CLOSE), STRATEGY, LINK, scene(1))
    assert isinstance(plan, Plan)
    assert "not verified" not in plan.message
