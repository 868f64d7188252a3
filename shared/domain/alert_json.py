"""The fields of an alert read as what they say, whatever shape they came in.

The JSON dialect (symbol, action, quantity, price, strategy, Pine's placeholders, TradersPost's
objects) is this reading as it stands; other dialects put their fields under these names first.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final, assert_never

from shared.domain import alert_synonyms as names
from shared.domain.alert_body import AlertBody
from shared.domain.alert_bracket import bracket_of
from shared.domain.alert_codes import ParseCode, refusal
from shared.domain.alert_fields import AlertFields
from shared.domain.alert_signal import Sentiment, Side, Signal, SignalKind, SignalOrderType
from shared.domain.alert_words import (
    Action,
    refuse_impossible_order,
    signed_position,
)

JSON_DIALECT: Final = "json"

_COUNTED: Final = frozenset({"fixed_quantity", "contracts"})
_WHOLE: Final = Decimal(100)
_JOINERS: Final = str.maketrans("", "", " _-")
_ORDER_TYPES: Final = {each.value.translate(_JOINERS): each for each in SignalOrderType}
_WANTS_LIMIT: Final = frozenset({SignalOrderType.LIMIT, SignalOrderType.STOP_LIMIT})
_WANTS_STOP: Final = frozenset({SignalOrderType.STOP, SignalOrderType.STOP_LIMIT})


def json_fields(body: AlertBody) -> AlertFields | None:
    """Any JSON object is ours: this dialect is the last of the JSON ones to be asked."""
    return None if body.fields is None else AlertFields(body.fields)


def read_json(fields: AlertFields) -> Signal:
    """Raises `AlertRefused` with the code of the first field that cannot be read."""
    return read_fields(fields, JSON_DIALECT)


def read_fields(fields: AlertFields, dialect: str) -> Signal:
    """Raises `AlertRefused` with the code of the first field that cannot be read."""
    positions = _positions(fields)
    plan = _plan(fields, positions, dialect)
    signal = _with_bracket(_with_details(plan, fields), fields)
    fields.refuse_constants()
    return signal


@dataclass(frozen=True, slots=True)
class _Positions:
    """`worded` is whether the alert names its market position, rather than a bare size.

    `stands` is whether it names it as a sentiment.
    """

    worded: bool
    stands: bool
    before: Sentiment | None
    after: Sentiment | None
    target: int | None


def _positions(fields: AlertFields) -> _Positions:
    before = fields.sentiment(*names.PREV_MARKET_POSITION)
    mood = fields.mood(*names.SENTIMENT)
    place = fields.sentiment(*names.MARKET_POSITION)
    if mood is not None and place not in {None, mood}:
        raise refusal(ParseCode.CONTRADICTION, "Two fields that mean the same differ.")
    word = place or mood
    target = _target(word, _size(fields))
    after = word
    if word is None and target is not None:
        after = Sentiment.SHORT if target < 0 else Sentiment.FLAT
    return _Positions(
        worded=word is not None,
        stands=mood is not None and mood is not Sentiment.FLAT,
        before=before,
        after=after,
        target=target,
    )


def _size(fields: AlertFields) -> int | None:
    """`market_position_size` is absolute in Pine, `position_size` signed: they agree so far."""
    absolute = fields.signed_contracts(*names.MARKET_POSITION_SIZE)
    signed = fields.signed_contracts(*names.POSITION_SIZE)
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


def _plan(fields: AlertFields, positions: _Positions, dialect: str) -> Signal:
    action = _action(fields, positions)
    quantity, percent = _size_asked(fields)
    signal = Signal(
        kind=action.kind,
        dialect=dialect,
        quantity=quantity,
        close_percent=percent,
        sentiment=positions.after,
        prev_sentiment=positions.before,
    )
    match action.kind:
        case SignalKind.TARGET:
            planned = _to_target(signal, positions)
        case SignalKind.CLOSE:
            planned = _to_close(signal, action.ends)
        case SignalKind.REVERSE:
            planned = _to_reverse(signal)
        case SignalKind.ORDER:
            planned = _to_order(signal, action)
        case SignalKind.ADD:
            planned = _to_add(signal)
        case SignalKind.STAND | SignalKind.CANCEL:
            planned = signal
        case _:
            assert_never(action.kind)
    return _with_whole_percent(planned)


def _action(fields: AlertFields, positions: _Positions) -> Action:
    action = fields.action(*names.ACTION) or fields.action(*names.SIDE)
    if action is not None:
        return action
    if positions.worded and positions.target is not None:
        return Action(SignalKind.TARGET)
    if positions.stands:
        return Action(SignalKind.STAND)
    raise refusal(ParseCode.ACTION, "The alert says neither an action nor a whole target position.")


def _size_asked(fields: AlertFields) -> tuple[int | None, Decimal | None]:
    """Contracts, and percent of the position. A unit that we cannot count in is refused."""
    if fields.has(*names.AMBIGUOUS_SIZE) and not fields.has(*names.QUANTITY, *names.CLOSE_PERCENT):
        raise refusal(ParseCode.QUANTITY, "What this size counts is not certain; call it quantity.")
    percent = fields.percent(*names.CLOSE_PERCENT)
    word = fields.text(*names.QUANTITY_TYPE, code=ParseCode.QUANTITY)
    in_percent = word is not None and word.lower() == "percent_of_position"
    if word is not None and not in_percent and word.lower() not in _COUNTED:
        raise refusal(ParseCode.UNSUPPORTED, "We do not size by this quantity type.", value=word)
    written = [value for _, value in fields.items(*names.QUANTITY) if isinstance(value, str)]
    if not in_percent and not any(value.strip().endswith("%") for value in written):
        return fields.contracts(*names.QUANTITY), percent
    told = fields.percent(*names.QUANTITY)
    if percent is not None and told not in {None, percent}:
        raise refusal(ParseCode.CONTRADICTION, "The alert gives two percentages.")
    return None, told if percent is None else percent


def _with_whole_percent(signal: Signal) -> Signal:
    """A percentage is a part of a position to close; all of it needs no percentage."""
    percent = signal.close_percent
    if percent is None:
        return signal
    if signal.kind is not SignalKind.CLOSE:
        raise refusal(ParseCode.QUANTITY, "Only a close may be a percentage of the position.")
    if signal.quantity is not None:
        raise refusal(ParseCode.CONTRADICTION, "The alert gives contracts and a percentage.")
    whole = percent == _WHOLE
    if signal.sentiment is not None and whole != (signal.sentiment is Sentiment.FLAT):
        raise refusal(
            ParseCode.CONTRADICTION,
            "The percentage and the market position contradict each other.",
            percent=str(percent),
            after=str(signal.sentiment),
        )
    return replace(signal, close_percent=None) if whole else signal


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
    sized = signal.quantity is not None or signal.close_percent is not None
    if turned or other or (stays and not sized):
        raise refusal(
            ParseCode.CONTRADICTION,
            "The alert closes a position that its market position does not show.",
            before=str(signal.prev_sentiment),
            after=str(signal.sentiment),
        )
    return replace(signal, prev_sentiment=signal.prev_sentiment or ends)


def _to_reverse(signal: Signal) -> Signal:
    """The market position, where the alert gives it, is the side to end on."""
    after = signal.sentiment
    if after is Sentiment.FLAT or (after is not None and after is signal.prev_sentiment):
        raise refusal(
            ParseCode.CONTRADICTION,
            "A reverse ends on the other side.",
            before=str(signal.prev_sentiment),
            after=str(after),
        )
    if after is None:
        return signal
    return replace(signal, side=Side.BUY if after is Sentiment.LONG else Side.SELL)


def _to_add(signal: Signal) -> Signal:
    """The position before and after an add has one side, and is no flat one."""
    told = {signal.prev_sentiment, signal.sentiment} - {None}
    if Sentiment.FLAT in told or len(told) > 1:
        raise refusal(
            ParseCode.CONTRADICTION,
            "An add is to a position, and leaves it on its side.",
            before=str(signal.prev_sentiment),
            after=str(signal.sentiment),
        )
    return replace(signal, sentiment=signal.sentiment or signal.prev_sentiment)


def _to_order(signal: Signal, action: Action) -> Signal:
    side, says = action.side, action.after
    if side is None:
        raise refusal(ParseCode.ACTION, "The alert's order has no side.")
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
    held = Sentiment.LONG if side is Side.SELL else Sentiment.SHORT
    if signal.close_percent is not None and signal.sentiment is held:
        return replace(signal, kind=SignalKind.CLOSE, prev_sentiment=held)
    return replace(signal, side=side)


def _with_bracket(signal: Signal, fields: AlertFields) -> Signal:
    """Only what may enter has one: no exit is lost to a stop that cannot be read."""
    if signal.kind in {SignalKind.CLOSE, SignalKind.CANCEL} or signal.target_position == 0:
        return signal
    bracket = bracket_of(fields)
    return replace(signal, targets=bracket.targets, stop=bracket.stop, trail=bracket.trail)


def _with_details(signal: Signal, fields: AlertFields) -> Signal:
    signal = replace(
        signal,
        symbol=fields.symbol(),
        price=fields.price(*names.PRICE),
        strategy_name=fields.note(*names.STRATEGY),
        order_id=fields.note(*names.ORDER_ID),
        timeframe=fields.note(*names.TIMEFRAME),
        comment=fields.note(*names.COMMENT),
        alert_time=fields.instant(),
    )
    return _with_order_type(signal, fields)


def _with_order_type(signal: Signal, fields: AlertFields) -> Signal:
    """Exactly the prices its type asks for: anything else would be a guess of ours."""
    word = fields.text(*names.ORDER_TYPE, code=ParseCode.ORDER_TYPE)
    order_type = SignalOrderType.MARKET if word is None else _order_type(word)
    limit = fields.price(*names.LIMIT_PRICE)
    stop = fields.price(*names.STOP_PRICE)
    wants_limit, wants_stop = order_type in _WANTS_LIMIT, order_type in _WANTS_STOP
    if (limit is not None) != wants_limit or (stop is not None) != wants_stop:
        raise refusal(
            ParseCode.ORDER_TYPE,
            "A limit order has limit_price, a stop order stop_price, a stop limit order both, a "
            "market order neither.",
            order_type=str(order_type),
        )
    return replace(signal, order_type=order_type, limit_price=limit, stop_price=stop)


def _order_type(word: str) -> SignalOrderType:
    order_type = _ORDER_TYPES.get(word.lower().translate(_JOINERS))
    if order_type is None:
        says = "An order type is market, limit, stop or stop limit."
        raise refusal(ParseCode.ORDER_TYPE, says, value=word)
    return order_type
