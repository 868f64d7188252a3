"""Products, what a symbol means, and rolls ahead."""

from __future__ import annotations

from datetime import date, datetime

from api.schemas import Answer
from api.wire import DecimalText


class InstrumentOut(Answer):
    """A product we know. `front` is what `NQ1!` means now, until trade date `rolls_on`.

    Against a broker its own figures rule. `warning`: what of it no source confirms.
    """

    root: str
    name: str
    exchange: str
    tick_size: DecimalText
    point_value_usd: DecimalText
    tick_value_usd: DecimalText
    price_decimals: int
    months: str
    hours: str
    last_trading_day: str
    micro_of: str | None
    warning: str | None
    is_open: bool
    next_open: datetime | None
    front: str
    next_front: str
    rolls_on: date


class InstrumentsOut(Answer):
    """`trade_date`: the one that is traded now, Chicago's."""

    trade_date: date
    instruments: list[InstrumentOut]


class MeaningOut(Answer):
    """The contract a symbol stands for; a strategy that enters then enters that one.

    `rank`: 1 of `NQ1!`; None where the symbol names one contract, which it always means.
    """

    symbol: str
    at: datetime
    trade_date: date
    root: str
    rank: int | None
    contract: str
    next_contract: str
    rolls_on: date


class RollOut(Answer):
    """On trade date `on` the contract `leaving` stops being the one to trade.

    `strategies` trade it by a symbol that rolls; `positions` are held in it, with what their
    strategies' rules do then: tell, close or move.
    """

    root: str
    leaving: str
    entering: str
    on: date
    strategies: list[StrategyThere]
    positions: list[HeldThere]


class StrategyThere(Answer):
    id: int
    name: str
    symbol: str


class HeldThere(Answer):
    account_id: int
    strategy_id: int
    net_qty: int
    policy: str | None


class RollsOut(Answer):
    rolls: list[RollOut]


RollOut.model_rebuild()
RollsOut.model_rebuild()
