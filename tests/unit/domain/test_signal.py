"""The reader as a whole: bounds, hostile bodies, and nothing but a signal or a refusal."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from shared.domain.errors import AlertRefused
from shared.domain.signal import (
    MAX_BODY_BYTES,
    ParseCode,
    Side,
    Signal,
    SignalKind,
    read_alert,
)

HOSTILE: list[tuple[bytes, str]] = [
    (b"", "parse.empty"),
    (b" \r\n\t", "parse.empty"),
    (b"\xef\xbb\xbf", "parse.empty"),
    (b"\xff\xfe{", "parse.encoding"),
    (b'{"action":"buy\x80"}', "parse.encoding"),
    ('{"action":"buy"}'.encode("utf-16"), "parse.encoding"),
    (b"\xed\xa0\x80", "parse.encoding"),
    (b" " * (MAX_BODY_BYTES + 1), "parse.too_large"),
    (b'"buy"', "parse.not_object"),
    (b"[]", "parse.not_object"),
    (b'[{"action":"buy"}]', "parse.not_object"),
    (b"null", "parse.not_object"),
    (b"1", "parse.not_object"),
    (b"NaN", "parse.not_object"),
    (b"{", "parse.unreadable"),
    (b'{"action":"buy"', "parse.unreadable"),
    (b'{"action":"buy",,}', "parse.unreadable"),
    (b"{'action':'buy'}", "parse.unreadable"),
    (b'{"action":"buy"}{"action":"sell"}', "parse.unreadable"),
    (b'{"action":"buy","comment":"said "hi""}', "parse.unreadable"),
    (b'{"action":"buy","comment":"a\nb"}', "parse.unreadable"),
    (b'{"action":"buy","quantity":01}', "parse.unreadable"),
    (b"\x00", "parse.unreadable"),
    (b"action=buy&quantity=1", "parse.unreadable"),
    (b"<action>buy</action>", "parse.unreadable"),
    (b"[" * MAX_BODY_BYTES, "parse.too_deep"),
    (b'{"a":' * 3000, "parse.too_deep"),
    (b'{"action":"buy","x":' + b"[" * 8 + b"]" * 8 + b"}", "parse.too_deep"),
    (json.dumps({str(n): n for n in range(65)}).encode(), "parse.too_many_fields"),
    (
        json.dumps(
            {"a": {str(n): n for n in range(60)}, "b": {str(n): n for n in range(5)}}
        ).encode(),
        "parse.too_many_fields",
    ),
    (b'{"action":"buy","action":"sell"}', "parse.duplicate_field"),
    (b'{"action":"buy","Action":"buy"}', "parse.duplicate_field"),
    (b'{"action":"buy"," action ":"sell"}', "parse.duplicate_field"),
    (b'{"action":"buy","\\u0061ction":"sell"}', "parse.duplicate_field"),
    (b'{"action":"buy","x":{"a":1,"a":2}}', "parse.duplicate_field"),
    (b'{"action":"buy","x":"{{ticker}}"}', "parse.placeholder"),
    (b'{"action":"buy","x":["{{ticker}}"]}', "parse.placeholder"),
    (b'{"action":"buy","{{x}}":1}', "parse.placeholder"),
    (b'{"action":"buy","quantity":{{strategy.order.contracts}}}', "parse.placeholder"),
    (b'{"action":"buy","x":"\\u007b\\u007bticker}}"}', "parse.placeholder"),
    (b'{"action":"buy","x":"{{}}"}', "parse.placeholder"),
    (b"Opening range {{strategy.order.action}}", "parse.placeholder"),
]


@pytest.mark.parametrize(("body", "code"), HOSTILE)
def test_refuses(body: bytes, code: str) -> None:
    with pytest.raises(AlertRefused) as refused:
        read_alert(body, "application/json")
    assert refused.value.code == code
    assert refused.value.message.isprintable()


def test_names_the_placeholder() -> None:
    body = b'{"action":"buy","strategy":"{{ strategy.strategy_name }}"}'
    with pytest.raises(AlertRefused) as refused:
        read_alert(body, None)
    assert refused.value.context == {"placeholder": "strategy.strategy_name"}
    assert "{{strategy.strategy_name}}" in refused.value.message


def test_shows_little_of_a_long_value() -> None:
    with pytest.raises(AlertRefused) as refused:
        read_alert(json.dumps({"action": "\n" + "x" * 9000}).encode(), None)
    shown = refused.value.context["action"]
    assert shown == "\N{REPLACEMENT CHARACTER}" + "x" * 79 + "..."


@pytest.mark.parametrize("content_type", [None, "", "application/json", "text/plain", "image/png"])
def test_the_content_type_decides_nothing(content_type: str | None) -> None:
    assert read_alert(b'{"action":"buy"}', content_type).side is Side.BUY


def test_a_body_of_the_largest_size_is_read() -> None:
    body = b'{"action":"flat"' + b" " * (MAX_BODY_BYTES - 17) + b"}"
    assert len(body) == MAX_BODY_BYTES
    assert read_alert(body, None).kind is SignalKind.CLOSE


def test_the_deepest_and_the_fullest_body_are_read() -> None:
    deep = b'{"action":"buy","x":' + b"[" * 7 + b'"\\"[[["' + b"]" * 7 + b"}"
    full = json.dumps({"action": "buy"} | {str(n): n for n in range(63)}).encode()
    assert read_alert(deep, None) == read_alert(full, None)


@pytest.mark.parametrize(
    "piece",
    [
        b'"',
        b'\\"',
        b"{{",
        b"{{a",
        b"}}",
        b"[",
        b'{"',
        b":",
        b" :",
        b",",
        b"=,",
        b"9",
        b"20",
        b"\\",
        b"2026-11-21T14:03:22",
        b"a=,:",
    ],
)
@pytest.mark.parametrize(
    "frame", [b"%s", b'{"action":"buy","time":"%s"}', b"A: buy,x=%s,action=flat"]
)
def test_no_body_is_slow(piece: bytes, frame: bytes) -> None:
    """The longest body there may be, in far less than a hundredth of an answer's 2 s."""
    room = (MAX_BODY_BYTES - len(frame)) // len(piece)
    body = frame.replace(b"%s", piece * room)
    assert any(_spent_s(body) < 0.1 for _ in range(20))


def _spent_s(body: bytes) -> float:
    started_s = time.process_time()
    _outcome(body)
    return time.process_time() - started_s


def _outcome(body: bytes) -> Signal | str:
    try:
        return read_alert(body, None)
    except AlertRefused as refused:
        return refused.code


_NAMES = st.sampled_from(
    ["action", "quantity", "qty", "symbol", "ticker", "price", "market_position", "time", "comment",
     "prev_market_position", "position_size", "market_position_size", "order_type", "limit_price"]
)  # fmt: skip
_VALUES = st.recursive(
    st.sampled_from(["buy", "sell", "long", "short", "flat", "close_long", "target", "limit"])
    | st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(), max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
_PAIRS = st.lists(
    st.tuples(
        _NAMES | st.text(max_size=5),
        st.sampled_from(["long", "flat", "1", "-1", ""]) | st.text(max_size=8),
    ),
    max_size=6,
)


@settings(deadline=None)
@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
@example(b'{"a":1e' + b"9" * 9000 + b"}")
def test_any_bytes_are_a_signal_or_a_refusal(body: bytes) -> None:
    _check(_outcome(body))


@settings(deadline=None)
@given(st.dictionaries(_NAMES | st.text(max_size=8), _VALUES, max_size=10))
def test_any_object_is_a_signal_or_a_refusal(fields: dict[str, object]) -> None:
    _check(_outcome(json.dumps(fields).encode()))


@settings(deadline=None)
@given(_PAIRS, st.sampled_from(["A: buy", "A", ": sell", "A:B:long"]))
def test_any_pairs_are_a_signal_or_a_refusal(pairs: list[tuple[str, str]], head: str) -> None:
    _check(_outcome(", ".join([head, *(f"{k} = {v}" for k, v in pairs)]).encode()))


def _check(outcome: Signal | str) -> None:
    """What every reader of a signal may rely on."""
    if isinstance(outcome, str):
        assert outcome in set(ParseCode)
        return
    assert (outcome.kind is SignalKind.ORDER) == (outcome.side is not None)
    assert (outcome.kind is SignalKind.TARGET) == (outcome.target_position is not None)
    assert outcome.quantity is None or 0 <= outcome.quantity <= 10_000
    assert outcome.target_position is None or abs(outcome.target_position) <= 10_000
    for price in (outcome.price, outcome.limit_price, outcome.stop_price):
        assert price is None or price.is_finite()
    for text in (outcome.symbol, outcome.comment, outcome.strategy_name, outcome.order_id):
        assert text is None or (0 < len(text) <= 500 and text.isprintable())


@settings(deadline=None)
@given(st.integers(-20_000, 20_000), st.booleans())
def test_a_quantity_is_taken_exactly_or_refused(quantity: int, quoted: bool) -> None:
    body = json.dumps({"action": "buy", "qty": str(quantity) if quoted else quantity}).encode()
    outcome = _outcome(body)
    if 0 <= quantity <= 10_000:
        assert isinstance(outcome, Signal)
        assert outcome.quantity == quantity
    else:
        assert outcome == ParseCode.QUANTITY
