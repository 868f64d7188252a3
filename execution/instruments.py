"""Our tables beside what the broker says: where they differ, somebody must hear of it.

Tick and point value are taken from the broker (`contracts`, read wherever legs are priced). Which
contract is in front stays ours, because alerts mean the chart's: a difference is only told.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from shared.domain.calendar import last_trading_day
from shared.domain.instruments import PRODUCTS, Product, with_broker_figures
from shared.domain.symbols import read_symbol
from shared.ports.broker import ContractInfo, FrontContract

FIGURES_DIFFER: Final = "instrument.figures_differ"
EXPIRY_DIFFERS: Final = "instrument.expiry_differs"
FRONT_DIFFERS: Final = "instrument.front_differs"


@dataclass(frozen=True, slots=True)
class Differs:
    code: str
    words: str


def differences(info: ContractInfo) -> list[Differs]:
    """Figures of the broker that are not our table's; none for a product not in it."""
    product = PRODUCTS.get(info.root)
    if product is None:
        return []
    _, difference = with_broker_figures(product, info.tick_size, info.point_value_usd)
    figures = [] if difference is None else [Differs(FIGURES_DIFFER, difference.text)]
    return [*figures, *_other_last_day(product, info)]


def _other_last_day(product: Product, info: ContractInfo) -> Iterator[Differs]:
    """The calendar stays ours: no source says what the broker's date means to the hour."""
    if info.expires_on is None:
        return
    contract = read_symbol(info.name, info.expires_on).contract
    if contract is None:
        return
    ours = last_trading_day(product, contract.year, contract.month)
    if ours != info.expires_on:
        words = f"{info.name} ends on {info.expires_on} at the broker and on {ours} in our table."
        yield Differs(EXPIRY_DIFFERS, words)


def front_difference(ours: str, theirs: FrontContract) -> Differs | None:
    """In the week of a roll the broker may be a contract ahead of or behind our calendar."""
    if ours == theirs.contract.name:
        return None
    after = "" if theirs.rolls_into is None else f", which rolls into {theirs.rolls_into}"
    words = f"In front is {theirs.contract.name} at the broker{after}, and {ours} in our table."
    return Differs(FRONT_DIFFERS, words)
