"""What a position must be covered with. The figures are ours, of the right size.

NQ and ES are those of a sample of 2022; the others are a share of the value at the walk's start,
in whole tens. A micro asks for a tenth, as its contract is a tenth.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from paper.prices import start_price
from shared.domain.instruments import PRODUCTS, Product

_SHARE: Final = Decimal("0.06")
_TENS: Final = Decimal(10)
_MAINTENANCE: Final = Decimal("0.9")
_DAY_USD: Final = Decimal(500)
_DAY_MICRO_USD: Final = Decimal(50)


@dataclass(frozen=True, slots=True)
class Margin:
    """US dollars for one contract: overnight, to keep it, and within the day."""

    initial_usd: Decimal
    maintenance_usd: Decimal
    day_usd: Decimal


_SAMPLED: Final = {
    "NQ": Margin(Decimal(17_050), Decimal(15_500), _DAY_USD),
    "ES": Margin(Decimal(12_320), Decimal(11_200), _DAY_USD),
}


def _margin(product: Product) -> Margin:
    if product.root in _SAMPLED:
        return _SAMPLED[product.root]
    if product.micro_of is not None:
        large = _margin(PRODUCTS[product.micro_of])
        return Margin(large.initial_usd / 10, large.maintenance_usd / 10, _DAY_MICRO_USD)
    value = start_price(product.root) * product.point_value * _SHARE
    initial = max(_TENS, (value / _TENS).to_integral_value() * _TENS)
    return Margin(initial, initial * _MAINTENANCE, _DAY_USD)


MARGINS: Final[Mapping[str, Margin]] = MappingProxyType(
    {root: _margin(product) for root, product in PRODUCTS.items()}
)
