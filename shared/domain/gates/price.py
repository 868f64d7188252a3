"""Is the price of a limit or stop entry possible? Judged only while a fresh quote is known.

A stop on the wrong side of the market would trade at once, or be rejected by the broker; so would
one at the quote itself. A limit there is merely filled well and passes.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from shared.domain.decision.entry import Entry
from shared.domain.gates.refusal import Refusal
from shared.domain.money import EXACT
from shared.domain.order import OrderType
from shared.domain.plan import Denied

STOP_SIDE: Final = Refusal(
    "price.stop_side",
    "the trigger of a stop entry and the quote",
    "{action} at a stop of {price}: the market is at {quote} already.",
)
BAND: Final = Refusal(
    "price.band",
    "the distance of a limit or stop entry from the quote, in percent of it",
    "{price} is more than {percent} % from the market, which is at {quote}.",
)
NO_OPPOSITE: Final = Refusal(
    "price.no_opposite",
    "the order type, for a strategy that trades against its alerts",
    "A {order} entry has no exact opposite to be traded instead.",
)
REFUSALS: Final = (NO_OPPOSITE, STOP_SIDE, BAND)


def without_opposite(entry: Entry) -> Denied | None:
    """An inverse strategy enters where its alert would have; no order sells where this one buys."""
    if entry.strategy.rules.inverse and entry.order_type is OrderType.STOP_LIMIT:
        return NO_OPPOSITE.deny(order=entry.order_type)
    return None


def stop_behind_market(entry: Entry) -> Denied | None:
    quote, trigger = entry.scene.quote, entry.stop_price
    if quote is None or trigger is None or (trigger - quote) * entry.action.sign > 0:
        return None
    return STOP_SIDE.deny(action=entry.action, price=trigger, quote=quote)


def out_of_band(entry: Entry) -> Denied | None:
    """The narrower of the strategy's band and the account's."""
    bands = [
        limits.price_band_percent
        for limits in (entry.strategy.rules.limits, entry.link.rules.limits)
        if limits.price_band_percent is not None
    ]
    quote = entry.scene.quote
    if quote is None or not bands:
        return None
    percent = min(bands)
    for price in (entry.price, entry.stop_price):
        if price is not None and _is_beyond(price, quote, percent):
            return BAND.deny(price=price, quote=quote, percent=percent)
    return None


def _is_beyond(price: Decimal, quote: Decimal, percent: Decimal) -> bool:
    """Exact, and right for prices below zero."""
    distance = EXACT.multiply(abs(EXACT.subtract(price, quote)), Decimal(100))
    return distance > EXACT.multiply(abs(quote), percent)
