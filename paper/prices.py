"""Made-up prices: a seeded random walk on the tick grid for every family of products."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from random import Random
from types import MappingProxyType
from typing import Final

from shared.domain.instruments import PRODUCTS
from shared.domain.price import Rounding, offset, snap

# Round figures of the right size, so that screens look real; nothing depends on them.
_STARTS: Final = """
ES 6800, NQ 25000, RTY 2450, YM 47500, EMD 3300, NKD 50000, CL 60, NG 4, HO 2.4, RB 1.9, BZ 64,
GC 4100, SI 50, HG 5, PL 1550, PA 1400, ZB 117, UB 121, ZN 112.5, TN 115, ZF 109, ZT 104, 6E 1.16,
6J 0.0065, 6B 1.31, 6A 0.65, 6C 0.71, 6S 1.25, 6N 0.57, 6M 0.054, ZC 430, ZW 530, KE 520, ZS 1120,
ZM 315, ZL 50, ZO 300, LE 215, GF 330, HE 80, BTC 95000, ETH 3100, DX 99.5, VX 20
"""
START_PRICES: Final[Mapping[str, Decimal]] = MappingProxyType(
    {root: Decimal(price) for root, price in (item.split() for item in _STARTS.split(","))}
)
_ANY_PRICE: Final = Decimal(100)
_STEPS: Final = (-2, -1, -1, -1, 0, 0, 1, 1, 1, 2)
# How far from its start a walk may get, in ticks, before it leans back.
_TETHER_TICKS: Final = 400


def start_price(family: str) -> Decimal:
    """Where a family begins, on its tick."""
    price = START_PRICES.get(family, _ANY_PRICE)
    return snap(price, PRODUCTS[family].tick_size, Rounding.NEAREST)


class Walk:
    """Steps of at most two ticks, leaning back to the start; the same seed gives the same path."""

    def __init__(self, family: str, seed: int) -> None:
        self._tick_size = PRODUCTS[family].tick_size
        self._start = start_price(family)
        # Prices on a screen, not secrets; and a str seed is stable between processes.
        self._random = Random(f"{seed}:{family}")  # noqa: S311 - a reproducible walk is wanted

    def next(self, last: Decimal) -> Decimal:
        """The price after `last`, above zero."""
        step = self._random.choice(_STEPS)
        away = (last - self._start) / self._tick_size
        if abs(away) > _TETHER_TICKS and self._random.random() < abs(away) / (8 * _TETHER_TICKS):
            step = -1 if away > 0 else 1
        price = offset(last, step, self._tick_size)
        return price if price > 0 else last
