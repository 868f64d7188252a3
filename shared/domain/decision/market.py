"""Which contract an alert means in one account."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from shared.domain.alert_signal import Signal
from shared.domain.calendar import front_month
from shared.domain.instruments import product_of
from shared.domain.strategy import AccountLink, Strategy
from shared.domain.symbols import read_symbol


@dataclass(frozen=True, slots=True)
class Market:
    root: str
    contract: str


def market_of(signal: Signal, strategy: Strategy, link: AccountLink, on: date) -> Market | None:
    """Where an entry would go on trade date `on`; the account's custom ticker wins (M49).

    None when nobody names a symbol. Raises `InvalidInput` for a symbol that cannot be read.
    """
    text = link.custom_ticker or signal.symbol or strategy.symbol
    if text is None:
        return None
    symbol = read_symbol(text, on)
    if symbol.contract is not None:
        return Market(symbol.root, symbol.contract.name)
    month = front_month(product_of(symbol.root), on, symbol.continuous or 1)
    return Market(symbol.root, month.name)
