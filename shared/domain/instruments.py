"""Products: what a price step is worth, which months trade, when they end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import time
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from shared.domain.errors import InvalidInput
from shared.domain.money import EXACT, Usd
from shared.domain.product_table import DOUBTS, RULES, TABLE


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
    hours; `last_hour` in the zone `last_hour_zone` ends trading on the last trading day, None
    leaves it to the session; `tick_verified` (tick size and point value) and `rule_verified`
    (last trading day) are false where no source or differing ones were found; `micro_of` is the
    root of the large contract.
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
    last_hour: time | None
    last_hour_zone: str
    tick_verified: bool
    rule_verified: bool
    micro_of: str | None

    @property
    def tick_value(self) -> Usd:
        """US dollars for one tick of one contract, exact."""
        return EXACT.multiply(self.tick_size, self.point_value)

    @property
    def expiry_in_words(self) -> str:
        """Which day is the last trading day; one that is no business day moves ahead."""
        return _RULES[self.expiry]


@dataclass(frozen=True, slots=True)
class Difference:
    """A broker's figures that are not our table's; the broker's are the ones to trade on."""

    root: str
    tick_size_table: Decimal
    tick_size_broker: Decimal
    point_value_table: Decimal
    point_value_broker: Decimal

    @property
    def text(self) -> str:
        """One sentence for a person: what differs, ours and theirs."""
        pairs = (
            ("tick size", self.tick_size_table, self.tick_size_broker),
            ("value of a point in USD", self.point_value_table, self.point_value_broker),
        )
        parts = [
            f"{what} is {theirs:f} at the broker and {ours:f} in our table"
            for what, ours, theirs in pairs
            if ours != theirs
        ]
        return f"{self.root}: {'; '.join(parts)}."


def _read_table() -> Iterator[tuple[str, Product]]:
    for line in TABLE.strip().splitlines()[1:]:
        cells = (cell.strip() for cell in line.split("|"))
        root, name, exchange, tick, point, cycle, group, hours, expiry, *rest = cells
        ends, tick_ok, rule_ok, large = rest
        hour, _, city = ends.partition(" ")
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
                last_hour=time.fromisoformat(hour) if hour else None,
                last_hour_zone="Europe/London" if city else "America/Chicago",
                tick_verified=tick_ok == "y",
                rule_verified=rule_ok == "y",
                micro_of=large or None,
            ),
        )


def _read_doubts() -> Mapping[tuple[str, str], str]:
    rows = ([cell.strip() for cell in line.split("|")] for line in DOUBTS.strip().splitlines())
    return MappingProxyType({(root, what): why for root, what, why in rows})


def _read_rules() -> Mapping[ExpiryRule, str]:
    rows = ([cell.strip() for cell in line.split("|")] for line in RULES.strip().splitlines())
    return MappingProxyType({ExpiryRule(rule): words for rule, words in rows})


_DOUBTS: Final = _read_doubts()
_RULES: Final = _read_rules()
PRODUCTS: Final[Mapping[str, Product]] = MappingProxyType(dict(_read_table()))
_MICROS: Final = MappingProxyType(
    {product.micro_of: product.root for product in PRODUCTS.values() if product.micro_of}
)


def product_of(root: str) -> Product:
    """The product with this exact root; raises InvalidInput `symbol.unknown_root`."""
    product = PRODUCTS.get(root)
    if product is None:
        raise InvalidInput("symbol.unknown_root", f"No product has the root {root!r}.", root=root)
    return product


def sibling(root: str) -> str | None:
    """The micro of a large contract or the large one of a micro; None where there is no other.

    Raises InvalidInput `symbol.unknown_root`.
    """
    return product_of(root).micro_of or _MICROS.get(root)


def warning_of(product: Product) -> str | None:
    """What a trader of this product has to know of our data, or None when all of it is sourced."""
    doubts = [
        f"{what} ({_DOUBTS[product.root, cell]})"
        for is_verified, cell, what in (
            (product.tick_verified, "tick", "tick size and value of a point"),
            (product.rule_verified, "rule", "last trading day"),
        )
        if not is_verified
    ]
    return f"{product.root}: not verified: {'; '.join(doubts)}." if doubts else None


def with_broker_figures(
    product: Product, tick_size: Decimal, point_value: Decimal
) -> tuple[Product, Difference | None]:
    """The product as the broker states it, and what differs from the table, if anything.

    Figures that a broker confirms or corrects are verified. Raises InvalidInput
    `instrument.figures_invalid` for a figure that is not above zero.
    """
    if not (tick_size > 0 and point_value > 0):
        raise InvalidInput(
            "instrument.figures_invalid",
            f"{product.root} cannot have the tick {tick_size} and {point_value} USD a point.",
            root=product.root,
        )
    told = replace(product, tick_size=tick_size, point_value=point_value, tick_verified=True)
    if (tick_size, point_value) == (product.tick_size, product.point_value):
        return told, None
    return told, Difference(
        root=product.root,
        tick_size_table=product.tick_size,
        tick_size_broker=tick_size,
        point_value_table=product.point_value,
        point_value_broker=point_value,
    )
