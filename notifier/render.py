"""The text of a message. Pure; Discord's markup in names is made harmless."""

from __future__ import annotations

from notifier import alarms
from notifier.alarms import Names
from notifier.pieces import in_price, lines, safe, usd
from notifier.rules import Kind
from shared.contracts.records import PositionOpened, PositionResized, TradeClosed
from shared.contracts.registry import EventBody


def render(kind: Kind, body: EventBody, names: Names | None = None) -> str:
    """The message for `notice_of(body)`. Raises `TypeError` for a body that is worth none.

    `names` are of what an alarm is about; records carry theirs.
    """
    match body:
        case PositionOpened():
            return _opened(body)
        case PositionResized():
            return _part(body)
        case TradeClosed():
            return _closed(kind, body)
        case _:
            return alarms.render(body, names or Names())


def _opened(body: PositionOpened) -> str:
    what = f"{body.side} {body.open_qty or body.qty} {_symbol(body)}"
    return lines(f"**Position opened**: {what} at {in_price(body.entry_price)}", _where(body))


def _part(body: PositionResized) -> str:
    at = "" if body.exit_price is None else f" at {in_price(body.exit_price)}"
    return lines(
        f"**Take profit hit**: {body.closed_qty} of {body.qty} {_symbol(body)}{at}",
        f"Profit so far: {usd(body.gross_usd)} before fees, {body.open_qty} still open",
        _where(body),
    )


def _closed(kind: Kind, body: TradeClosed) -> str:
    title, figure = {
        Kind.STOP_HIT: ("Stop loss hit", "Loss" if body.net_usd < 0 else "P&L"),
        Kind.TARGET_HIT: ("Take profit hit", "Profit" if body.net_usd > 0 else "P&L"),
    }.get(kind, ("Position closed", "P&L"))
    what = f"{body.side} {body.qty} {_symbol(body)}"
    prices = f"{in_price(body.entry_price)} → {in_price(body.exit_price)}"
    return lines(f"**{title}**: {what}, {prices}", f"{figure}: {_money(body)}", _where(body))


def _money(body: TradeClosed) -> str:
    gross, net = usd(body.gross_usd), usd(body.net_usd)
    if body.fees_known:
        return f"{net} net ({gross} before fees)"
    return f"{gross} before fees, {net} net so far (a fee is not known yet)"


def _symbol(body: PositionOpened | PositionResized | TradeClosed) -> str:
    if body.ticker is None or body.ticker == body.contract:
        return safe(body.contract)
    return f"{safe(body.ticker)} ({safe(body.contract)})"


def _where(body: PositionOpened | PositionResized | TradeClosed) -> str:
    return f"{safe(body.strategy_name)} · {safe(body.account_name)}"
