"""An exit that would be refused for the hour is kept back, and its legs with it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from execution.hours import MARKET_CLOSED, PART_CLOSED, kept_back, rests
from shared.domain.order import Role
from tests.unit.domain.test_claim import ENTRY, EXIT, candidate

FRIDAY_AFTER_CLOSE = datetime(2026, 11, 6, 22, 5, tzinfo=UTC)
FRIDAY_BEFORE = datetime(2026, 11, 6, 21, 55, tzinfo=UTC)


def test_an_exit_waits_for_the_open_with_its_legs_at_work() -> None:
    held = candidate(EXIT, net=2)
    assert kept_back(held, FRIDAY_AFTER_CLOSE) is MARKET_CLOSED
    assert kept_back(held, FRIDAY_BEFORE) is None


def test_a_part_is_over_before_a_leg_shrinks_for_it() -> None:
    held = candidate(replace(EXIT, role=Role.REDUCE, qty_contracts=1), net=2)
    assert kept_back(held, FRIDAY_AFTER_CLOSE) is PART_CLOSED
    assert kept_back(held, FRIDAY_BEFORE) is None


@pytest.mark.parametrize("net", [0, 2])
def test_others_are_judged_as_ever(net: int) -> None:
    assert kept_back(candidate(ENTRY, net=net), FRIDAY_AFTER_CLOSE) is None
    assert kept_back(candidate(EXIT, net=0), FRIDAY_AFTER_CLOSE) is None
    assert kept_back(candidate(replace(EXIT, role=Role.STOP_LOSS), net=2), FRIDAY_BEFORE) is None


def test_of_a_product_that_is_not_ours_nobody_knows() -> None:
    assert not rests("ZZZZ6", FRIDAY_AFTER_CLOSE)
    assert rests("NQZ6", FRIDAY_AFTER_CLOSE)
