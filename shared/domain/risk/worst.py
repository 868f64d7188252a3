"""The worst case of a stop: what is lost when it is hit, slippage and fees included."""

from __future__ import annotations

from decimal import Decimal

from shared.domain.instruments import Product
from shared.domain.money import Usd
from shared.domain.order import Action


def to_stop_usd(
    product: Product,
    action: Action,
    qty_contracts: int,
    entry_price: Decimal,
    stop_price: Decimal,
    slippage_ticks: int,
) -> Usd:
    """What a position loses from its entry to its stop plus slippage, before fees.

    Negative where the stop stands in profit by more than the slippage.
    """
    points = (entry_price - stop_price) * action.sign + slippage_ticks * product.tick_size
    return points * product.point_value * qty_contracts


def by_ticks_usd(product: Product, qty_contracts: int, stop_ticks: int, slippage_ticks: int) -> Usd:
    """The same for an entry that has no price yet."""
    return (stop_ticks + slippage_ticks) * product.tick_value * qty_contracts
