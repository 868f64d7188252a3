"""What people read."""

from __future__ import annotations

from decimal import Decimal

import pytest

from notifier.render import render
from notifier.rules import Kind
from shared.contracts.records import PositionVoided
from tests.unit.notifier.bodies import closed, opened, resized


def test_opened() -> None:
    assert render(Kind.OPENED, opened()) == (
        "**Position opened**: BUY 2 MES1! (MESZ6) at 5000.25\nOpening range · DEMO1"
    )


def test_stop_hit() -> None:
    assert render(Kind.STOP_HIT, closed()) == (
        "**Stop loss hit**: BUY 2 MES1! (MESZ6), 5000.25 → 4990.25\n"
        "Loss: -$101.24 net (-$100.00 before fees)\nOpening range · DEMO1"
    )


def test_target_hit() -> None:
    won = closed(gross_usd=Decimal(1234567), net_usd=Decimal("1234565.76"))
    assert "**Take profit hit**" in render(Kind.TARGET_HIT, won)
    assert "Profit: +$1,234,565.76 net (+$1,234,567.00 before fees)" in render(Kind.TARGET_HIT, won)


def test_a_part_at_a_target() -> None:
    assert render(Kind.TARGET_HIT, resized()) == (
        "**Take profit hit**: 1 of 2 MES1! (MESZ6) at 5010\n"
        "Profit so far: +$48.75 before fees, 1 still open\nOpening range · DEMO1"
    )


def test_a_fee_that_is_not_known_is_said_so() -> None:
    body = closed(exit_reason="Signal", fees_known=False, net_usd=Decimal("-100.62"))
    text = render(Kind.CLOSED, body)
    assert "P&L: -$100.00 before fees, -$100.62 net so far (a fee is not known yet)" in text


def test_the_contract_alone_when_the_alert_named_it() -> None:
    assert "MESZ6 at" in render(Kind.OPENED, opened(ticker=None))
    assert "(MESZ6)" not in render(Kind.OPENED, opened(ticker="MESZ6"))


@pytest.mark.parametrize("name", ["@everyone", "<@1>", "**x**", "[a](http://b)", "a\n# b", "`x`"])
def test_names_carry_no_markup(name: str) -> None:
    last = render(Kind.OPENED, opened(strategy_name=name)).split("\n")
    assert len(last) == 2
    bare = last[1].replace("\\\\", "")
    for mark in "@<>*[]()`#":
        assert bare.count(mark) == bare.count(f"\\{mark}"), mark


def test_names_have_an_end() -> None:
    longest = opened(strategy_name="*" * 5_000, account_name="_" * 5_000, ticker="|" * 5_000)
    assert len(render(Kind.OPENED, longest)) < 2_000


def test_nothing_is_written_about_other_events() -> None:
    shared = {name: getattr(opened(), name) for name in PositionVoided.model_fields}
    with pytest.raises(TypeError):
        render(Kind.OPENED, PositionVoided(**shared))
