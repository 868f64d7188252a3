"""Products: what a price step is worth, which months trade, when they end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from shared.domain.errors import InvalidInput
from shared.domain.money import EXACT, Usd
from shared.domain.product_table import TABLE


class ProductGroup(StrEnum):
    """Products that roll together."""

    INDEX = "index"
    FX = "fx"
    RATES = "rates"
    ENERGY = "energy"
    METALS = "metals"
    GRAINS = "grains"
    LIVESTOCK = "livestock"
    CRYPTO = "crypto"
    VOLATILITY = "volatility"


class ExpiryRule(StrEnum):
    """How the last trading day is found; `shared.domain.expiry` states each rule in words."""

    THIRD_FRIDAY = "third_friday"
    BEFORE_SECOND_FRIDAY = "before_second_friday"
    CRUDE = "crude"
    MICRO_CRUDE = "micro_crude"
    GAS = "gas"
    END_OF_PRIOR_MONTH = "end_of_prior_month"
    BRENT = "brent"
    THIRD_LAST_BUSINESS_DAY = "third_last_business_day"
    SEVEN_BEFORE_LAST = "seven_before_last"
    LAST_BUSINESS_DAY = "last_business_day"
    TWO_BEFORE_THIRD_WEDNESDAY = "two_before_third_wednesday"
    ONE_BEFORE_THIRD_WEDNESDAY = "one_before_third_wednesday"
    BEFORE_FIFTEENTH = "before_fifteenth"
    FEEDER_CATTLE = "feeder_cattle"
    TENTH_BUSINESS_DAY = "tenth_business_day"
    LAST_FRIDAY = "last_friday"
    VIX = "vix"


@dataclass(frozen=True, slots=True)
class Product:
    """One futures product. `tick_size` is in price units, `point_value` US dollars per 1.0.

    `cycle` holds the letters of the active delivery months; `hours` is the code of the trading
    hours; `verified` is false where sources differ on `tick_size` or `point_value`; `micro_of`
    is the root of the large contract.
    """

    root: str
    name: str
    exchange: str
    tick_size: Decimal
    point_value: Decimal
    cycle: str
    group: ProductGroup
    hours: str
    expiry: ExpiryRule
    verified: bool
    micro_of: str | None

    @property
    def tick_value(self) -> Usd:
        """US dollars for one tick of one contract, exact."""
        return EXACT.multiply(self.tick_size, self.point_value)


def _read_table() -> Iterator[tuple[str, Product]]:
    for line in TABLE.strip().splitlines()[1:]:
        root, name, exchange, tick, point, cycle, group, hours, expiry, ok, micro_of = (
            cell.strip() for cell in line.split("|")
        )
        yield (
            root,
            Product(
                root=root,
                name=name,
                exchange=exchange,
                tick_size=Decimal(tick),
                point_value=Decimal(point),
                cycle=cycle,
                group=ProductGroup(group),
                hours=hours,
                expiry=ExpiryRule(expiry),
                verified=ok == "y",
                micro_of=micro_of or None,
            ),
        )


PRODUCTS: Final[Mapping[str, Product]] = MappingProxyType(dict(_read_table()))


def product_of(root: str) -> Product:
    """The product with this exact root; raises InvalidInput `symbol.unknown_root`."""
    product = PRODUCTS.get(root)
    if product is None:
        raise InvalidInput("symbol.unknown_root", f"No product has the root {root!r}.", root=root)
    return product
