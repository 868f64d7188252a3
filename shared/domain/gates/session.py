"""The exchange's own calendar: sessions, and the end of a contract.

A broker takes no new position in a contract that is about to end; from how many days before is a
setting of its risk desk and not published. We refuse from one business day before the last
trading day (our decision), so that nothing is entered that must be left at once.
"""

from __future__ import annotations

from typing import Final

from shared.domain.business_days import business_days_before
from shared.domain.calendar import last_trading_day
from shared.domain.decision.entry import Entry
from shared.domain.gates.refusal import Refusal
from shared.domain.instruments import product_of
from shared.domain.plan import Denied
from shared.domain.sessions import is_open, next_open
from shared.domain.symbols import parse_contract

_LIQUIDATION_DAYS: Final = 1

CLOSED: Final = Refusal(
    "session.closed",
    "the sessions of the product",
    "{root} does not trade now; its market opens at {next_open}.",
)
_LAST_DAY: Final = "the trade date and the contract's last trading day"
EXPIRED: Final = Refusal(
    "contract.expired", _LAST_DAY, "{contract} has ended; its last trading day was {last}."
)
ENDS_TODAY: Final = Refusal(
    "contract.last_day", _LAST_DAY, "{contract} trades for the last time on {last}, today."
)
LIQUIDATION: Final = Refusal(
    "contract.liquidation_only",
    f"{_LAST_DAY}, less {_LIQUIDATION_DAYS} business day",
    "{contract} ends on {last}: positions in it are only closed now.",
)
REFUSALS: Final = (CLOSED, EXPIRED, ENDS_TODAY, LIQUIDATION)


def contract_ends(entry: Entry) -> Denied | None:
    on, product = entry.scene.on, product_of(entry.root)
    month = parse_contract(entry.contract, on)
    last = last_trading_day(product, month.year, month.month)
    if on < business_days_before(last, _LIQUIDATION_DAYS):
        return None
    refusal = LIQUIDATION if on < last else ENDS_TODAY if on == last else EXPIRED
    return refusal.deny(contract=entry.contract, last=last, on=on)


def market_closed(entry: Entry) -> Denied | None:
    """Only for a venue that keeps the exchange's hours."""
    product, now = product_of(entry.root), entry.scene.now
    if not entry.scene.keeps_hours or is_open(product, now):
        return None
    return CLOSED.deny(root=entry.root, now=now, next_open=next_open(product, now))
