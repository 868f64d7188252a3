"""The JSON dialect: symbol, action, quantity, price, strategy, and Pine's own placeholders."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from shared.domain.alert_body import AlertBody
from shared.domain.alert_codes import ParseCode, refusal
from shared.domain.alert_fields import AlertFields
from shared.domain.alert_signal import Sentiment, Side, Signal, SignalKind, SignalOrderType
from shared.domain.alert_words import (
    Action,
    action_of,
    refuse_impossible_order,
    signed_position,
)

JSON_DIALECT: Final = "json"

_ORDER_TYPES: Final = {order_type.value: order_type for order_type in SignalOrderType}


def json_fields(body: AlertBody) -> AlertFields | None:
    """Any JSON object is ours: this dialect is the last of the JSON ones to be asked."""
    return None if body.fields is None else AlertFields(body.fields)


def read_json(fields: AlertFields) -> Signal:
    """Raises `AlertRefused` with the code of the first field that cannot be read."""
    positions = _positions(fields)
    plan = _plan(fields, positions)
    signal = _with_details(plan, fields)
    fields.refuse_constants()
    return signal


@dataclass(frozen=True, slots=True)
class _Positions:
    """`worded` is whether the alert names its market position, rather than a bare size."""

    worded: bool
    before: Sentiment | None
    after: Sentiment | None
    target: int | None


def _positions(fields: AlertFields) -> _Positions:
    before = fields.sentiment("prev_market_position")
    word = fields.sentiment("market_position", "sentiment")
    target = _target(word, _size(fields))
    after = word
    if word is None and target is not None:
        after = Sentiment.SHORT if target < 0 else Sentiment.FLAT
    return _Positions(worded=word is not None, before=before, after=after, target=target)


def _size(fields: AlertFields) -> int | None:
    """`market_position_size` is absolute in Pine, `position_size` signed: they agree so far."""
    absolute = fields.signed_contracts("market_position_size")
    signed = fields.signed_contracts("position_size")
    if absolute is not None and signed is not None and abs(absolute) != abs(signed):
        raise refusal(
            ParseCode.CONTRADICTION,
            "Two fields that mean the same differ.",
            market_position_size=absolute,
            position_size=signed,
        )
    return absolute if signed is None else signed


def _target(after: Sentiment | None, size: int | None) -> int | None:
    """The signed position that the alert tells of, None when direction or size stays open.

    Either size field is met with either meaning, so that a positive size without the word has
    no direction; zero and a negative one have.
    """
    if after is Sentiment.FLAT:
        return signed_position(after, 0 if size is None else size)
    if size is None:
        return None
    if after is None:
        return size if size <= 0 else None
    return signed_position(after, size)


def _plan(fields: AlertFields, positions: _Positions) -> Signal:
    word = fields.values.get("action")
    if word is None and not (positions.worded and positions.target is not None):
        raise refusal(
            ParseCode.ACTION, "The alert says neither an action nor a whole target position."
        )
    action = Action(SignalKind.TARGET) if word is None else action_of(word)
    quantity = fields.contracts("quantity", "qty", "contracts")
    signal = Signal(
        kind=action.kind,
        dialect=JSON_DIALECT,
        quantity=quantity,
        sentiment=positions.after,
        prev_sentiment=positions.before,
    )
    if action.kind is SignalKind.TARGET:
        return _to_target(signal, positions)
    if action.side is None:
        return _to_close(signal, action.ends)
    return _to_order(signal, action.side, action.after)


def _to_target(signal: Signal, positions: _Positions) -> Signal:
    if positions.target is None:
        raise refusal(
            ParseCode.QUANTITY, "A target needs market_position and market_position_size."
        )
    return replace(signal, target_position=positions.target)


def _to_close(signal: Signal, ends: Sentiment | None) -> Signal:
    """A close that leaves a position is a partial one: then it must say of how many contracts."""
    stays = signal.sentiment not in {None, Sentiment.FLAT}
    turned = ends is not None and stays and signal.sentiment is not ends
    other = ends is not None and signal.prev_sentiment not in {None, ends}
    if turned or other or (stays and signal.quantity is None):
        raise refusal(
            ParseCode.CONTRADICTION,
            "The alert closes a position that its market position does not show.",
            before=str(signal.prev_sentiment),
            after=str(signal.sentiment),
        )
    return replace(signal, prev_sentiment=signal.prev_sentiment or ends)


def _to_order(signal: Signal, side: Side, says: Sentiment | None) -> Signal:
    if says is not None and signal.sentiment not in {None, says}:
        raise refusal(
            ParseCode.CONTRADICTION,
            "The action and the market position contradict each other.",
            action=str(says),
            after=str(signal.sentiment),
        )
    refuse_impossible_order(side, signal.prev_sentiment, signal.sentiment)
    if signal.sentiment is Sentiment.FLAT:
        ended = Sentiment.SHORT if side is Side.BUY else Sentiment.LONG
        return replace(signal, kind=SignalKind.CLOSE, prev_sentiment=ended)
    return replace(signal, side=side)


def _with_details(signal: Signal, fields: AlertFields) -> Signal:
    signal = replace(
        signal,
        symbol=fields.text("symbol", "ticker"),
        price=fields.price("price"),
        strategy_name=fields.note("strategy", "strategy_name"),
        order_id=fields.note("order_id"),
        timeframe=fields.note("interval", "timeframe"),
        comment=fields.note("comment"),
        alert_time=fields.instant(),
    )
    return _with_order_type(signal, fields)


def _with_order_type(signal: Signal, fields: AlertFields) -> Signal:
    """Exactly the price its type asks for: anything else would be a guess of ours."""
    word = fields.text("order_type", "ordertype", code=ParseCode.ORDER_TYPE)
    order_type = SignalOrderType.MARKET if word is None else _order_type(word)
    limit = fields.price("limit_price", "limitprice")
    stop = fields.price("stop_price", "stopprice")
    wants_limit = order_type is SignalOrderType.LIMIT
    wants_stop = order_type is SignalOrderType.STOP
    if (limit is not None) != wants_limit or (stop is not None) != wants_stop:
        raise refusal(
            ParseCode.ORDER_TYPE,
            "A limit order has limit_price, a stop order stop_price, a market order neither.",
            order_type=str(order_type),
        )
    return replace(signal, order_type=order_type, limit_price=limit, stop_price=stop)


def _order_type(word: str) -> SignalOrderType:
    order_type = _ORDER_TYPES.get(word.lower())
    if order_type is None:
        raise refusal(ParseCode.ORDER_TYPE, "An order type is market, limit or stop.", value=word)
    return order_type
