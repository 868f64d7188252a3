"""What closing a worst case costs at most, before the broker has told its own fees.

An estimate for judging risk only: books take the fees of the fills. The figures lie above every
published all-in rate for one side that we found (Tradovate's commission with exchange, clearing
and NFA fees, free plan: under 1 USD for a micro, under 5 USD for a full-size contract).
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from shared.domain.instruments import Product
from shared.domain.money import Usd

_MICRO_SIDE_USD: Final = Decimal("1.00")
_SIDE_USD: Final = Decimal("5.00")


def side_usd(product: Product) -> Usd:
    """At most this for one contract bought or sold."""
    return _SIDE_USD if product.micro_of is None else _MICRO_SIDE_USD


def round_turn_usd(product: Product) -> Usd:
    """For one contract opened and closed."""
    return 2 * side_usd(product)
