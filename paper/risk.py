"""The risk desk: what may be ordered, and who is liquidated."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from msgspec.structs import replace

from paper.checks import Refused
from paper.policy import Policy
from paper.reference import Instrument
from paper.rows import AccountRiskStatus, MarginSnapshot, UserAccountAutoLiq, stamp
from paper.scribe import NewOrder
from paper.store import Store
from paper.valuation import Valuation
from shared.domain.calendar import trade_date

NORMAL: Final = "Normal"
LIQUIDATE: Final = "LiquidateImmediately"
_LOCKED: Final = {
    "LockTradingImmediately": "TradingLocked",
    "LiquidateOnlyModeImmediately": "LiquidationOnly",
    LIQUIDATE: "LiquidationOnly",
}
_DAY_PERIOD: Final = 1


@dataclasses.dataclass(slots=True)
class Risk:
    """Writes the rows of risk; asks `valuation` for every figure."""

    store: Store
    valuation: Valuation
    policy: Policy

    def open(self, account_id: int, now: datetime) -> None:
        """The rows every account has from its first day on, where they are missing."""
        if self.store.get(AccountRiskStatus, account_id) is None:
            self.store.put(AccountRiskStatus(id=account_id, admin_action=NORMAL), account_id)
            self.store.put(UserAccountAutoLiq(id=account_id, changes_locked=False), account_id)
            self.note_margin(account_id, now)

    def note_margin(self, account_id: int, now: datetime) -> None:
        """The margin snapshot after a fill or a change of cash."""
        asked = self.valuation.required(account_id)
        self.store.put(
            MarginSnapshot(
                id=account_id,
                timestamp=stamp(now),
                risk_time_period_id=_DAY_PERIOD,
                initial_margin=asked.day_usd,
                maintenance_margin=asked.day_usd,
                auto_liq_level=asked.day_usd,
                liq_only_level=asked.day_usd,
                total_used_margin=asked.day_usd,
                full_initial_margin=asked.initial_usd,
                position_margin=asked.day_usd,
                total_used_full_margin=asked.maintenance_usd,
            ),
            account_id,
        )

    # ---- before an order

    def refuse_at_once(self, new: NewOrder, now: datetime) -> None:
        """Raises Refused for what the request itself is answered with."""
        instrument = self.valuation.reference.must(new.contract_id)
        self.refuse_closed(new.contract_id, now)
        self._refuse_size(new.terms.qty)
        self._refuse_opening(new, instrument, now)

    def _refuse_size(self, qty: int) -> None:
        most = self.policy.order_qty_max
        if most is not None and qty > most:
            raise Refused("MaxOrderQtyLimitReached", f"At most {most} contracts in one order")

    def _refuse_opening(self, new: NewOrder, instrument: Instrument, now: datetime) -> None:
        closes_only = instrument.last_day - timedelta(days=self.policy.expiry_days)
        if self._opens(new) and trade_date(now) >= closes_only:
            raise Refused(
                "LiquidationOnlyBeforeExpiration", f"{instrument.name} is about to expire"
            )

    def refuse_closed(self, contract_id: int, now: datetime) -> None:
        """Raises Refused SessionClosed while the contract does not trade and hours are kept."""
        instrument = self.valuation.reference.must(contract_id)
        if self.policy.sessions and not instrument.trades(now):
            raise Refused("SessionClosed", f"{instrument.name} does not trade now")

    def rejection(self, new: NewOrder) -> Refused | None:
        """Why the risk check rejects an order that was taken; None when it passes."""
        if not self._opens(new):
            return None
        status = self.store.must(AccountRiskStatus, new.account_id).admin_action or NORMAL
        if status in _LOCKED:
            return Refused(_LOCKED[status], f"The account is in state {status}")
        after = abs(self._after(new))
        if self.policy.position_max is not None and after > self.policy.position_max:
            return Refused("MaxPosLimitReached", f"At most {self.policy.position_max} contracts")
        asked = self.valuation.required(new.account_id, {new.contract_id: after}).day_usd
        if self.policy.margin and asked > self.valuation.net_liq(new.account_id):
            return Refused("NotEnoughLiquidity", f"{asked} USD of margin are asked for")
        return None

    def rejection_of_change(self, new: NewOrder, filled_qty: int, now: datetime) -> Refused | None:
        """The same of an order as a modification would make it.

        Raises Refused for what the request itself is answered with. An exit that hangs on an
        entry opens nothing, whatever is held while it waits.
        """
        self.refuse_closed(new.contract_id, now)
        self._refuse_size(new.terms.qty)
        if new.parent_id is not None:
            return None
        left = dataclasses.replace(
            new, terms=dataclasses.replace(new.terms, qty=new.terms.qty - filled_qty)
        )
        self._refuse_opening(left, self.valuation.reference.must(new.contract_id), now)
        return self.rejection(left)

    # ---- after a trade

    def breached(self, account_ids: Sequence[int]) -> Iterator[int]:
        """Accounts that the venue liquidates now: under their margin or over their own limits."""
        if not self.policy.margin:
            return
        for account_id in account_ids:
            asked = self.valuation.required(account_id).day_usd
            if asked and (
                self.valuation.net_liq(account_id) < asked or self._over_limit(account_id)
            ):
                yield account_id

    def mark(self, account_id: int, action: str, now: datetime) -> None:
        """Put an account into an administrative state, NORMAL included."""
        status = self.store.must(AccountRiskStatus, account_id)
        if status.admin_action != action:
            status = replace(status, admin_action=action, admin_timestamp=stamp(now))
            self.store.put(status, account_id)

    def lift(self, now: datetime) -> None:
        """A new trading day frees the accounts that were liquidated."""
        for status in list(self.store.all(AccountRiskStatus)):
            if status.admin_action == LIQUIDATE:
                self.mark(status.id, NORMAL, now)

    def _over_limit(self, account_id: int) -> bool:
        limits, pnl = (
            self.store.must(UserAccountAutoLiq, account_id),
            self.valuation.day_pnl(account_id),
        )
        loss, profit = limits.daily_loss_auto_liq, limits.daily_profit_auto_liq
        return _reached(-pnl, loss) or _reached(pnl, profit)

    def _opens(self, new: NewOrder) -> bool:
        return abs(self._after(new)) > abs(self._net(new))

    def _after(self, new: NewOrder) -> int:
        return self._net(new) + new.side.sign * new.terms.qty

    def _net(self, new: NewOrder) -> int:
        holding = self.valuation.ledger.holdings.get((new.account_id, new.contract_id))
        return 0 if holding is None else holding.net


def _reached(figure: Decimal, limit: Decimal | None) -> bool:
    return limit is not None and figure >= limit
