"""Quotes. One price path for all months of a root, shared by a product and its micro.

A trade above the last one was made at the ask, one below at the bid, an equal one where the last
was; so the spread of one tick moves with the trades.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from paper.book_values import Quote
from shared.domain.instruments import PRODUCTS, Product
from shared.domain.price import Rounding, offset, snap


def family_of(root: str) -> str:
    """The root whose price path this root follows: MNQ follows NQ."""
    return PRODUCTS[root].micro_of or root


MEMBERS: Final = {
    family: tuple(root for root in PRODUCTS if family_of(root) == family)
    for family in {family_of(root) for root in PRODUCTS}
}


@dataclass(slots=True)
class _Path:
    last: Decimal
    at_ask: bool = True
    trades: int = 0


class Market:
    """Last prices by family. `start` tells the first price of a family nobody has priced yet."""

    def __init__(self, start: Callable[[str], Decimal], spread_ticks: int = 1) -> None:
        self._start = start
        self._spread_ticks = spread_ticks
        self._paths: dict[str, _Path] = {}

    @property
    def families(self) -> list[str]:
        """Those in use, that is asked for or priced at least once."""
        return list(self._paths)

    def last(self, family: str) -> Decimal:
        return self._path(family).last

    def trade(self, family: str, price: Decimal) -> None:
        """One trade; the price is put on the tick of the family's own root."""
        path = self._path(family)
        price = snap(price, PRODUCTS[family].tick_size, Rounding.NEAREST)
        if price != path.last:
            path.at_ask = price > path.last
        path.last = price
        path.trades += 1

    def volume(self, root: str) -> int:
        return self._path(family_of(root)).trades

    def quote(self, root: str) -> Quote:
        """Bid, ask and last on the tick of `root`."""
        path, product = self._path(family_of(root)), PRODUCTS[root]
        last = snap(path.last, product.tick_size, Rounding.NEAREST)
        return self._around(last, product, at_ask=path.at_ask)

    def prices(self) -> dict[str, Decimal]:
        return {family: path.last for family, path in self._paths.items()}

    def _around(self, last: Decimal, product: Product, *, at_ask: bool) -> Quote:
        tick, spread = product.tick_size, self._spread_ticks
        if at_ask:
            return Quote(offset(last, -spread, tick), last, last)
        return Quote(last, offset(last, spread, tick), last)

    def _path(self, family: str) -> _Path:
        path = self._paths.get(family)
        if path is None:
            path = self._paths[family] = _Path(self._start(family))
        return path
