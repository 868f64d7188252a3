"""Our tables beside what the broker says: where they differ, somebody must hear of it.

Tick and point value are taken from the broker (`contracts`, read wherever legs are priced). Which
contract is in front stays ours, because alerts mean the chart's: a difference is only told.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from shared.domain.instruments import PRODUCTS, with_broker_figures
from shared.ports.broker import ContractInfo, FrontContract

FIGURES_DIFFER: Final = "instrument.figures_differ"
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
    return [] if difference is None else [Differs(FIGURES_DIFFER, difference.text)]


def front_difference(ours: str, theirs: FrontContract) -> Differs | None:
    """In the week of a roll the broker may be a contract ahead of or behind our calendar."""
    if ours == theirs.contract.name:
        return None
    after = "" if theirs.rolls_into is None else f", which rolls into {theirs.rolls_into}"
    words = f"In front is {theirs.contract.name} at the broker{after}, and {ours} in our table."
    return Differs(FRONT_DIFFERS, words)
