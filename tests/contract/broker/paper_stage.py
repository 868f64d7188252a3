"""The stage of our Tradovate adapter: the paper venue in the process, in virtual time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from itertools import count
from random import Random
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import httpx
from pydantic import SecretStr

from paper.faults import Fault
from paper.strategies import ENTRY
from paper.strategy_rows import OrderStrategy, OrderStrategyLink
from shared.brokers.tradovate.adapter import TradovateBroker
from shared.brokers.tradovate.login import Environment, Login, urls_for
from shared.brokers.tradovate.oauth import Client, consent_url, exchange
from shared.brokers.tradovate.rest import Rest
from shared.domain.order import Action, BrokerStatus
from tests.contract.broker.stage import (
    House,
    NotHere,
    Setting,
    Step,
    Trouble,
    TrueFill,
    TrueOrder,
    Truth,
    Who,
)
from tests.contract.broker.tampering import Hand, HeldTransport, held_line
from tests.simulation.venue_in_process import PASSWORD, URL, USER, Tokens, World, world
from tests.simulation.virtual_loop import run_virtual
from tests.simulation.wire import Blow, LinkTransport, Strike, Way, Wire

KEY: Final = "42"
_CLIENT: Final = Client(KEY, SecretStr("a-key-secret"), "http://127.0.0.1:1/back")
_AT: Final = {
    Step.PLACE: "order/place",
    Step.MODIFY: "order/modify",
    Step.CANCEL: "order/cancel",
    Step.LIQUIDATE: "order/liquidate",
    Step.START: "orderStrategy/start",
    Step.ANY: "",
}
Options = dict[str, Any]


@dataclass(slots=True)
class PaperStage:
    world: World
    hand: Hand = field(default_factory=Hand)
    contract: str = "MESH6"
    root: str = "MES"
    point: Decimal = Decimal(1)
    tick: Decimal = Decimal("0.25")
    price_usd: Decimal = Decimal(5000)
    _seeds: count[int] = field(default_factory=count)
    _tokens: dict[Who, Tokens] = field(default_factory=dict)

    def now(self) -> datetime:
        return self.world.clock.now()

    def now_s(self) -> float:
        return self.world.clock.monotonic()

    async def sleep(self, delay_s: float) -> None:
        await self.world.clock.sleep(delay_s)

    async def price(self, price: Decimal) -> None:
        await self.world.price(self.root, price)

    async def calm(self) -> None:
        for fault in Fault:
            self.world.venue.faults.arm(fault, 0, {})
        self.world.link.is_down = False
        self.world.link.armed.clear()
        self.hand.rest()
        await self.world.control("partial", max_size=None)

    # --- the broker ---------------------------------------------------------------------------
    @asynccontextmanager
    async def broker(self, who: Who) -> AsyncIterator[TradovateBroker]:
        link, app = self.world.link, self.world.app
        wire, transport = Wire(link, app), HeldTransport(LinkTransport(link, app), self.hand)
        urls, rng = urls_for(Environment.PAPER, URL), Random(next(self._seeds))  # noqa: S311 - jitter, no secret
        tokens = self._tokens.setdefault(who, Tokens())
        if who.consent and tokens.token is None:
            rest = Rest(urls.rest, transport)
            code = await self._consent()
            tokens.token = await exchange(rest, urls, _CLIENT, code, self.world.clock)
            await rest.aclose()
        broker = TradovateBroker(
            _login(who),
            urls,
            self.world.clock,
            tokens,
            rng,
            transport=HeldTransport(LinkTransport(link, app), self.hand),
            connect=held_line(wire.connect, self.hand),
        )
        try:
            yield broker
        finally:
            await broker.aclose()
            await wire.aclose()

    async def _consent(self) -> str:
        """A person consents in a browser; the code that comes back."""
        root = URL.removesuffix("/v1")
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(self.world.app), base_url=root
        ) as browser:
            page = consent_url(_CLIENT, "state-1", f"{root}/oauth")
            sent = await browser.post(page, data={"name": USER, "password": PASSWORD})
        return parse_qs(urlsplit(sent.headers["location"]).query)["code"][0]

    # --- the venue's truth --------------------------------------------------------------------
    async def truth(self, account_name: str) -> Truth:
        mine: dict[str, Any] = (await self.world.ledger())[account_name]
        entries = self._entries()
        placed = {
            row["orderId"]: entries.get(row["orderId"], row.get("clOrdId"))
            for row in mine["commands"]
            if row["commandType"] == "New"
        }
        return Truth(
            orders={row["id"]: self._order(row, placed) for row in mine["orders"]},
            fills={row["id"]: _fill(row) for row in mine["fills"]},
            fees_usd={row["id"]: _fee(row) for row in mine["fees"]},
            nets={p["contract"]: p["netPos"] for p in mine["positions"] if p["netPos"]},
            cash_usd=Decimal(mine["balance"]),
            placed_ids=tuple(id_ for id_ in placed.values() if id_ is not None),
        )

    def _entries(self) -> dict[int, str | None]:
        """The entries of order strategies, by the id that we gave the strategy."""
        store = self.world.venue.store
        return {
            link.order_id: store.must(OrderStrategy, link.order_strategy_id).uuid
            for link in store.all(OrderStrategyLink)
            if link.label == ENTRY
        }

    def _order(self, row: dict[str, Any], placed: dict[int, str | None]) -> TrueOrder:
        version = self.world.venue.trading.scribe.version_of(row["id"])
        return TrueOrder(
            client_id=placed.get(row["id"]),
            status=BrokerStatus(row["ordStatus"]),
            action=Action(row["action"]),
            qty=version.order_qty,
            price=_known(version.price),
            stop_price=_known(version.stop_price),
        )

    # --- trouble ------------------------------------------------------------------------------
    async def trouble(self, trouble: Trouble, **options: object) -> None:
        if trouble in HOUSE.cannot:
            raise NotHere(trouble)
        await _TROUBLES[trouble](self, dict(options))


Make = Callable[[PaperStage, Options], Awaitable[None]]


def _blow(strike: Strike) -> Make:
    async def arm(stage: PaperStage, options: Options) -> None:
        marker = _AT[options.get("step", Step.PLACE)]
        stage.world.link.arm(Blow(strike, Way.OUT, marker))

    return arm


def _fault(fault: Fault, *names: str, **fixed: object) -> Make:
    """A fault of the venue; of the options those that are named go along."""

    async def strike(stage: PaperStage, options: Options) -> None:
        named = {name: options[name] for name in names if name in options}
        await stage.world.control("fault", name=fault, **(fixed | named))

    return strike


def _policy(name: str, value: object = None) -> Make:
    async def rule(stage: PaperStage, options: Options) -> None:
        told = options["size"] if value is None else value
        await stage.world.control("policy", **{name: told})

    return rule


def _hand(name: str, value: object) -> Make:
    async def take(stage: PaperStage, _: Options) -> None:
        setattr(stage.hand, name, value)

    return take


async def _down(stage: PaperStage, _: Options) -> None:
    stage.world.link.is_down = True
    stage.world.link.cut()


async def _up(stage: PaperStage, _: Options) -> None:
    stage.world.link.is_down = False


async def _drop(stage: PaperStage, _: Options) -> None:
    stage.world.link.cut()


async def _partial(stage: PaperStage, options: Options) -> None:
    await stage.world.control("partial", max_size=options["size"])


async def _by_hand(stage: PaperStage, options: Options) -> None:
    body = {name: options[name] for name in ("account", "action", "qty")}
    await stage.world.control("fault", name=Fault.MANUAL_ORDER, symbol=stage.contract, **body)


async def _correct(stage: PaperStage, options: Options) -> None:
    body = {"account": options["account"], "price": str(options["price"])}
    await stage.world.control("fault", name=Fault.CORRECT_FILL, **body)


def _penalty(fault: Fault) -> Make:
    async def strike(stage: PaperStage, options: Options) -> None:
        wait_s, on = options.get("s", 1), options.get("on", "order")
        await stage.world.control("fault", name=fault, on=on, p_time=wait_s)

    return strike


_TROUBLES: Final[dict[Trouble, Make]] = {
    Trouble.CUT_BEFORE: _blow(Strike.CUT_BEFORE),
    Trouble.CUT_AFTER: _blow(Strike.CUT_AFTER),
    Trouble.HALF_OPEN: _blow(Strike.HALF_OPEN_BEFORE),
    Trouble.DOWN: _down,
    Trouble.UP: _up,
    Trouble.DROP: _drop,
    Trouble.LOSE_ANSWER: _fault(Fault.LOSE_ANSWER),
    Trouble.NEVER_TAKEN: _fault(Fault.TIMEOUT_BEFORE_ACCEPT),
    Trouble.ERROR_AFTER: _fault(Fault.ERROR_AFTER_ACCEPT),
    Trouble.UNREADABLE: _hand("unreadable", 1),
    Trouble.LATE_ANSWER: _fault(Fault.DELAY_ANSWER_MS, "ms"),
    Trouble.LATE_EVENTS: _fault(Fault.ANSWER_BEFORE_EVENT, "ms"),
    Trouble.DOUBLED: _fault(Fault.DUPLICATE_EVENTS, count=None),
    Trouble.BACKWARDS: _fault(Fault.REVERSE_EVENTS, count=None),
    Trouble.SHUFFLED: _fault(Fault.SHUFFLE_EVENTS, "seed", count=None),
    Trouble.SPLIT: _hand("is_splitting", value=True),
    Trouble.STRANGE: _hand("is_strange", value=True),
    Trouble.NONSENSE: _hand("nonsense", 1),
    Trouble.REPLAYED: _fault(Fault.REPLAY_DAY),
    Trouble.REJECT: _fault(Fault.REJECT_NEXT, "text", reason="NotEnoughLiquidity"),
    Trouble.PARTIAL: _partial,
    Trouble.BUST: _fault(Fault.BUST_FILL, "account"),
    Trouble.CORRECT: _correct,
    Trouble.BY_HAND: _by_hand,
    Trouble.FLATTENED_BY_HAND: _fault(Fault.MANUAL_FLATTEN, "account"),
    Trouble.LIQUIDATED: _fault(Fault.FORCED_LIQUIDATION, "account"),
    Trouble.CLOSING_ONLY: _fault(
        Fault.ACCOUNT_STATE, "account", action="LiquidateOnlyModeImmediately"
    ),
    Trouble.QTY_MAX: _policy("order_qty_max"),
    Trouble.POSITION_MAX: _policy("position_max"),
    Trouble.HOURS: _policy("sessions", value=True),
    Trouble.UNIQUE_IDS: _policy("unique_cl_ord_id", value=True),
    Trouble.MAINTENANCE: _fault(Fault.MAINTENANCE, "s"),
    Trouble.TOKENS_OVER: _fault(Fault.EXPIRE_TOKENS),
    Trouble.DISPLACED: _fault(Fault.THIRD_SESSION, user=USER),
    Trouble.OTHER_HOST: _fault(Fault.WRONG_ENVIRONMENT, "count"),
    Trouble.LOCKED: _hand("locked", 1),
    Trouble.TOO_MANY: _fault(Fault.STORM_429, "count"),
    Trouble.WAIT: _penalty(Fault.TIME_PENALTY),
    Trouble.CAPTCHA: _penalty(Fault.CAPTCHA_PENALTY),
    Trouble.BIG: _fault(Fault.OVERSIZE_SNAPSHOT, "bytes"),
    Trouble.INTERLEAVED: _fault(Fault.INTERLEAVE_SNAPSHOT),
}


def _login(who: Who) -> Login:
    password = "" if who.consent else PASSWORD if who.is_password_right else "wrong"
    sec = None if who.key is None else SecretStr("a-key-secret")
    return Login(USER, SecretStr(password), "trade-manager", "1.0", "device-1", who.key, sec)


def _known(price: object) -> Decimal | None:
    return price if isinstance(price, Decimal) else None


def _fill(row: dict[str, Any]) -> TrueFill:
    return TrueFill(row["orderId"], row["qty"], Decimal(row["price"]), row["active"])


def _fee(row: dict[str, Any]) -> Decimal:
    parts = [value for key, value in row.items() if key.lower().endswith("fee")]
    return sum(map(Decimal, [*parts, row["commission"]]), Decimal(0))


@asynccontextmanager
async def _open(setting: Setting) -> AsyncIterator[PaperStage]:
    clients: list[dict[str, str]] = [{"id": KEY, "secret": "a-key-secret"}]
    async with world(
        start=setting.at, paper_token_life_s=setting.token_life_s, paper_clients=clients
    ) as venue:
        yield PaperStage(venue)


HOUSE: Final = House("tradovate", run_virtual, _open)
