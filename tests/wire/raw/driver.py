"""Our third client: written from Tradovate's documentation alone, importing nothing of the product.

It is stricter than the others: every required field of an entity, every cent.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from tests.wire.raw.fields import required
from tests.wire.raw.wire import HEARTBEAT_S, RefusedError, Rest, Socket
from tests.wire.steps import control, eventually, run, setting, walk

Json = Any


class Drive:
    def __init__(self) -> None:
        self.rest = Rest(setting("VENUE"))
        self.user = Socket(setting("VENUE"))
        self.login_answer: Json = None
        self.account: Json = None
        self.contract: Json = None
        self.order_id = 0
        self.start_usd = Decimal(0)

    # ---- reading

    def login(self) -> None:
        login = {
            "name": setting("USER"),
            "appId": "wire",
            "appVersion": "1.0",
            "deviceId": "d" * 64,
        }
        wrong = self.rest.post("auth/accesstokenrequest", **login, password="wrong")
        assert set(wrong) == {"errorText"}, wrong
        login |= {"password": setting("PASSWORD"), "cid": 8, "sec": "not-a-secret"}  # type: ignore[dict-item]  # cid is a number here
        as_form = self.rest.post_form("auth/accessTokenRequest", **login)
        assert as_form["userStatus"] == "Active", as_form
        answer = self.rest.post("auth/accesstokenrequest", **login)
        assert answer["mdAccessToken"] != answer["accessToken"]
        assert datetime.fromisoformat(answer["expirationTime"]) > datetime.now(UTC)
        refused(401, lambda: self.rest.get("account/list"))
        self.rest.token = answer["accessToken"]
        self.login_answer = self.rest.get("auth/renewaccesstoken")
        refused(401, lambda: self.rest.get("auth/me"))  # the new token replaced the old one
        self.rest.token = f'"{self.login_answer["accessToken"]}"'  # quoted ones are taken too
        assert self.rest.get("auth/me")["userId"] == answer["userId"]

    def time_penalty(self) -> None:
        """Not executed; repeated with the ticket after the time, it is. Too early costs another."""
        control("fault", name="time_penalty", on="login", p_time=0.2)
        login = {"name": setting("USER"), "password": setting("PASSWORD")}
        penalty = self.rest.post("auth/accesstokenrequest", **login)
        assert penalty.keys() == {"p-ticket", "p-time"}, penalty
        early = self.rest.post("auth/accesstokenrequest", **login, **ticket_of(penalty))
        assert 0 < early["p-time"] <= 0.2, early
        time.sleep(early["p-time"])
        answer = self.rest.post("auth/accesstokenrequest", **login, **ticket_of(early))
        assert answer["userId"] == self.login_answer["userId"], answer

    def accounts(self) -> None:
        rows = self.rest.get("account/list")
        self.account = rows[0]
        required("account", rows)
        assert self.account["userId"] == self.login_answer["userId"]
        assert self.account["id"] > 2**33, "ids must not fit 32 bits"
        assert self.rest.get("Account/Find", name=self.account["name"]) == self.account
        ids = ",".join(str(row["id"]) for row in rows)
        assert self.rest.get("account/items", ids=ids) == rows
        assert self.rest.get("account/deps", masterid=self.account["userId"]) == rows
        refused(404, lambda: self.rest.get("account/item", id=1))
        self.start_usd = money(self._snapshot()["totalCashValue"])

    def contracts(self) -> None:
        first, second = self.rest.get("contract/suggest", t="NQ", l=2)
        # The front month is closed to new positions shortly before its end; the next one is not.
        self.contract = self.rest.get("contract/find", name=second["name"])
        maturity = self.rest.get("contractMaturity/item", id=second["contractMaturityId"])
        product = self.rest.get("product/item", id=maturity["productId"])
        required("contract", [first, second])
        required("contractMaturity", [maturity])
        required("product", [product])
        assert (product["name"], product["tickSize"], product["valuePerPoint"]) == ("NQ", 0.25, 20)
        assert second["id"] != first["id"]
        rolled = self.rest.post("contract/rollcontract", name=first["name"], forward=True)
        assert rolled["contract"] == second
        refused(404, lambda: self.rest.get("contract/find", name="NQ"))
        refused(404, lambda: self.rest.get("contract/list"))

    # ---- orders over REST

    def place(self) -> None:
        walk("20000", "20000.25")
        marks = {"clOrdId": "k" * 26, "text": "t" * 64, "customTag50": "c" * 50}
        self.order_id = self._place("Buy", "Limit", 2, price=19900, **marks)
        order = self._becomes(self.order_id, "Working")
        [version] = self.rest.get("orderVersion/deps", masterid=self.order_id)
        [command] = self.rest.get("command/deps", masterid=self.order_id)
        required("order", [order])
        required("orderVersion", [version])
        required("command", [command])
        assert version["id"] == command["id"], "a version has the id of its command"
        assert (version["price"], version["text"]) == (19900, "t" * 64), version
        assert (command["clOrdId"], command["customTag50"]) == ("k" * 26, "c" * 50), command
        assert not {"price", "orderQty", "clOrdId", "text"} & order.keys(), order
        refusal = self.rest.post("order/placeorder", **self._terms("Buy", "Limit", 1, price=1.1))
        assert refusal["failureReason"] == "InvalidPrice", refusal
        assert "orderId" not in refusal, refusal
        assert self.rest.post("order/placeorder", symbol=self.contract["name"])["violations"]

    def modify(self) -> None:
        again = {"orderId": self.order_id, "orderQty": 3, "orderType": "Limit", "price": 19901.25}
        answer = self.rest.post("order/modifyorder", **again, timeInForce="GTC", isAutomated=True)
        command_id = answer["commandId"]
        version = self.rest.get("orderVersion/item", id=command_id)
        assert (version["orderQty"], version["price"]) == (3, 19901.25), version
        reports = self.rest.get("commandReport/deps", masterid=command_id)
        required("commandReport", reports)
        assert self.rest.get("command/item", id=command_id)["commandType"] == "Modify"

    def cancel(self) -> None:
        body = {"orderId": self.order_id, "clOrdId": "cancel", "isAutomated": True}
        assert self.rest.post("order/cancelorder", **body)["commandId"]
        self._becomes(self.order_id, "Canceled")
        refused(401, lambda: self.rest.post("order/cancelorder", **body))

    # ---- the socket

    def authorise(self) -> None:
        assert self.user.frame() == "o"
        assert self.user.ask("account/list")["s"] == 401
        answer = self.user.send("authorize", 0, "nonsense")
        assert answer == {"i": 0, "s": 401, "d": "Invalid access token"}, answer
        self.user.messages.clear()
        answer = self.user.send("authorize", 0, self.login_answer["accessToken"])
        assert answer == {"i": 0, "s": 200}, answer

    def sync(self) -> None:
        body = {"users": [self.login_answer["userId"]], "splitResponses": True}
        snapshot = self.user.do("user/syncrequest", body)
        assert snapshot["users"][0]["id"] == self.login_answer["userId"]
        assert self.account in snapshot["accounts"]
        statuses = {row["id"]: row["ordStatus"] for row in snapshot["orders"]}
        assert statuses[self.order_id] == "Canceled"
        for name in ("commands", "orderVersions", "cashBalances", "products", "contracts"):
            assert snapshot[name], f"{name} are missing"

    def props(self) -> None:
        order_id = self.user.do("order/placeOrder", self._terms("Buy", "Market", 2))["orderId"]
        self.user.entity("order", id=order_id, ordStatus="Filled")
        fill = self.user.entity("fill", orderId=order_id)
        report = self.user.entity("executionReport", orderId=order_id, execType="Trade")
        position = self.user.entity("position", contractId=self.contract["id"], netPos=2)
        cash = self.user.entity("cashBalance", accountId=self.account["id"])
        found = {"fill": fill, "executionReport": report, "position": position, "cashBalance": cash}
        for kind, row in found.items():
            required(kind, [row])
        assert not {"accountId", "clOrdId"} & fill.keys(), fill
        assert (report["lastQty"], report["cumQty"], report["avgPx"]) == (2, 2, 20000.25), report

    def heartbeat(self) -> None:
        """Idle, the server beats about every 2.5 s; data takes the place of a beat."""
        started = time.monotonic()
        while (frame := self.user.frame()) != "h":
            assert frame.startswith("a"), frame
        assert time.monotonic() - started < HEARTBEAT_S * 3  # a busy machine beats late

    def quotes(self) -> None:
        with Socket(setting("VENUE"), "md/websocket") as md:
            assert md.frame() == "o"
            assert md.send("authorize", 0, self.login_answer["mdAccessToken"])["s"] == 200
            md.do("md/subscribequote", {"symbol": self.contract["name"]})
            walk("20001", "20001.25")
            message = md.until(lambda m: traded(m, 20001.25), "quote at 20001.25")
            [quote] = message["d"]["quotes"]
            assert quote["contractId"] == self.contract["id"]
            assert quote["entries"]["Bid"]["price"] < quote["entries"]["Offer"]["price"]
            md.do("md/unsubscribeQuote", {"symbol": self.contract["name"]})
            assert md.ask("order/placeorder", {})["s"] == 404

    # ---- linked orders

    def oso(self) -> None:
        leg = {"action": "Sell", "timeInForce": "GTC"}
        target = {**leg, "orderType": "Limit", "price": 20010, "clOrdId": "target"}
        stop = {**leg, "orderType": "Stop", "stopPrice": 19980, "text": "stop"}
        entry = self._terms("Buy", "Limit", 1, price=19990)
        answer = self.rest.post("order/placeoso", **entry, bracket1=target, bracket2=stop)
        parent, target_id, stop_id = answer["orderId"], answer["oso1Id"], answer["oso2Id"]
        for leg_id in (target_id, stop_id):
            assert self._becomes(leg_id, "Suspended")["parentId"] == parent
        walk("19990", "19989.75")
        self._becomes(parent, "Filled")
        assert self._becomes(stop_id, "Working")["ocoId"] == target_id
        assert self.rest.get("orderVersion/deps", masterid=stop_id)[0]["text"] == "stop"
        assert self.rest.get("command/deps", masterid=target_id)[0]["clOrdId"] == "target"
        walk("20010", "20010.25")
        self._becomes(target_id, "Filled")
        self._becomes(stop_id, "Canceled")

    def oco(self) -> None:
        other = {"action": "Sell", "orderType": "Stop", "stopPrice": 20000, "timeInForce": "GTC"}
        terms = self._terms("Sell", "Limit", 1, price=20030)
        answer = self.rest.post("order/placeoco", **terms, other=other)
        assert self._becomes(answer["ocoId"], "Working")["ocoId"] == answer["orderId"]
        walk("20000", "19999.75")
        self._becomes(answer["ocoId"], "Filled")
        self._becomes(answer["orderId"], "Canceled")

    def strategies(self) -> None:
        params = (
            '{"entryVersion":{"orderQty":2,"orderType":"Market"},"brackets":['
            '{"qty":1,"profitTarget":30,"stopLoss":-20,"trailingStop":false},'
            '{"qty":1,"profitTarget":60,"stopLoss":-20,"trailingStop":false}]}'
        )
        of_account = {"accountId": self.account["id"], "accountSpec": self.account["name"]}
        started = {"symbol": self.contract["name"], "orderStrategyTypeId": 2, "action": "Buy"}
        body = {**of_account, **started, "params": params, "uuid": "wire", "isAutomated": True}
        strategy = self.user.do("orderStrategy/startorderstrategy", body)["orderStrategy"]
        required("orderStrategy", [strategy])
        assert (strategy["uuid"], strategy["params"]) == ("wire", params), strategy

        def linked() -> list[int]:
            links = self.rest.get("orderStrategyLink/deps", masterid=strategy["id"])
            required("orderStrategyLink", links)
            return [link["orderId"] for link in links if len(links) == 5]

        orders = eventually(linked, "entry and two exits of two legs")
        body = {"orderStrategyId": strategy["id"]}
        assert not self.user.do("orderStrategy/interruptorderstrategy", body).get("errorText")
        for order_id in orders:
            self._becomes(order_id, "Filled", "Canceled")
        ended = self.rest.get("orderStrategy/item", id=strategy["id"])
        assert ended["status"] != "ActiveStrategy", ended

    # ---- what came of it

    def positions(self) -> None:
        position = self._position()
        required("position", [position])
        net = sum(f["qty"] * (1 if f["action"] == "Buy" else -1) for f in self._fills())
        assert position["netPos"] == net > 0, position
        closing = {"accountId": self.account["id"], "contractId": self.contract["id"]}
        answer = self.rest.post("order/liquidateposition", **closing, admin=False, isAutomated=True)
        self._becomes(answer["orderId"], "Filled")
        position = self._position()
        assert position["netPos"] == 0, position
        assert "netPrice" not in position, position

    def fills(self) -> None:
        fills = self._fills()
        required("fill", fills)
        for fill in fills:
            assert fill in self.rest.get("fill/deps", masterid=fill["orderId"])
            assert self.rest.get("fillFee/item", id=fill["id"])["commission"] > 0

    def fill_pairs(self) -> None:
        pairs = self.rest.get("fillPair/deps", masterid=self._position()["id"])
        required("fillPair", pairs)
        fills = {fill["id"]: fill for fill in self._fills()}
        for pair in pairs:
            assert fills[pair["buyFillId"]]["price"] == pair["buyPrice"]
            assert fills[pair["sellFillId"]]["price"] == pair["sellPrice"]
        assert sum(pair["qty"] for pair in pairs) * 2 == sum(f["qty"] for f in fills.values())

    def cash_snapshot(self) -> None:
        """Start + gross of all pairs - every fee = cash, to the cent."""
        gross = Decimal(0)
        for pair in self.rest.get("fillPair/list"):
            gross += (money(pair["sellPrice"]) - money(pair["buyPrice"])) * pair["qty"] * 20
        fees = sum(money(fee["commission"]) for fee in self.rest.get("fillFee/list"))
        cash = self._snapshot()
        assert money(cash["totalCashValue"]) == self.start_usd + gross - fees, cash
        assert cash["openPnL"] == 0, cash
        assert cash["netLiq"] == cash["totalCashValue"], cash

    # ---- helpers

    def _terms(self, action: str, kind: str, qty: int, **more: Json) -> dict[str, Json]:
        account = {"accountSpec": self.account["name"], "accountId": self.account["id"]}
        what = {"action": action, "symbol": self.contract["name"], "orderQty": qty}
        how = {"orderType": kind, "timeInForce": "GTC", "isAutomated": True}
        return {**account, **what, **how, **more}

    def _place(self, action: str, kind: str, qty: int, **more: Json) -> int:
        answer = self.rest.post("order/placeorder", **self._terms(action, kind, qty, **more))
        assert answer.get("failureReason", "Success") == "Success", answer
        return int(answer["orderId"])

    def _becomes(self, order_id: int, *statuses: str) -> Json:
        def order() -> Json:
            row = self.rest.get("order/item", id=order_id)
            return row if row["ordStatus"] in statuses else None

        return eventually(order, f"order {order_id} {' or '.join(statuses)}")

    def _position(self) -> Json:
        rows = self.rest.get("position/deps", masterid=self.account["id"])
        [row] = [row for row in rows if row["contractId"] == self.contract["id"]]
        return row

    def _fills(self) -> list[Json]:
        return list(self.rest.get("fill/list"))

    def _snapshot(self) -> Json:
        body = {"accountId": self.account["id"]}
        return self.rest.post("cashBalance/getcashbalancesnapshot", **body)


def ticket_of(penalty: Json) -> dict[str, Json]:
    return {"p-ticket": penalty["p-ticket"]}


def refused(status: int, act: Any) -> None:
    try:
        found: object = act()
    except RefusedError as refusal:
        found = refusal.status
    assert found == status, f"{found} where {status} was due"


def traded(message: Json, price: float) -> bool:
    if message.get("e") != "md":
        return False
    quotes = message["d"].get("quotes", [])
    return any(q["entries"].get("Trade", {}).get("price") == price for q in quotes)


def money(number: float) -> Decimal:
    return Decimal(str(number))


if __name__ == "__main__":
    drive = Drive()
    run(
        {
            "login": drive.login,
            "time penalty": drive.time_penalty,
            "accounts": drive.accounts,
            "contracts": drive.contracts,
            "place": drive.place,
            "modify": drive.modify,
            "cancel": drive.cancel,
            "authorise": drive.authorise,
            "sync": drive.sync,
            "props": drive.props,
            "quotes": drive.quotes,
            "oso": drive.oso,
            "oco": drive.oco,
            "strategies": drive.strategies,
            "positions": drive.positions,
            "fills": drive.fills,
            "fill pairs": drive.fill_pairs,
            "cash snapshot": drive.cash_snapshot,
            "heartbeat": drive.heartbeat,
        },
        {},
    )
