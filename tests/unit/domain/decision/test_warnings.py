"""Who enters a product of which our data are not sure reads so in the decision."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shared.domain.alert_signal import Side, SignalKind
from shared.domain.decision.decide import decide
from shared.domain.instruments import PRODUCTS, warning_of
from shared.domain.plan import Plan
from tests.unit.domain.decision.test_decide import LINK, ORDER, STRATEGY, scene


@pytest.mark.parametrize("root", ["6A", "6S", "6N", "PA", "NQ", "ES"])
def test_an_entry_carries_the_warning_of_its_product(root: str) -> None:
    strategy = replace(STRATEGY, symbol=f"{root}1!")
    plan = decide(replace(ORDER, side=Side.BUY), strategy, LINK, scene(0))
    assert isinstance(plan, Plan)
    warning = warning_of(PRODUCTS[root])
    assert (warning is None) is (root in {"NQ", "ES"})
    assert warning is None or plan.message.endswith(warning)
    assert "not verified" in plan.message or warning is None


def test_a_close_carries_none() -> None:
    plan = decide(replace(ORDER, kind=SignalKind.CLOSE), STRATEGY, LINK, scene(1))
    assert isinstance(plan, Plan)
    assert "not verified" not in plan.message
