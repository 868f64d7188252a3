"""What an alert asks of a strategy: every dialect, sentiment and inversion read into one value."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from shared.domain.alert_signal import Sentiment, Side, Signal, SignalKind, SignalOrderType
from shared.domain.decision.words import Kind
from shared.domain.errors import InvalidInput

_SIDE: Final = {Side.BUY: 1, Side.SELL: -1}
_STAND: Final = {Sentiment.LONG: 1, Sentiment.SHORT: -1, Sentiment.FLAT: 0}
# A fade of "buy if it falls to 100" is "sell if it falls to 100": a limit becomes a stop. A stop
# limit has no such opposite: a gate refuses the entry, and what it closes is closed.
_MIRRORED: Final = {
    SignalOrderType.MARKET: SignalOrderType.MARKET,
    SignalOrderType.LIMIT: SignalOrderType.STOP,
    SignalOrderType.STOP: SignalOrderType.LIMIT,
    SignalOrderType.STOP_LIMIT: SignalOrderType.STOP_LIMIT,
}


@dataclass(frozen=True, slots=True)
class Ask:
    """`side` is +1 long, -1 short; 0 where an ADD, a CLOSE, a PART or a REVERSE names none.

    `qty_contracts` is what the alert counts, None where it does not say. `percent` is a part of
    what is held, for a PART whose contracts cannot be counted in ours. `netted` says that the
    quantity of an order against the position counts what it closes, too.
    """

    kind: Kind
    side: int
    qty_contracts: int | None = None
    percent: Decimal | None = None
    netted: bool = False


def ask_of(signal: Signal) -> Ask:
    """The question an alert puts to the decision table.

    Raises `InvalidInput` when it ends a part of a position without saying how much.
    """
    match signal.kind:
        case SignalKind.TARGET:
            return _target(signal.target_position or 0)
        case SignalKind.CLOSE:
            return _close(signal)
        case SignalKind.ORDER:
            return _order(signal)
        case SignalKind.ADD | SignalKind.STAND:
            kind = Kind.ADD if signal.kind is SignalKind.ADD else Kind.STAND
            return Ask(kind, _STAND[signal.sentiment or Sentiment.FLAT], signal.quantity)
        case SignalKind.REVERSE:
            side = 0 if signal.side is None else _SIDE[signal.side]
            return Ask(Kind.REVERSE, side, signal.quantity)
        case SignalKind.CANCEL:
            return Ask(Kind.WITHDRAW, 0)


def inverted(signal: Signal) -> Signal:
    """The same alert for a strategy that trades against it.

    Prices stay where they are, so that what was its target is our stop; of several targets the
    nearest is.
    """
    limit = signal.order_type in (SignalOrderType.LIMIT, SignalOrderType.STOP_LIMIT)
    stop = signal.order_type in (SignalOrderType.STOP, SignalOrderType.STOP_LIMIT)
    return replace(
        signal,
        side=None if signal.side is None else signal.side.opposite,
        target_position=None if signal.target_position is None else -signal.target_position,
        sentiment=_turned(signal.sentiment),
        prev_sentiment=_turned(signal.prev_sentiment),
        order_type=_MIRRORED[signal.order_type],
        limit_price=signal.stop_price if stop else None,
        stop_price=signal.limit_price if limit else None,
        targets=() if signal.stop is None else (signal.stop,),
        stop=signal.targets[0] if signal.targets else None,
        trail=None,
    )


def _turned(sentiment: Sentiment | None) -> Sentiment | None:
    match sentiment:
        case Sentiment.LONG:
            return Sentiment.SHORT
        case Sentiment.SHORT:
            return Sentiment.LONG
        case _:
            return sentiment


def _target(position: int) -> Ask:
    if position == 0:
        return Ask(Kind.CLOSE, 0)
    return Ask(Kind.TARGET, 1 if position > 0 else -1, abs(position))


def _close(signal: Signal) -> Ask:
    side = 0 if signal.prev_sentiment is None else _STAND[signal.prev_sentiment]
    whole = signal.quantity is None and signal.close_percent is None
    if whole or signal.sentiment is Sentiment.FLAT:
        return Ask(Kind.CLOSE, side)
    return Ask(Kind.PART, side, signal.quantity, signal.close_percent)


def _order(signal: Signal) -> Ask:
    """An order whose sentiment disagrees with its side ends something: it never opens."""
    side = _SIDE[signal.side or Side.BUY]
    if signal.sentiment is Sentiment.FLAT:
        return Ask(Kind.CLOSE, 0)
    if signal.sentiment is not None and _STAND[signal.sentiment] != side:
        return _part_of_order(signal, -side)
    # Pine counts a reversal's order as what it ends and what it opens together.
    turned = signal.sentiment is not None and signal.prev_sentiment is _turned(signal.sentiment)
    return Ask(Kind.OPEN, side, signal.quantity, netted=turned)


def _part_of_order(signal: Signal, held_side: int) -> Ask:
    """Raises `InvalidInput` when the alert does not say how much of the position it ends."""
    if signal.quantity is None and signal.close_percent is None:
        raise InvalidInput(
            "size.part_unknown", "The alert ends a part of the position without saying how much."
        )
    return Ask(Kind.PART, held_side, signal.quantity, signal.close_percent)
