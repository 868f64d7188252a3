"""What one side of one contract costs.

Three figures per contract and side, by size of the product, from the only quotation found of
Tradovate's published schedule (QuantConnect/Lean pull request 9137, 2025; plan not stated).
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from shared.domain.instruments import PRODUCTS, Product


class FeeGroup(StrEnum):
    MICRO = "micro"
    E_MINI = "e-mini"
    STANDARD = "standard"


FEE_USD: Final[Mapping[FeeGroup, Decimal]] = MappingProxyType(
    {
        FeeGroup.MICRO: Decimal("0.79"),
        FeeGroup.E_MINI: Decimal("1.29"),
        FeeGroup.STANDARD: Decimal("1.79"),
    }
)
_E_MINIS: Final = frozenset({"ES", "NQ", "RTY", "YM", "EMD"})


def _group(product: Product) -> FeeGroup:
    if product.micro_of is not None:
        return FeeGroup.MICRO
    return FeeGroup.E_MINI if product.root in _E_MINIS else FeeGroup.STANDARD


FEE_GROUPS: Final[Mapping[str, FeeGroup]] = MappingProxyType(
    {root: _group(product) for root, product in PRODUCTS.items()}
)


def fee_usd(root: str, qty: int) -> Decimal:
    """The commission of one fill of `qty` contracts, in whole cents."""
    return FEE_USD[FEE_GROUPS[root]] * qty
