"""The decision table in a trader's words: the whole of it, and one strategy's own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from shared.domain.alert_signal import Sentiment, Side, Signal, SignalKind
from shared.domain.decision.decide import decide, in_words
from shared.domain.decision.market import market_of
from shared.domain.decision.scene import Scene
from shared.domain.decision.table import ROWS, Row
from shared.domain.decision.words import Adds, Entering, Kind, Relation, Size, Stand
from shared.domain.plan import Book, Denied, Held
from shared.domain.rules.entries import Opposite
from shared.domain.strategy import AccountLink, Strategy

_Word = TypeVar("_Word")

_ASKS: Final = {
    Kind.OPEN: "buy or sell",
    Kind.ADD: "add",
    Kind.STAND: "be long or short",
    Kind.TARGET: "a target position",
    Kind.REVERSE: "reverse",
    Kind.AVERAGE: "(no alert) average down",
    Kind.CLOSE: "close",
    Kind.PART: "close a part",
    Kind.WITHDRAW: "cancel entries",
}
_STANDS: Final = {
    Stand.FLAT: "flat",
    Stand.SAME: "on the asked side",
    Stand.OTHER: "on the other side",
}
_OPPOSITES: Final = {
    Opposite.REVERSE: "entries against the position reverse",
    Opposite.NET: "entries against the position are netted",
    Opposite.CLOSE: "entries against the position close",
    Opposite.IGNORE: "entries against the position are ignored",
}


def rows_in_words() -> Iterator[tuple[str, str, str, str, str]]:
    """(alert asks, position, if, then, code) of each row; "" where every case is meant."""
    for row in ROWS:
        asks = ", ".join(_ASKS[kind] for kind in Kind if kind in row.kind)
        stands = _named(row.stand, _STANDS)
        yield asks, stands, "; ".join(_conditions(row)), row.says, row.code


def _conditions(row: Row) -> Iterator[str]:
    named = (
        _named(row.relation, {word: word.value for word in Relation}),
        _named(row.size, {word: word.value for word in Size}),
        _named(row.adds, {word: word.value for word in Adds}),
        _named(row.entering, {word: word.value for word in Entering}),
        _named(row.opposite, _OPPOSITES),
    )
    return (text for text in named if text)


def _named(words: frozenset[_Word], names: Mapping[_Word, str]) -> str:
    """Nothing where a row covers every word of a column."""
    covered = [text for word, text in names.items() if word in words]
    return "" if len(covered) == len(names) else " or ".join(covered)


@dataclass(frozen=True, slots=True)
class Line:
    """What one alert does to one position under a strategy's settings."""

    alert: str
    position: int
    code: str
    says: str
    orders: tuple[str, ...]


_ORDER: Final = Signal(kind=SignalKind.ORDER, dialect="explain")
_CLOSE: Final = replace(_ORDER, kind=SignalKind.CLOSE)
ALERTS: Final[dict[str, Signal]] = {
    "buy": replace(_ORDER, side=Side.BUY),
    "sell": replace(_ORDER, side=Side.SELL),
    "buy, position long": replace(_ORDER, side=Side.BUY, sentiment=Sentiment.LONG),
    "sell, position long": replace(_ORDER, side=Side.SELL, sentiment=Sentiment.LONG, quantity=1),
    "sell, position flat": replace(_ORDER, side=Side.SELL, sentiment=Sentiment.FLAT),
    "sell, position short": replace(_ORDER, side=Side.SELL, sentiment=Sentiment.SHORT),
    "buy, position short": replace(_ORDER, side=Side.BUY, sentiment=Sentiment.SHORT, quantity=1),
    "buy, position flat": replace(_ORDER, side=Side.BUY, sentiment=Sentiment.FLAT),
    "add": replace(_ORDER, kind=SignalKind.ADD),
    "be long": replace(_ORDER, kind=SignalKind.STAND, sentiment=Sentiment.LONG),
    "be short": replace(_ORDER, kind=SignalKind.STAND, sentiment=Sentiment.SHORT),
    "target 2": replace(_ORDER, kind=SignalKind.TARGET, target_position=2),
    "target 1": replace(_ORDER, kind=SignalKind.TARGET, target_position=1),
    "target 0": replace(_ORDER, kind=SignalKind.TARGET, target_position=0),
    "target -1": replace(_ORDER, kind=SignalKind.TARGET, target_position=-1),
    "close": _CLOSE,
    "close long": replace(_CLOSE, prev_sentiment=Sentiment.LONG),
    "close short": replace(_CLOSE, prev_sentiment=Sentiment.SHORT),
    "close 1": replace(_CLOSE, quantity=1),
    "reverse": replace(_ORDER, kind=SignalKind.REVERSE),
    "cancel": replace(_ORDER, kind=SignalKind.CANCEL),
}
POSITIONS: Final = (0, 1, 2, -1, -2)


def truth_table(strategy: Strategy, link: AccountLink, scene: Scene) -> Iterator[Line]:
    """Every alert against every position, decided by the live code for this strategy now.

    The scene gives everything but the position: its gates, its history, its moment.
    """
    symbol = strategy.symbol or "NQ1!"
    for alert, signal in ALERTS.items():
        for position in POSITIONS:
            yield _line(alert, position, replace(signal, symbol=symbol), (strategy, link, scene))


def _line(
    alert: str, position: int, signal: Signal, known: tuple[Strategy, AccountLink, Scene]
) -> Line:
    strategy, link, scene = known
    market = market_of(signal, strategy, link, scene.on)
    held = (
        () if market is None or position == 0 else (Held(market.contract, market.root, position),)
    )
    book = Book(held=held, other_owners=scene.book.other_owners)
    verdict = decide(signal, strategy, link, replace(scene, book=book))
    if isinstance(verdict, Denied):
        return Line(alert, position, verdict.code, verdict.message, ())
    withheld = "" if verdict.withheld is None else f" {verdict.withheld.message}"
    orders = tuple(map(in_words, verdict.drafts))
    return Line(alert, position, verdict.code, verdict.message + withheld, orders)
