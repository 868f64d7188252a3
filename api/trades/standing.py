"""How an open trade stands at the last price. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from shared.domain.money import EXACT, gross_usd, to_cents

# An older price says nothing of now, and no figure is made of it.
PRICE_AGE_MAX: Final = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Held:
    """`qty` is negative for a short; no price was seen where `seen_at` is None."""

    qty: int
    entry_price: Decimal
    entry_at: datetime
    stop_price: Decimal | None
    target_price: Decimal | None
    bid: Decimal | None
    ask: Decimal | None
    seen_at: datetime | None
    point_value_usd: Decimal

    def price(self, now: datetime) -> Decimal | None:
        """Where it could be closed: a long at the bid. None without a price that is fresh."""
        if self.seen_at is None or now - self.seen_at > PRICE_AGE_MAX:
            return None
        return self.bid if self.qty > 0 else self.ask


def standing(held: Held, now: datetime) -> dict[str, Any]:
    """The fields of `OpenTradeOut` that follow from the price and the time."""
    price = held.price(now)
    return {
        "last_price": price,
        "price_at": None if price is None else held.seen_at,
        "unrealised": None if price is None else _worth(held, price),
        "to_stop": _left(held.qty, held.stop_price, price),
        "to_target": _left(-held.qty, held.target_price, price),
        "open_s": max(0, int((now - held.entry_at).total_seconds())),
    }


def _worth(held: Held, price: Decimal) -> Decimal:
    return to_cents(gross_usd(held.entry_price, price, held.qty, held.point_value_usd))


def _left(side: int, level: Decimal | None, price: Decimal | None) -> Decimal | None:
    """From the price down to the level where `side` is above zero, else up."""
    if level is None or price is None:
        return None
    return EXACT.subtract(price, level) if side > 0 else EXACT.subtract(level, price)
