"""Snapshots of money."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Final

from paper.calls import Call, Refusal, endpoint
from shared.domain.money import to_cents

_ZERO: Final = Decimal("0.00")
_CHANGE_USD_MAX: Final = Decimal(50_000)
_CHANGE_EVERY: Final = timedelta(hours=1)
_COMMENT_MAX: Final = 64


@endpoint("cashBalance/getcashbalancesnapshot")
def get_cash_balance_snapshot(call: Call) -> object:
    """The account marked at the last trade."""
    account_id = call.number("accountId")
    _own(call, account_id)
    valuation = call.venue.risk.valuation
    cash = call.venue.trading.cashier.ledger.cash[account_id]
    open_usd, asked = to_cents(valuation.open_pnl(account_id)), valuation.required(account_id)
    return {
        "totalCashValue": cash.amount_usd,
        "totalPnL": cash.realized_cents + open_usd,
        "initialMargin": asked.day_usd,
        "maintenanceMargin": asked.day_usd,
        "netLiq": cash.amount_usd + open_usd,
        "netLiqSOD": cash.start_of_day_usd,
        "fullInitialMargin": asked.initial_usd,
        "fullInitialMarginSOD": _ZERO,
        "autoLiqLevel": asked.day_usd,
        "currencyCashAvailWithdrawalUSD": max(_ZERO, cash.amount_usd - asked.initial_usd),
        "openPnL": open_usd,
        "realizedPnL": cash.realized_cents,
        "weekRealizedPnL": cash.week_realized_cents,
        "totalCashValueSOD": cash.start_of_day_usd,
        "cashUSD": cash.amount_usd,
        "cashSODUSD": cash.start_of_day_usd,
    }


@endpoint("cashBalance/changedemobalance")
def change_demo_balance(call: Call) -> object:
    """Put money in or take it out: once an hour for each account, at most 50,000 USD."""
    account_id, venue = call.number("accountId"), call.venue
    _own(call, account_id)
    change = call.decimal("cashChange")
    if abs(change) > _CHANGE_USD_MAX:
        return {"errorText": f"At most {_CHANGE_USD_MAX} USD at a time"}
    now = venue.clock.now()
    if venue.trading.cashier.moved_since(account_id, now - _CHANGE_EVERY):
        return {"errorText": "The balance was changed within the last hour"}
    comment = call.params.get("comment")
    venue.trading.cashier.move(
        account_id, change, now, None if comment is None else str(comment)[:_COMMENT_MAX]
    )
    venue.risk.note_margin(account_id, now)
    return {}


def _own(call: Call, account_id: int) -> None:
    if call.venue.store.user_of(account_id) != call.user_id:
        raise Refusal(404, "Account is not found")
