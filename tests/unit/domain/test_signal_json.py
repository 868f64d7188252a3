"""The JSON dialect, body by body."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from shared.domain.errors import AlertRefused
from shared.domain.signal import (
    Sentiment,
    Side,
    Signal,
    SignalKind,
    SignalOrderType,
    read_alert,
)

BUY = Signal(kind=SignalKind.ORDER, dialect="json", side=Side.BUY)
SELL = replace(BUY, side=Side.SELL)
CLOSE = Signal(kind=SignalKind.CLOSE, dialect="json")
TARGET = Signal(kind=SignalKind.TARGET, dialect="json")
LONG, SHORT, FLAT = Sentiment.LONG, Sentiment.SHORT, Sentiment.FLAT

ORDERS: list[tuple[str, Signal]] = [
    ('{"action": "buy"}', BUY),
    ('{"action": "SELL"}', SELL),
    ('{"action": " Long "}', BUY),
    ('{"action": "short"}', SELL),
    ('{"ACTION": "Buy"}', BUY),
    ('\ufeff\n {"action": "buy"} \r\n', BUY),
    ('{"action": "buy", "symbol": null, "quantity": null, "price": null}', BUY),
    ('{"action": "buy", "quantity": 0}', replace(BUY, quantity=0)),
    ('{"action": "buy", "qty": "2"}', replace(BUY, quantity=2)),
    ('{"action": "buy", "contracts": 2.0, "quantity": "2"}', replace(BUY, quantity=2)),
    ('{"action": "buy", "qty": 10000}', replace(BUY, quantity=10_000)),
    (json.dumps({"action": "buy", "symbol": "E" * 128}), replace(BUY, symbol="E" * 128)),
    ('{"action": "buy", "symbol": "MNQ1!"}', replace(BUY, symbol="MNQ1!")),
    ('{"action": "buy", "ticker": " ES1! "}', replace(BUY, symbol="ES1!")),
    ('{"action": "buy", "price": -37.63}', replace(BUY, price=Decimal("-37.63"))),
    ('{"action": "buy", "price": "1e-7"}', replace(BUY, price=Decimal("1e-7"))),
    ('{"action": "buy", "unknown": {"a": [1, {"b": null}]}}', BUY),
    ('{"action": "buy", "market_position": "LONG"}', replace(BUY, sentiment=LONG)),
    ('{"action": "long", "sentiment": "long"}', replace(BUY, sentiment=LONG)),
    (
        '{"action": "buy", "market_position": "Long", "sentiment": "long"}',
        replace(BUY, sentiment=LONG),
    ),
    (
        (
            '{"action": "buy", "prev_market_position": "short", "market_position": "short",'
            ' "position_size": -2}'
        ),
        replace(BUY, prev_sentiment=SHORT, sentiment=SHORT),
    ),
    (
        '{"action": "sell", "prev_market_position": "long", "market_position": "short"}',
        replace(SELL, prev_sentiment=LONG, sentiment=SHORT),
    ),
    (
        '{"action": "sell", "market_position": "long", "market_position_size": 2, "quantity": 1}',
        replace(SELL, sentiment=LONG, quantity=1),
    ),
    (
        '{"action": "sell", "prev_market_position": "long", "market_position": "long"}',
        replace(SELL, prev_sentiment=LONG, sentiment=LONG),
    ),
    ('{"action": "sell", "position_size": -1}', replace(SELL, sentiment=SHORT)),
    # A positive size alone may be absolute: it says nothing about the direction.
    ('{"action": "sell", "position_size": 3}', SELL),
]

CLOSES: list[tuple[str, Signal]] = [
    *(
        (json.dumps({"action": word}), CLOSE)
        for word in ("close", "exit", "FLAT", "flatten", "close_all", "Exit Position")
    ),
    ('{"action": "close_long"}', replace(CLOSE, prev_sentiment=LONG)),
    ('{"action": "exit-short"}', replace(CLOSE, prev_sentiment=SHORT)),
    ('{"action": "close", "quantity": 2}', replace(CLOSE, quantity=2)),
    ('{"action": "close", "market_position": "flat"}', replace(CLOSE, sentiment=FLAT)),
    (
        '{"action": "close", "quantity": 1, "market_position": "long"}',
        replace(CLOSE, quantity=1, sentiment=LONG),
    ),
    (
        '{"action": "close_long", "quantity": 1, "sentiment": "long", "symbol": "CL1!"}',
        replace(CLOSE, quantity=1, sentiment=LONG, prev_sentiment=LONG, symbol="CL1!"),
    ),
    (
        '{"action": "buy", "market_position": "flat", "quantity": 3}',
        replace(CLOSE, sentiment=FLAT, prev_sentiment=SHORT, quantity=3),
    ),
    (
        (
            '{"action": "sell", "market_position": "flat", "prev_market_position": "long",'
            ' "market_position_size": 0}'
        ),
        replace(CLOSE, sentiment=FLAT, prev_sentiment=LONG),
    ),
    # New strategy position is 0: a buy that ends there is never an entry.
    (
        '{"action": "buy", "position_size": "0"}',
        replace(CLOSE, sentiment=FLAT, prev_sentiment=SHORT),
    ),
]

TARGETS: list[tuple[str, Signal]] = [
    (
        '{"market_position": "long", "market_position_size": 2}',
        replace(TARGET, target_position=2, sentiment=LONG),
    ),
    (
        '{"market_position": "short", "market_position_size": "2"}',
        replace(TARGET, target_position=-2, sentiment=SHORT),
    ),
    (
        '{"market_position": "short", "market_position_size": 2, "position_size": -2}',
        replace(TARGET, target_position=-2, sentiment=SHORT),
    ),
    ('{"market_position": "flat"}', replace(TARGET, target_position=0, sentiment=FLAT)),
    (
        '{"action": null, "market_position": "flat", "market_position_size": 0}',
        replace(TARGET, target_position=0, sentiment=FLAT),
    ),
    (
        '{"action": "target", "market_position_size": 2, "position_size": -2}',
        replace(TARGET, target_position=-2, sentiment=SHORT),
    ),
    (
        '{"action": "target", "position_size": -3}',
        replace(TARGET, target_position=-3, sentiment=SHORT),
    ),
    (
        (
            '{"action": "target", "market_position": "long", "position_size": 3, "quantity": 6,'
            ' "prev_market_position": "short"}'
        ),
        replace(TARGET, target_position=3, sentiment=LONG, prev_sentiment=SHORT, quantity=6),
    ),
]

REFUSALS: list[tuple[str, str]] = [
    ("{}", "parse.action"),
    ('{"action": null}', "parse.action"),
    ('{"action": ""}', "parse.action"),
    ('{"action": 1}', "parse.action"),
    ('{"action": true}', "parse.action"),
    ('{"action": ["buy"]}', "parse.action"),
    ('{"action": "bye"}', "parse.action"),
    ('{"action": "buy sell"}', "parse.action"),
    # A letter that only looks like an s after case folding.
    ('{"action": "\u017fell"}', "parse.action"),
    ('{"market_position": "long"}', "parse.action"),
    ('{"market_position_size": 2}', "parse.action"),
    # A bare size, without a word on what it is, may be a setting somebody copied.
    ('{"position_size": 0}', "parse.action"),
    ('{"position_size": -2}', "parse.action"),
    ('{"action": "target"}', "parse.quantity"),
    ('{"action": "target", "position_size": 2}', "parse.quantity"),
    ('{"action": "target", "market_position": "long"}', "parse.quantity"),
    *(
        (f'{{"action": "buy", "quantity": {wrong}}}', "parse.quantity")
        for wrong in (
            *("-1", '"-1"', "NaN", "Infinity", "-Infinity", '"NaN"', '"inf"', "true", "false"),
            *("1.5", '"1.5"', "1e9", "1e1", '"1e2"', "10001", "1" + "0" * 5000, '"0x10"'),
            *('""', '" "', '"two"', '"1,000"', '"1 0"', "[1]", '{"a": 1}', '"\u0661"', '"1_0"'),
        )
    ),
    ('{"action": "buy", "position_size": 1.5}', "parse.quantity"),
    ('{"market_position": "long", "market_position_size": 10001}', "parse.quantity"),
    *(
        (f'{{"action": "buy", "price": {wrong}}}', "parse.price")
        for wrong in ("NaN", '"NaN"', "true", '""', '"."', "1e999999999", "1e12", "[]", '"1,0"')
    ),
    ('{"action": "buy", "x": NaN}', "parse.number"),
    ('{"action": "buy", "symbol": ""}', "parse.text"),
    ('{"action": "buy", "symbol": true}', "parse.text"),
    ('{"action": "buy", "symbol": {"root": "ES"}}', "parse.text"),
    ('{"action": "buy", "symbol": "ES\\u0000"}', "parse.text"),
    ('{"action": "buy", "symbol": "ES\\ud800"}', "parse.text"),
    (json.dumps({"action": "buy", "symbol": "E" * 129}), "parse.text"),
    ('{"action": "buy", "market_position": "bullish"}', "parse.sentiment"),
    ('{"action": "buy", "market_position": ""}', "parse.sentiment"),
    ('{"action": "buy", "prev_market_position": 0}', "parse.sentiment"),
    *(
        (json.dumps({"action": "buy"} | fields), "parse.contradiction")
        for fields in (
            {"symbol": "ES1!", "ticker": "NQ1!"},
            {"quantity": 1, "qty": 2},
            {"market_position": "long", "sentiment": "short"},
            {"market_position": "long", "market_position_size": 0},
            {"market_position": "long", "position_size": -1},
            {"market_position": "short", "position_size": 0},
            {"market_position": "flat", "position_size": 1},
            {"market_position_size": 1, "position_size": -2},
            {"prev_market_position": "long", "market_position": "short"},
            {"prev_market_position": "long", "market_position": "flat"},
            {"prev_market_position": "flat", "market_position": "flat"},
        )
    ),
    *(
        (json.dumps(fields), "parse.contradiction")
        for fields in (
            {"action": "sell", "prev_market_position": "short", "market_position": "flat"},
            {"action": "long", "market_position": "short"},
            {"action": "short", "market_position": "flat"},
            {"action": "close", "market_position": "long"},
            {"action": "close_long", "market_position": "short", "quantity": 1},
            {"action": "close_long", "prev_market_position": "short"},
        )
    ),
    ('{"action": "buy", "order_type": "stop_limit"}', "parse.order_type"),
    ('{"action": "buy", "order_type": 1}', "parse.order_type"),
    ('{"action": "buy", "order_type": "limit", "price": 1}', "parse.order_type"),
    ('{"action": "buy", "order_type": "stop", "limit_price": 1}', "parse.order_type"),
    ('{"action": "buy", "limit_price": 1}', "parse.order_type"),
    ('{"action": "buy", "order_type": "limit", "limit_price": NaN}', "parse.price"),
]


@pytest.mark.parametrize(("body", "signal"), [*ORDERS, *CLOSES, *TARGETS])
def test_reads(body: str, signal: Signal) -> None:
    assert read_alert(body.encode(), "application/json") == signal


@pytest.mark.parametrize(("body", "code"), REFUSALS)
def test_refuses(body: str, code: str) -> None:
    with pytest.raises(AlertRefused) as refused:
        read_alert(body.encode(), None)
    assert refused.value.code == code


def test_reads_every_field_of_a_whole_template() -> None:
    body = {
        "symbol": "MNQ1!",
        "action": "buy",
        "quantity": "2",
        "price": 18000.25,
        "strategy": "Opening Range",
        "order_id": "Long",
        "market_position": "long",
        "prev_market_position": "flat",
        "market_position_size": "2",
        "interval": 5,
        "time": "2026-11-21T14:00:00Z",
        "timenow": "2026-11-21T14:03:22Z",
        "comment": "first\u0000entry",
        "order_type": "Limit",
        "limit_price": "18000.00",
    }
    assert read_alert(json.dumps(body).encode(), "text/plain; charset=utf-8") == Signal(
        kind=SignalKind.ORDER,
        dialect="json",
        side=Side.BUY,
        quantity=2,
        sentiment=LONG,
        prev_sentiment=FLAT,
        symbol="MNQ1!",
        price=Decimal("18000.25"),
        order_type=SignalOrderType.LIMIT,
        limit_price=Decimal("18000.00"),
        strategy_name="Opening Range",
        order_id="Long",
        timeframe="5",
        comment="first\N{REPLACEMENT CHARACTER}entry",
        alert_time=datetime(2026, 11, 21, 14, 3, 22, tzinfo=UTC),
    )


def test_a_stop_order_has_its_stop_price() -> None:
    signal = read_alert(b'{"action":"sell","order_type":"stop","stop_price":"17990"}', None)
    assert (signal.order_type, signal.stop_price) == (SignalOrderType.STOP, Decimal(17990))


def test_a_price_keeps_every_digit_it_was_written_with() -> None:
    signal = read_alert(b'{"action":"buy","price":123456789012.000000000001}', None)
    assert str(signal.price) == "123456789012.000000000001"


def test_no_exit_is_lost_to_a_comment() -> None:
    body = {"action": "close", "comment": "x" * 9000, "strategy": "", "order_id": ["a"]}
    signal = read_alert(json.dumps(body).encode(), None)
    assert signal == replace(CLOSE, comment="x" * 500)


@pytest.mark.parametrize("time", ["14:03", "2026-13-40T99:00:00Z", "", 5, None, "2026-11-21"])
def test_a_time_that_is_none_is_left_out(time: object) -> None:
    assert read_alert(json.dumps({"action": "buy", "time": time}).encode(), None) == BUY


def test_the_two_sides_are_opposite() -> None:
    assert (Side.BUY.opposite, Side.SELL.opposite) == (Side.SELL, Side.BUY)
