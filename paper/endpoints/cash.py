"""Snapshots of money."""

from __future__ import annotations

from decimal import Decimal

from paper.calls import Call, Refusal, endpoint
from paper.ledger import Holding
from paper.venue import Venue
from shared.domain.money import EXACT, gross_usd, to_cents


@endpoint("cashBalance/getcashbalancesnapshot")
def get_cash_balance_snapshot(call: Call) -> object:
    """The account marked at the last trade. The first cut asks for no margin."""
    account_id = call.number("accountId")
    if call.venue.store.user_of(account_id) != call.user_id:
        raise Refusal(404, "Account is not found")
    cash = call.venue.trading.cashier.ledger.cash[account_id]
    open_usd = to_cents(open_pnl(call.venue, account_id))
    return {
        "totalCashValue": cash.amount_usd,
        "totalPnL": cash.realized_cents + open_usd,
        "initialMargin": Decimal("0.00"),
        "maintenanceMargin": Decimal("0.00"),
        "netLiq": cash.amount_usd + open_usd,
        "openPnL": open_usd,
        "realizedPnL": cash.realized_cents,
        "weekRealizedPnL": cash.week_realized_cents,
        "totalCashValueSOD": cash.start_of_day_usd,
        "cashUSD": cash.amount_usd,
        "cashSODUSD": cash.start_of_day_usd,
    }


def open_pnl(venue: Venue, account_id: int) -> Decimal:
    """Unrealised profit of every open lot of an account at the last price, exact."""
    holdings = venue.trading.cashier.ledger.holdings.items()
    total = Decimal(0)
    for (owner, contract_id), holding in holdings:
        if owner == account_id:
            total = EXACT.add(total, _open(venue, contract_id, holding))
    return total


def _open(venue: Venue, contract_id: int, holding: Holding) -> Decimal:
    product = venue.reference.must(contract_id).product
    last = venue.market.quote(product.root).last
    total = Decimal(0)
    for lot in holding.lots:
        signed = lot.side.sign * lot.qty
        total = EXACT.add(total, gross_usd(lot.price, last, signed, product.point_value))
    return total
