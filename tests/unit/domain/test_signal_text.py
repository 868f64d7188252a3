"""The plain text dialect, body by body."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from shared.domain.alert_body import open_body
from shared.domain.alert_text import plain_text_fields
from shared.domain.errors import AlertRefused
from shared.domain.signal import Sentiment, Signal, SignalKind, read, read_alert

SAMPLE = "NAME: buy, Price = 1.0, Ticker = NQ1!, Period = 1, Action = long, Amount = 1"
LONG_ONE = Signal(
    kind=SignalKind.TARGET,
    dialect="plain_text",
    target_position=1,
    sentiment=Sentiment.LONG,
    symbol="NQ1!",
    price=Decimal("1.0"),
    strategy_name="NAME",
    timeframe="1",
)
SHORT_TWO = Signal(
    kind=SignalKind.TARGET,
    dialect="plain_text",
    target_position=-2,
    sentiment=Sentiment.SHORT,
    strategy_name="A",
)
FLAT = replace(SHORT_TWO, target_position=0, sentiment=Sentiment.FLAT)

READS: list[tuple[str, Signal]] = [
    (SAMPLE, LONG_ONE),
    (f"  {SAMPLE},\n", LONG_ONE),
    (
        "name:BUY,AMOUNT=1,action=LONG,period=1,ticker=NQ1!,price=1.0",
        replace(LONG_ONE, strategy_name="name"),
    ),
    ("A: sell, Action = short, Amount = -2", SHORT_TWO),
    ("A: sell, Action = short, Amount = 2", SHORT_TWO),
    # Buying back a part of a short: the word is what was done, Action is where it leads.
    ("A: buy, Action = short, Amount = -2.0", SHORT_TWO),
    ("A: sell, Action = flat, Amount = 0", FLAT),
    ("A: sell, Action = flat", FLAT),
    ("EMA 9,21: x: buy, Action = flat", replace(FLAT, strategy_name="EMA 9,21: x")),
    (": buy, Action = flat", replace(FLAT, strategy_name=None)),
    (
        "A: buy, Action = flat, Time = 2026-11-21 14:03:22",
        replace(FLAT, alert_time=datetime(2026, 11, 21, 14, 3, 22, tzinfo=UTC)),
    ),
]

REFUSALS: list[tuple[str, str]] = [
    ("buy", "parse.unreadable"),
    ("A: buy", "parse.unreadable"),
    ("A: buy, Price = 1.0, Amount = 1", "parse.unreadable"),
    ("Action = long, Amount = 1", "parse.unreadable"),
    ("A: buy, Action = long, Amount = 1,000", "parse.unreadable"),
    ("order buy @ 1 filled on NQ1!. New strategy position is 1", "parse.unreadable"),
    ("A: buy, Action = long, action = short, Amount = 1", "parse.duplicate_field"),
    ("A: buy, Name = B, Action = long, Amount = 1", "parse.duplicate_field"),
    ("," * 70, "parse.too_many_fields"),
    ("A: hello, Action = long, Amount = 1", "parse.action"),
    ("A: buy, Action = up, Amount = 1", "parse.action"),
    ("A: buy, Action = , Amount = 1", "parse.action"),
    ("A: buy, Action = long", "parse.quantity"),
    ("A: buy, Action = long, Amount = ", "parse.quantity"),
    ("A: buy, Action = long, Amount = 1.5", "parse.quantity"),
    ("A: buy, Action = long, Amount = nan", "parse.quantity"),
    ("A: buy, Action = long, Amount = 1, Price = ", "parse.price"),
    ("A: buy, Action = long, Amount = 1, Ticker = ", "parse.text"),
    ("A: buy, Action = long, Amount = -1", "parse.contradiction"),
    ("A: buy, Action = long, Amount = 0", "parse.contradiction"),
    ("A: buy, Action = short, Amount = 0", "parse.contradiction"),
    ("A: buy, Action = flat, Amount = 1", "parse.contradiction"),
    ("A: buy, Action = long, Amount = {{strategy.position_size}}", "parse.placeholder"),
]


@pytest.mark.parametrize(("body", "signal"), READS)
def test_reads(body: str, signal: Signal) -> None:
    assert read_alert(body.encode(), "text/plain") == signal


@pytest.mark.parametrize(("body", "code"), REFUSALS)
def test_refuses(body: str, code: str) -> None:
    with pytest.raises(AlertRefused) as refused:
        read_alert(body.encode(), "text/plain")
    assert refused.value.code == code


def test_leaves_json_to_others_wherever_it_is_asked() -> None:
    assert plain_text_fields(open_body(b'{"A: buy, Action = flat": 1}')) is None


def test_the_pairs_are_there_for_the_evidence() -> None:
    fields = read(b"A: sell, Action = flat, Alert_ID = 77", None).fields
    assert dict(fields) == {"name": "A", "order": "sell", "action": "flat", "alert_id": "77"}
