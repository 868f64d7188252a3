"""One trading day as data: twenty alerts between the bars of a chart, and what must come of them.

Alpha trades MNQ in two accounts (twice the size in the second), Beta NQ in the second one. Both
follow the price path of NQ, which the chart drives. Levels were laid out so that every bar is at
least two ticks beyond the ones it reaches and short of the ones it does not.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

ALPHA, BETA = "Alpha", "Beta"
ONE, TWO = "PAPER1", "PAPER2"  # the accounts of the first login of a local run
SYMBOL: Final = "NQ1!"  # whose chart is replayed
BEGINS: Final = datetime(2026, 11, 16, 14, 30, tzinfo=UTC)
STRATEGIES: Final = {
    ALPHA: {"symbol": "MNQ1!", "take_profit": [40], "stop_loss": 24},
    BETA: {"symbol": "NQ1!", "take_profit": [60], "stop_loss": 32},
}
MULTIPLIERS: Final = {ALPHA: {ONE: 1, TWO: 2}, BETA: {TWO: 1}}
ROOTS: Final = {ALPHA: "MNQ", BETA: "NQ"}


@dataclass(frozen=True, slots=True)
class Bar:
    """The market goes to this price."""

    close: str

    def __str__(self) -> str:
        return f"the bar to {self.close}"


@dataclass(frozen=True, slots=True)
class Alert:
    """`expected` is the disposition once the house is at rest, the same in every account."""

    number: int
    strategy: str
    fields: dict[str, object] = field(default_factory=dict)
    text: str = ""  # of the original's plain text form, instead of fields
    expected: str = "FILLED"

    def __str__(self) -> str:
        return f"alert {self.number} of {self.strategy}"

    def message(self, price: str, at: datetime) -> bytes:
        """As TradingView would fill it in at this price and moment."""
        if self.text:
            return self.text.format(price=price).encode()
        symbol = STRATEGIES[self.strategy]["symbol"]
        # The day is played in seconds: without its number an alert could equal another, byte by
        # byte and within the same second, and would rightly be taken for its resend.
        named = {"strategy": self.strategy, "comment": str(self)}
        head = {**named, "symbol": symbol, **self.fields, "price": price}
        return json.dumps({**head, "timenow": f"{at:%Y-%m-%dT%H:%M:%SZ}"}).encode()


Step = Bar | Alert


def _order(number: int, strategy: str, action: str, quantity: int, **more: object) -> Alert:
    return Alert(number, strategy, {"action": action, "quantity": quantity, **more})


def _close(number: int, strategy: str, expected: str = "FILLED") -> Alert:
    return Alert(number, strategy, {"action": "close"}, expected=expected)


def _short_target(number: int, size: int, before: str, expected: str = "FILLED") -> Alert:
    after = {"market_position": "short", "market_position_size": size}
    return Alert(number, ALPHA, {**after, "prev_market_position": before}, expected=expected)


def _limit(number: int, strategy: str, action: str, quantity: int, at: str) -> Alert:
    fields = {"action": action, "quantity": quantity, "order_type": "limit", "limit_price": at}
    return Alert(number, strategy, fields, expected="PLANNED")


def _stop(number: int, strategy: str, action: str, quantity: int, at: str) -> Alert:
    fields = {"action": action, "quantity": quantity, "order_type": "stop", "stop_price": at}
    return Alert(number, strategy, fields, expected="PLANNED")


_TEXT: Final = "{name}: {word}, Price = {{price}}, Ticker = {ticker}, Period = 5, {rest}"


def _text(number: int, strategy: str, word: str, rest: str) -> Alert:
    ticker = STRATEGIES[strategy]["symbol"]
    text = _TEXT.format(name=strategy, word=word, ticker=ticker, rest=rest)
    return Alert(number, strategy, text=text)


STORY: Final[tuple[Step, ...]] = (
    Bar("25000"),
    _order(1, ALPHA, "buy", 1),
    Bar("25004"),
    _order(2, ALPHA, "buy", 1),  # an add
    _order(3, BETA, "sell", 1),
    Bar("25011"),  # the target of 1
    Bar("25016"),  # the target of 2, the stop of 3
    _limit(4, BETA, "buy", 1, "25010"),
    _order(5, ALPHA, "sell", 1),
    Bar("25009"),  # fills 4
    _order(6, ALPHA, "buy", 1),  # a reverse
    _close(7, BETA),
    Bar("25001"),  # the stop of 6
    _close(8, ALPHA, "SKIPPED"),  # nothing is held
    _short_target(9, 2, "flat"),
    _short_target(10, 2, "short", "SKIPPED"),  # it is there already
    _short_target(11, 3, "short"),  # an add
    Bar("24997"),
    _text(12, BETA, "buy", "Action = long, Amount = 2"),
    _text(13, ALPHA, "buy", "Action = flat, Amount = 0"),
    Bar("24993"),
    _order(14, BETA, "buy", 1),  # an add
    Bar("24987"),  # the stop of 12, a part of what Beta holds
    _stop(15, ALPHA, "buy", 2, "24990"),
    Bar("24991"),  # fills 15
    _order(16, BETA, "sell", 1),  # a reverse
    Bar("25002"),  # the target of 15, the stop of 16
    _order(17, ALPHA, "sell", 1),
    Bar("25000"),
    _order(18, ALPHA, "sell", 1),  # an add
    Bar("24991"),  # the target of 17
    _order(19, BETA, "sell", 1),
    Bar("24987"),  # the target of 18
    Bar("24974"),  # the target of 19
    _order(20, ALPHA, "buy", 1),  # held when the day ends
)


@dataclass(frozen=True, slots=True)
class Trade:
    """What a round trip must look like, told without prices. `reason` None: still open."""

    strategy: str
    account: str
    side: str
    qty: int
    reason: str | None


_ALPHA_TRADES: Final = (
    ("BUY", 2, "Take Profit"),
    ("SELL", 1, "Signal"),
    ("BUY", 1, "Stop Loss"),
    ("SELL", 3, "Signal"),
    ("BUY", 2, "Take Profit"),
    ("SELL", 2, "Take Profit"),
    ("BUY", 1, None),
)
_BETA_TRADES: Final = (
    ("SELL", 1, "Stop Loss"),
    ("BUY", 1, "Signal"),
    ("BUY", 3, "Signal"),
    ("SELL", 1, "Stop Loss"),
    ("SELL", 1, "Take Profit"),
)
TRADES: Final = tuple(
    Trade(strategy, account, side, qty * multiplier, reason)
    for strategy, trades in ((ALPHA, _ALPHA_TRADES), (BETA, _BETA_TRADES))
    for account, multiplier in MULTIPLIERS[strategy].items()
    for side, qty, reason in trades
)
# Parts of a position that reached their target while the rest stayed open: (account, closed, of).
PARTS: Final = ((ONE, 1, 2), (TWO, 2, 4)) * 2


def closes() -> list[str]:
    """The chart."""
    return [step.close for step in STORY if isinstance(step, Bar)]
