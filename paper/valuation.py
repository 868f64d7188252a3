"""What an account is worth at the last trades, and what its positions must be covered with."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from paper.ledger import Holding, Ledger
from paper.margins import MARGINS
from paper.market import Market
from paper.reference import Reference
from shared.domain.money import EXACT, gross_usd, to_cents

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Requirement:
    """US dollars asked of an account for all its positions."""

    initial_usd: Decimal = ZERO
    maintenance_usd: Decimal = ZERO
    day_usd: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class Valuation:
    """Reads the ledger and the market; changes nothing."""

    ledger: Ledger
    market: Market
    reference: Reference

    def open_pnl(self, account_id: int) -> Decimal:
        """Unrealised profit of every open lot at the last price, exact."""
        total = ZERO
        for (owner, contract_id), holding in self.ledger.holdings.items():
            if owner == account_id and holding.lots:
                total = EXACT.add(total, self._open(contract_id, holding))
        return total

    def net_liq(self, account_id: int) -> Decimal:
        return self.ledger.cash[account_id].amount_usd + to_cents(self.open_pnl(account_id))

    def day_pnl(self, account_id: int) -> Decimal:
        """Everything gained or lost since the trading day began, fees included."""
        return self.net_liq(account_id) - self.ledger.cash[account_id].start_of_day_usd

    def required(self, account_id: int, instead: dict[int, int] | None = None) -> Requirement:
        """For the positions as they are, or with other quantities for some contracts."""
        nets = {
            contract_id: holding.net
            for (owner, contract_id), holding in self.ledger.holdings.items()
            if owner == account_id
        }
        nets |= instead or {}
        asked = [(MARGINS[self._root(c)], abs(net)) for c, net in nets.items() if net]
        return Requirement(
            sum((m.initial_usd * qty for m, qty in asked), ZERO),
            sum((m.maintenance_usd * qty for m, qty in asked), ZERO),
            sum((m.day_usd * qty for m, qty in asked), ZERO),
        )

    def _root(self, contract_id: int) -> str:
        return self.reference.must(contract_id).product.root

    def _open(self, contract_id: int, holding: Holding) -> Decimal:
        product = self.reference.must(contract_id).product
        last = self.market.quote(product.root).last
        total = ZERO
        for lot in holding.lots:
            signed = lot.side.sign * lot.qty
            total = EXACT.add(total, gross_usd(lot.price, last, signed, product.point_value))
        return total
