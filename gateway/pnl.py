"""What an open position is worth at the last price. Pure."""

from __future__ import annotations

from decimal import Decimal

from shared.contracts.positions import PositionChanged
from shared.contracts.ws import PnlData
from shared.domain.money import Usd, gross_usd, to_cents
from shared.streams.quotes import Quote

_NOTHING = Decimal("0.00")


def unrealised_usd(
    net_qty: int, avg_price: Decimal | None, last_price: Decimal, point_value_usd: Decimal
) -> Usd:
    """Profit before fees if it were closed at `last_price`, rounded once to the cent.

    `net_qty` is negative for a short; a flat position is worth nothing whatever the price.
    """
    if net_qty == 0 or avg_price is None:
        return _NOTHING
    return to_cents(gross_usd(avg_price, last_price, net_qty, point_value_usd))


def pnl_of(position: PositionChanged, quote: Quote) -> PnlData:
    """The figure with everything needed to judge it: its price, that price's age and source."""
    return PnlData(
        account_id=position.account_id,
        strategy_id=position.strategy_id,
        contract=position.contract,
        net_qty=position.net_qty,
        avg_price=position.avg_price,
        last_price=quote.price,
        price_at=quote.at,
        price_source=quote.source,
        unrealised_usd=unrealised_usd(
            position.net_qty, position.avg_price, quote.price, position.point_value_usd
        ),
    )
