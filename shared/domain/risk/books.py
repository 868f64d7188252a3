"""What an account, or a strategy over all its accounts, has won, holds and may yet lose.

day    = realised since the trade date began - fees told + open P&L
further = of every position: from its mark to its stop, slippage and closing fee
        + of every entry under way: its stop's distance, slippage and both fees
        + fees of fills that have not been told yet
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final

from shared.domain.fees import round_turn_usd, side_usd
from shared.domain.instruments import PRODUCTS, Product
from shared.domain.money import Usd, gross_usd
from shared.domain.order import Action
from shared.domain.risk.limits import Mark
from shared.domain.risk.worst import by_ticks_usd, to_stop_usd

_NOTHING = Usd(0)


@dataclass(frozen=True, slots=True)
class StopLeg:
    """A stop that works for a position, or is on its way with its entry."""

    qty_contracts: int
    price: Decimal


@dataclass(frozen=True, slots=True)
class Holding:
    """What one owner holds in one contract; `mark` is where it could be closed, None unknown."""

    root: str
    net_qty: int
    avg_price: Decimal
    mark: Decimal | None
    stops: tuple[StopLeg, ...] = ()
    slippage_ticks: int = 0


@dataclass(frozen=True, slots=True)
class Coming:
    """An entry that may still fill. `stop_ticks` None: nothing bounds its loss."""

    root: str
    qty_contracts: int
    stop_ticks: int | None
    slippage_ticks: int = 0


@dataclass(frozen=True, slots=True)
class Sums:
    """Of fills: realised less the fees told, and contracts by root whose fee is not told yet."""

    net_usd: Usd = _NOTHING
    untold: Mapping[str, int] | None = None


@dataclass(frozen=True, slots=True)
class Cash:
    """An account's cash at an instant by the broker's word, and what its fills made since."""

    amount_usd: Usd
    as_of: datetime
    since_usd: Usd = _NOTHING

    @property
    def balance_usd(self) -> Usd:
        return self.amount_usd + self.since_usd


# A word on cash and a fill of the same moment may have crossed.
CASH_SETTLES: Final = timedelta(seconds=2)


def anchor_of(
    kept: Cash | None,
    said: Cash | None,
    last_fill_at: datetime | None,
    now: datetime,
    *,
    flat: bool,
) -> Cash | None:
    """From which cash an account's balance is counted on by its own fills.

    The broker's word counts once the account is flat and quiet: then it means the same whichever
    contracts are said to have gone first. Until the first such moment nothing is known for sure.
    """
    if said is None or not flat or (kept is not None and said.as_of < kept.as_of):
        return kept
    quiet = last_fill_at is None or (
        last_fill_at <= said.as_of and last_fill_at + CASH_SETTLES <= now
    )
    return said if quiet else kept


@dataclass(frozen=True, slots=True)
class Books:
    """One scope on trade date `on`. `cash` is an account's, None while not known for sure.

    `said_usd` is an account's open P&L by the broker's word, for when prices are missing.
    `swings_usd`: by how much its result differed from now at each of its fills since the last
    look, at the price of the fill and in their order.
    """

    on: date
    day: Sums = Sums()
    week: Sums = Sums()
    held: tuple[Holding, ...] = ()
    coming: tuple[Coming, ...] = ()
    cash: Cash | None = None
    swings_usd: tuple[Usd, ...] = ()
    said_usd: Usd | None = None

    @property
    def is_priced(self) -> bool:
        """Whether every position has a price and a known value of a point."""
        return all(_open_usd(each) is not None for each in self.held)

    @property
    def open_usd(self) -> Usd | None:
        """None where a position is not priced and the broker has not said the sum."""
        if not self.is_priced:
            return self.said_usd
        parts = map(_open_usd, self.held)
        return sum((part for part in parts if part is not None), _NOTHING)

    @property
    def mark(self) -> Mark | None:
        open_usd = self.open_usd
        if open_usd is None:
            return None
        return Mark(self.on, self.day.net_usd + open_usd, self.week.net_usd + open_usd)

    @property
    def marks(self) -> tuple[Mark, ...]:
        """What is known of the result since the last look, the present last; none if unknown."""
        now = self.mark
        if now is None:
            return ()
        swings = (*self.swings_usd, _NOTHING)
        return tuple(Mark(self.on, now.day_usd + s, now.week_usd + s) for s in swings)

    @property
    def leaving_usd(self) -> Usd:
        """What closing all that is held at once may cost, and a tick more; 0 with nothing held."""
        known = ((each, product) for each in self.held if (product := PRODUCTS.get(each.root)))
        parts = (
            (by_ticks_usd(product, 1, 1, each.slippage_ticks) + side_usd(product))
            * abs(each.net_qty)
            for each, product in known
        )
        return sum(parts, _untold_usd(self.week.untold)) if self.held else _NOTHING

    @property
    def further_usd(self) -> Usd | None:
        """None where something has no stop, or no price to measure it from."""
        parts = [*map(_to_stops_usd, self.held), *map(coming_usd, self.coming)]
        if None in parts:
            return None
        return sum((part for part in parts if part is not None), _untold_usd(self.week.untold))


def coming_usd(entry: Coming) -> Usd | None:
    product = PRODUCTS.get(entry.root)
    if product is None or entry.stop_ticks is None:
        return None
    lost = by_ticks_usd(product, entry.qty_contracts, entry.stop_ticks, entry.slippage_ticks)
    return lost + round_turn_usd(product) * entry.qty_contracts


def _open_usd(held: Holding) -> Usd | None:
    product = PRODUCTS.get(held.root)
    if product is None or held.mark is None:
        return None
    return gross_usd(held.avg_price, held.mark, held.net_qty, product.point_value)


def _to_stops_usd(held: Holding) -> Usd | None:
    """The farthest stops count, should there be more of them than contracts."""
    product, side = PRODUCTS.get(held.root), 1 if held.net_qty > 0 else -1
    if product is None or held.mark is None:
        return None
    left, worst = abs(held.net_qty), side_usd(product) * abs(held.net_qty)
    for stop in sorted(held.stops, key=lambda each: each.price * side):
        qty = min(left, stop.qty_contracts)
        worst += _to_stop_usd(product, held, held.mark, qty, stop.price)
        left -= qty
    return worst if left == 0 else None


def _to_stop_usd(
    product: Product, held: Holding, mark: Decimal, qty_contracts: int, stop: Decimal
) -> Usd:
    """A stop that the market has passed already is being hit: the slippage is still to come."""
    action = Action.BUY if held.net_qty > 0 else Action.SELL
    ahead = min(stop, mark) if action is Action.BUY else max(stop, mark)
    return to_stop_usd(product, action, qty_contracts, mark, ahead, held.slippage_ticks)


def _untold_usd(contracts: Mapping[str, int] | None) -> Usd:
    found: Iterable[tuple[str, int]] = () if contracts is None else contracts.items()
    known = ((PRODUCTS[root], qty) for root, qty in found if root in PRODUCTS)
    return sum((side_usd(product) * qty for product, qty in known), _NOTHING)
