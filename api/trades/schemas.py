"""Trades and open positions as the original's clients read them, and our fields beside.

What we do not measure or offer is given as the original's neutral value. The drawdown of a closed
trade is what its own fills show: a loss of its gross. Between fills nothing is measured, so that of
a winner is 0.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final

from pydantic import Field

from api.schemas import Answer, Body, example
from api.wire import DecimalNumber, DecimalText, Line

NOTE_LENGTH_MAX: Final = 4_000
TAG_LENGTH_MAX: Final = 40
TAGS_OF_A_TRADE_MAX: Final = 20
_Note = Annotated[str, Field(max_length=NOTE_LENGTH_MAX, pattern=r"^[^\x00]*$")]
_Tag = Annotated[Line, Field(min_length=1, max_length=TAG_LENGTH_MAX)]
_Tags = Annotated[list[_Tag], Field(max_length=TAGS_OF_A_TRADE_MAX)]


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
    note: str
    tags: list[str]


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
    """`Running_Pos` is what is held now, signed; gross, fees and net are of what was closed.

    `last_price` is where it could be closed now, and `unrealised` what that would bring in US
    dollars before fees; null without a price of the last minute. `to_stop` and `to_target` are
    points of price that are left, below zero once passed. `open_s` counts from the first fill.
    """

    Running_Pos: int
    last_price: DecimalText | None
    price_at: datetime | None
    unrealised: DecimalText | None
    to_stop: DecimalText | None
    to_target: DecimalText | None
    open_s: int
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


class TotalsOut(Answer):
    """Of every closed trade of the filter, in US dollars; null is no number.

    `net` is `gross` less `fees`; `won` and `lost`, never above zero, are the nets of winners and
    of losers. `win_rate` is in percent.
    """

    model_config = example(
        {
            "trades": 1708,
            "wins": 812,
            "losses": 880,
            "break_even": 16,
            "contracts": 3416,
            "gross": "9120",
            "fees": "3552.64",
            "net": "5567.36",
            "won": "40600.5",
            "lost": "-35033.14",
            "average": "3.26",
            "win_rate": "48",
            "profit_factor": "1.16",
        }
    )

    trades: int
    wins: int
    losses: int
    break_even: int
    contracts: int
    gross: DecimalText
    fees: DecimalText
    net: DecimalText
    won: DecimalText
    lost: DecimalText
    average: DecimalText | None
    win_rate: DecimalText | None
    profit_factor: DecimalText | None


class FacetOut(Answer):
    """A value to filter by, and how many trades there are with it."""

    value: str
    trades: int


class FacetsOut(Answer):
    """Of each dimension what it can be narrowed to, under the filters of the others.

    A trade counts under its ticker and under its root among `symbols`.
    """

    model_config = example(
        {
            "strategies": [{"value": "Opening Range", "trades": 1200}],
            "accounts": [{"value": "PAPER1", "trades": 1200}],
            "symbols": [{"value": "MNQ", "trades": 1200}, {"value": "MNQ1!", "trades": 900}],
            "timeframes": [{"value": "5", "trades": 1200}],
            "sides": [{"value": "BUY", "trades": 700}, {"value": "SELL", "trades": 500}],
            "exit_reasons": [{"value": "Take Profit", "trades": 650}],
        }
    )

    strategies: list[FacetOut]
    accounts: list[FacetOut]
    symbols: list[FacetOut]
    timeframes: list[FacetOut]
    sides: list[FacetOut]
    exit_reasons: list[FacetOut]


class NoteIn(Body):
    """The whole of it; empty takes it away. Tags are kept in small letters, each once."""

    model_config = example({"note": "Late entry: the news moved it.", "tags": ["news", "late"]})

    note: _Note
    tags: _Tags


class NoteChangeIn(Body):
    """What is not named stays."""

    model_config = example({"tags": ["news"]})

    note: _Note | None = None
    tags: _Tags | None = None


class NoteOut(Answer):
    """Empty where nothing was written. `tags` are in order."""

    model_config = example({"note": "Late entry: the news moved it.", "tags": ["late", "news"]})

    note: str
    tags: list[str]


class TagsOut(Answer):
    """Of all closed trades; most used first."""

    model_config = example({"tags": [{"value": "news", "trades": 12}]})

    tags: list[FacetOut]
