"""What each fill of one owner realised, against the average price of what it closed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal

from shared.domain.money import Usd
from shared.domain.order import Fill
from shared.domain.position import FLAT, Position, fold

_NOTHING = Usd(0)


def realized_usd(held: Position, fill: Fill, point_value: Decimal) -> Usd:
    """Before fees; 0 for a fill that only opens.

    From the same average as the position's open P&L, so that their sum does not depend on which
    contracts are said to have gone first.
    """
    if held.avg_price is None or held.net_qty * fill.signed_qty >= 0:
        return _NOTHING
    closed = min(abs(held.net_qty), fill.qty_contracts) * (1 if held.net_qty > 0 else -1)
    return (fill.price - held.avg_price) * closed * point_value


def fold_realized(fills: Iterable[Fill], point_value: Decimal) -> Iterator[tuple[Usd, Position]]:
    """For each fill, in the broker's order and beginning flat: what it realised, what it left."""
    position = FLAT
    for fill in fills:
        earned = realized_usd(position, fill, point_value)
        position = fold(position, fill)
        yield earned, position
