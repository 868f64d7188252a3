"""Drives the Tradovate broker of the published package `lumibot` against the venue.

Its address is a public attribute that is read at each request; the constructor does not connect.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from lumibot.brokers.tradovate import (  # type: ignore[import-not-found]  # in its own environment
    Tradovate,
    TradovateAPIError,
)
from lumibot.entities import Asset, Order  # type: ignore[import-not-found]  # the same

from tests.wire.steps import eventually, run, setting, walk

NOT_OFFERED = {
    "time penalty": "it tells of captchas, and sends no ticket back",
    "modify": "the broker logs 'not yet implemented'",
    "oso": "single orders only",
    "oco": "single orders only",
    "strategies": "no order strategies",
    "fill pairs": "no such request",
    "authorise": "REST only: it polls",
    "sync": "REST only: it polls",
    "props": "REST only: it polls",
    "quotes": "its data source for Tradovate has none",
    "heartbeat": "REST only: it polls",
}


class Drive:
    def __init__(self) -> None:
        self.broker = self._made(setting("PASSWORD"))
        # A continuous future is resolved by the package: the front contract by its own calendar.
        self.asset = Asset("NQ", asset_type=Asset.AssetType.CONT_FUTURE)
        self.order: Any = None

    def login(self) -> None:
        assert "authentication failed" in self._refusal_of("wrong")
        self.broker._ensure_connected()
        assert self.broker.trading_token
        assert self.broker.market_token

    def accounts(self) -> None:
        assert self.broker.account_spec == "PAPER1"
        assert self.broker.account_id > 2**33
        assert self.broker.user_id > 0

    def place(self) -> None:
        walk("20000", "20000.25")
        self.order = self._submitted(side="buy", quantity=2, limit_price=19900)
        assert self._status(self.order) == "Working"

    def cancel(self) -> None:
        self.broker.cancel_order(self.order)
        eventually(lambda: self._status(self.order) == "Canceled", "cancelled order")

    def fills(self) -> None:
        # The package passes over fills from before its own start, which was just now.
        self.broker._fill_bootstrap_cutoff = datetime.now(UTC) - timedelta(minutes=1)
        order = self._submitted(side="buy", quantity=2)
        eventually(lambda: self._status(order) == "Filled", "filled order")
        price, qty = self.broker._fetch_recent_fill_details(order.identifier)
        assert (price, qty) == (20000.25, 2), (price, qty)

    def positions(self) -> None:
        [position] = self.broker._pull_positions("wire")
        assert position.quantity == 2, position
        assert position.asset.symbol == self._symbol(), position.asset.symbol
        assert position.avg_fill_price == 20000.25, position.avg_fill_price

    def contracts(self) -> None:
        [known] = self.broker._contract_cache.values()
        assert known["name"] == self._symbol(), known

    def cash_snapshot(self) -> None:
        walk("20010")
        cash, positions, total = self.broker._get_balances_at_broker(None, None)
        assert positions == 2 * 20 * 9.75, positions
        assert round(total - cash, 2) == positions, (cash, total)

    def _refusal_of(self, password: str) -> str:
        try:
            self._made(password)._ensure_connected()
        except TradovateAPIError as error:
            return str(error)
        return "accepted"

    def _made(self, password: str) -> Any:
        broker = Tradovate(
            config={
                "USERNAME": setting("USER"),
                "DEDICATED_PASSWORD": password,
                "CID": "8",
                "SECRET": "not-a-secret",
                "RATE_LIMIT_PER_MINUTE": 1000,
            },
            connect_stream=False,
        )
        broker.trading_api_url = f"http://{setting('VENUE')}/v1"
        return broker

    def _submitted(self, **terms: Any) -> Any:
        order = Order("wire", self.asset, **terms)
        self.broker._submit_order(order)
        if "rejected by Tradovate: Success" in str(order.error_message):
            # The package reads that word as a refusal; the order is accepted all the same.
            newest = max(row["id"] for row in self.broker._pull_broker_all_orders())
            order.set_identifier(str(newest))
        assert order.identifier.isdigit(), order.error_message
        return order

    def _status(self, order: Any) -> str:
        rows = self.broker._pull_broker_all_orders()
        [found] = [row["ordStatus"] for row in rows if str(row["id"]) == order.identifier]
        return str(found)

    def _symbol(self) -> str:
        return str(self.broker._resolve_tradovate_futures_symbol(self.asset))


if __name__ == "__main__":
    drive = Drive()
    run(
        {
            "login": drive.login,
            "accounts": drive.accounts,
            "place": drive.place,
            "cancel": drive.cancel,
            "fills": drive.fills,
            "positions": drive.positions,
            "contracts": drive.contracts,
            "cash snapshot": drive.cash_snapshot,
        },
        NOT_OFFERED,
    )
