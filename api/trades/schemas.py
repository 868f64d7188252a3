"""Trades and open positions as the original's clients read them, and our fields beside.

What we do not measure or offer is given as the original's neutral value: no drawdown, no option.
"""

from __future__ import annotations

from datetime import datetime

from api.schemas import Answer
from api.wire import DecimalNumber, DecimalText


class _Row(Answer):
    id: int
    Strat_Name: str
    Ticker: str
    TimeFrame: str
    Direction: str  # BUY | SELL
    Open_Time: datetime
    Open_Price: DecimalText
    Drawdown: str = "0"
    Expo: str | None = None
    Strike: str | None = None
    Opt_Name: str | None = None
    IfOption: bool = False
    account: str
    account_id: int
    strategy_id: int
    contract: str
    gross: DecimalText
    fees: DecimalText
    net: DecimalText


class TradeOut(_Row):
    """`Position_Size` is signed, the largest size held; `Profit` is net of fees, in US dollars."""

    Closed_Time: datetime
    Closed_Price: DecimalText
    Position_Size: int
    Profit: DecimalNumber
    max_dd: str = "0"
    exit_reason: str


class TradesOut(Answer):
    """`next` continues behind the last one, as `after`; None at the end."""

    trades: list[TradeOut]
    next: str | None


class StepOut(Answer):
    """`amnt` is US dollars of one `step` of price, for one contract."""

    amnt: DecimalNumber
    mult: DecimalNumber
    step: DecimalNumber
    TP_inc: list[DecimalNumber]
    StratID: int
    uselimits: bool = False


class OpenTradeOut(_Row):
    """`Running_Pos` is what is held now, signed; gross, fees and net are of what was closed."""

    Running_Pos: int
    Account: str
    Nickname: str
    StratTicker: str
    Stoploss: DecimalText | None
    TakeProfit: list[DecimalText]
    SLTP_Data: StepOut


class OpenTradesOut(Answer):
    trades: list[OpenTradeOut]


class NamedOut(Answer):
    name: str


class TickersOut(Answer):
    tickers: list[NamedOut]


class TimeFramesOut(Answer):
    timeframes: list[NamedOut]


class Filters(Answer):
    """Empty: not asked for."""

    user: str = ""
    strategy: str = ""
    symbol: str = ""
    timeframe: str = ""
