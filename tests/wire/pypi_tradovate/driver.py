"""Drives the published package `tradovate` (Python) against the venue.

It only reads: each of its actions passes `payload` to requests, which knows no such argument, so
nothing leaves. Orders come from the venue's control port, as a person would click them.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import CodeType, ModuleType
from typing import Any

from tests.wire.steps import NotOffered, control, run, setting, walk

ACCOUNT = "PAPER1"
SOCKET = "its socket module speaks to one hard-wired host while it is imported"


class Readdressed(SourceFileLoader):
    """Loads the package's sources with the broker's address exchanged for the venue's."""

    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        there = f"http://{setting('VENUE')}".encode()
        source = self.get_data(path).replace(b"https://demo.tradovateapi.com", there)
        return self.source_to_code(source, path)


class Finder(MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname.partition(".")[0] != "tradovate":
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.origin is not None:
            spec.loader = Readdressed(fullname, spec.origin)
        return spec


def loaded() -> Any:
    os.environ |= {
        "TO_ENV": "DEMO",
        "TO_NAME": setting("USER"),
        "TO_PASSWORD": setting("PASSWORD"),
        "TO_APPID": "wire",
        "TO_CID": "8",
        "TO_SEC": "not-a-secret",
    }
    sys.meta_path.insert(0, Finder())
    import tradovate  # type: ignore[import-not-found]  # in its own environment

    return tradovate


class Drive:
    def __init__(self) -> None:
        package = loaded()
        self.money, self.held = package.Accounting(), package.Positions()
        self.orders, self.library = package.Orders(), package.Contract_Library()
        self.account: Any = None
        self.contract: Any = None

    def login(self) -> None:
        self.money.account_list()
        assert self.money.session._accessToken["token"]
        assert self.money.session._accessToken["md_token"]

    def accounts(self) -> None:
        self.account = self.money.account_list()[0]
        assert self.account["name"] == ACCOUNT
        assert self.money.account_find(ACCOUNT) == self.account
        assert self.money.account_item(self.account["id"]) == self.account
        assert self.money.account_items([self.account["id"]]) == [self.account]
        assert self.money.cash_balance_dependents(self.account["id"])[0]["amount"] > 0

    def contracts(self) -> None:
        name = self.library.contract_suggest("NQ", 2)[1]["name"]
        self.contract = self.library.conteract_find(name)
        assert self.library.contract_item(self.contract["id"]) == self.contract
        maturity = self.library.contract_maturity_item(self.contract["contractMaturityId"])
        product = self.library.product_find("NQ")
        assert (product["id"], product["tickSize"]) == (maturity["productId"], 0.25)

    def fills(self) -> None:
        walk("20000", "20000.25")
        self._clicked("Buy", 2)
        self._clicked("Sell", 1)
        fills = self.orders.fill_list()
        assert [fill["qty"] for fill in fills] == [2, 1], fills
        assert self.orders.fill_dependents(fills[0]["orderId"]) == [fills[0]]
        assert self.orders.fill_fee_item(fills[0]["id"])["commission"] > 0
        assert self.orders.order_item(fills[0]["orderId"])["ordStatus"] == "Filled"

    def positions(self) -> None:
        [position] = self.held.position_list()
        assert (position["netPos"], position["netPrice"]) == (1, 20000.25), position
        assert self.held.position_item(position["id"]) == position

    def fill_pairs(self) -> None:
        [pair] = self.held.fill_pair_list()
        assert (pair["qty"], pair["buyPrice"], pair["sellPrice"]) == (1, 20000.25, 20000), pair
        assert self.held.fill_pair_item(pair["id"]) == pair

    def cash_snapshot(self) -> None:
        unsendable(lambda: self.money.cash_balance_snapshot(self.account["id"]))

    def place(self) -> None:
        unsendable(lambda: self.orders.place_order("Buy", "NQ", 1, "Market"))

    def modify(self) -> None:
        unsendable(lambda: self.orders.modify_order(1, 1, "Market"))

    def cancel(self) -> None:
        unsendable(lambda: self.orders.cancel_order(1))

    def strategies(self) -> None:
        assert self.orders.order_strategy_list() == []
        unsendable(lambda: self.orders.start_order_strategy("NQ", 2, "Buy"))

    def _clicked(self, action: str, qty: int) -> None:
        control("manual", account=ACCOUNT, symbol=self.contract["name"], action=action, qty=qty)


def unsendable(act: Callable[[], Any]) -> None:
    """The package fails before anything leaves it; if it ever does not, the step has failed."""
    try:
        act()
    except TypeError as error:
        if "payload" in str(error):
            raise NotOffered("its own call of requests fails, nothing is sent") from error
        raise
    raise AssertionError("the request left; this step can be run")


if __name__ == "__main__":
    drive = Drive()
    run(
        {
            "login": drive.login,
            "accounts": drive.accounts,
            "contracts": drive.contracts,
            "fills": drive.fills,
            "positions": drive.positions,
            "fill pairs": drive.fill_pairs,
            "cash snapshot": drive.cash_snapshot,
            "place": drive.place,
            "modify": drive.modify,
            "cancel": drive.cancel,
            "strategies": drive.strategies,
        },
        {
            "time penalty": "it knows no tickets",
            "oso": "as place",
            "oco": "as place",
            **dict.fromkeys(("authorise", "sync", "props", "quotes", "heartbeat"), SOCKET),
        },
    )
