"""The text of a message. Pure; Discord's markup in names is made harmless."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

from notifier.rules import Kind
from shared.contracts.records import PositionOpened, PositionResized, TradeClosed
from shared.contracts.registry import EventBody
from shared.domain.money import to_cents

# Discord: a message's content has at most 2,000 characters; ours has five short lines.
NAME_LENGTH_MAX: Final = 100
_MARKUP: Final = re.compile(r"([\\*_~`|>#\[\]()<@-])")
_INVISIBLE: Final = re.compile(r"[\x00-\x1f\x7f\u200b-\u200f\u202a-\u202e\u2066-\u2069]+")


def render(kind: Kind, body: EventBody) -> str:
    """The message for `notice_of(body)`. Raises `TypeError` for a body that is worth none."""
    match body:
        case PositionOpened():
            return _opened(body)
        case PositionResized():
            return _part(body)
        case TradeClosed():
            return _closed(kind, body)
        case _:
            raise TypeError(f"no message is written about {type(body).__name__}")


def _opened(body: PositionOpened) -> str:
    what = f"{body.side} {body.open_qty or body.qty} {_symbol(body)}"
    return _lines(f"**Position opened**: {what} at {_price(body.entry_price)}", _where(body))


def _part(body: PositionResized) -> str:
    at = "" if body.exit_price is None else f" at {_price(body.exit_price)}"
    return _lines(
        f"**Take profit hit**: {body.closed_qty} of {body.qty} {_symbol(body)}{at}",
        f"Profit so far: {_usd(body.gross_usd)} before fees, {body.open_qty} still open",
        _where(body),
    )


def _closed(kind: Kind, body: TradeClosed) -> str:
    title, figure = {
        Kind.STOP_HIT: ("Stop loss hit", "Loss" if body.net_usd < 0 else "P&L"),
        Kind.TARGET_HIT: ("Take profit hit", "Profit" if body.net_usd > 0 else "P&L"),
    }.get(kind, ("Position closed", "P&L"))
    what = f"{body.side} {body.qty} {_symbol(body)}"
    prices = f"{_price(body.entry_price)} → {_price(body.exit_price)}"
    return _lines(f"**{title}**: {what}, {prices}", f"{figure}: {_money(body)}", _where(body))


def _money(body: TradeClosed) -> str:
    gross, net = _usd(body.gross_usd), _usd(body.net_usd)
    if body.fees_known:
        return f"{net} net ({gross} before fees)"
    return f"{gross} before fees, {net} net so far (a fee is not known yet)"


def _symbol(body: PositionOpened | PositionResized | TradeClosed) -> str:
    if body.ticker is None or body.ticker == body.contract:
        return _safe(body.contract)
    return f"{_safe(body.ticker)} ({_safe(body.contract)})"


def _where(body: PositionOpened | PositionResized | TradeClosed) -> str:
    return f"{_safe(body.strategy_name)} · {_safe(body.account_name)}"


def _safe(name: str) -> str:
    """Another's text: no markup, no mention, no line break, no endless name."""
    plain = _INVISIBLE.sub(" ", name)
    if len(plain) > NAME_LENGTH_MAX:
        plain = plain[: NAME_LENGTH_MAX - 1] + "…"
    return _MARKUP.sub(r"\\\1", plain)


def _price(price: Decimal) -> str:
    return format(price.normalize(), "f")


def _usd(amount: Decimal) -> str:
    cents = to_cents(amount)
    sign = "-" if cents < 0 else "+"
    return f"{sign}${abs(cents):,.2f}"


def _lines(*lines: str) -> str:
    return "\n".join(lines)
