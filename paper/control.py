"""The second port, for tests and benchmarks only: prices, time, faults and the whole ledger.

    POST /price {root, price} · /walk {root, prices} · /step {points} · /pause · /resume
    POST /partial {max_size|null} · /slippage {ticks} · /rules {touch, wrong_side}
    POST /fault {name, count, ...} · /faults {names, seed, rate} · /policy {...}
    POST /clock {advance_s} · /manual {account, symbol, action, qty}
    GET  /ledger · /quote?root=

An answer comes after everything it caused is durable.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

import msgspec

from paper import rows
from paper.book_values import Touch, WrongSide
from paper.calls import Answer, Refusal, delivered
from paper.checks import Refused
from paper.clock import ManualClock
from paper.faults import UNTIL_CLEARED, Fault
from paper.feed import STEPS_MAX, Feed
from paper.market import family_of
from paper.mishaps import MISHAPS
from paper.params import read_body, read_query
from paper.policy import Policy
from paper.replay import Point
from paper.rest import Receive, Scope, Send, read_all, respond
from paper.store import RowT
from paper.venue import Venue
from shared.domain.instruments import PRODUCTS
from shared.domain.money import gross_usd

Body = dict[str, Any]


class Control:
    """An ASGI application of its own; it is loopback's and asks for no login."""

    def __init__(self, venue: Venue, feed: Feed) -> None:
        self._venue = venue
        self._feed = feed
        self._routes: Final[dict[str, Callable[[Body], object]]] = {
            "/price": self._price,
            "/walk": self._walk,
            "/step": self._step,
            "/pause": self._pause,
            "/resume": self._resume,
            "/partial": self._partial,
            "/slippage": self._slippage,
            "/rules": self._rules,
            "/fault": self._fault,
            "/faults": self._faults,
            "/policy": self._policy,
            "/clock": self._clock,
            "/manual": self._manual,
            "/ledger": lambda _: ledger_of(self._venue),
            "/quote": self._quote,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise NotImplementedError(scope["type"])  # no sockets, no lifespan
        route = self._routes.get(scope["path"])
        if route is None:
            await respond(send, 404, b'{"error":"no such control"}')
            return
        try:
            body = read_query(scope["query_string"]) | read_body(await read_all(receive))
            answer = Answer(200, rows.encode(route(body)))
        except (Refusal, Refused, KeyError, TypeError, ValueError, ArithmeticError) as error:
            text = f"{type(error).__name__}: {error}"
            answer = Answer(400, rows.encode({"error": text}))
        self._venue.commit()
        answer = await delivered(self._venue, answer)
        await respond(send, answer.status, answer.body)

    # ---- prices

    def _price(self, body: Body) -> object:
        family = family_of(_root(body))
        self._venue.trade(family, Decimal(str(body["price"])))
        return {"root": family, "price": str(self._venue.market.last(family))}

    def _walk(self, body: Body) -> object:
        for price in body["prices"]:
            self._venue.trade(family_of(_root(body)), Decimal(str(price)))
        return {"price": str(self._venue.market.last(family_of(_root(body))))}

    def _step(self, body: Body) -> object:
        count = int(body.get("points", 1))
        if not 0 < count <= STEPS_MAX:
            raise ValueError(f"points are 1 to {STEPS_MAX}")
        last: Point | None = None
        for _ in range(count):
            point = self._feed.step()
            if point is None:
                break
            last = point
        if last is None:
            return {"ended": True}
        return {"time": rows.stamp(last.at), "price": str(last.price), "ended": False}

    def _pause(self, _: Body) -> object:
        self._feed.paused = True
        return {"paused": True}

    def _resume(self, _: Body) -> object:
        self._feed.paused = False
        return {"paused": False}

    def _quote(self, body: Body) -> object:
        quote = self._venue.market.quote(_root(body))
        return {"bid": str(quote.bid), "ask": str(quote.ask), "last": str(quote.last)}

    # ---- rules, faults, time

    def _partial(self, body: Body) -> object:
        size = body.get("max_size")
        size = None if size is None else int(size)
        if size is not None and size < 1:
            raise ValueError("max_size is at least 1, or null")
        self._venue.trading.set_rules(replace(self._venue.trading.rules, size_max_contracts=size))
        return {"max_size": size}

    def _slippage(self, body: Body) -> object:
        ticks = int(body["ticks"])
        self._venue.trading.set_rules(replace(self._venue.trading.rules, slippage_ticks=ticks))
        return {"ticks": ticks}

    def _rules(self, body: Body) -> object:
        rules = self._venue.trading.rules
        touch = Touch(body.get("touch", rules.touch))
        wrong_side = WrongSide(body.get("wrong_side", rules.wrong_side))
        self._venue.trading.set_rules(replace(rules, touch=touch, wrong_side=wrong_side))
        return {"touch": touch, "wrong_side": wrong_side}

    def _fault(self, body: Body) -> object:
        fault, count = Fault(body["name"]), body.get("count", 1)
        mishap = MISHAPS.get(fault)
        if mishap is not None:
            return mishap(self._venue, body)
        options = {key: value for key, value in body.items() if key not in {"name", "count"}}
        self._venue.faults.arm(fault, UNTIL_CLEARED if count is None else int(count), options)
        return {"name": fault, "count": count}

    def _faults(self, body: Body) -> object:
        """Several armed at once by one seed, each acting in a share of the cases; none clears."""
        self._venue.faults.clear()
        names = [Fault(name) for name in body.get("names", ())]
        options = {"rate": body.get("rate", 1), "seed": body.get("seed", 0)}
        for fault in names:
            if fault in MISHAPS:
                raise ValueError(f"{fault} happens at once and cannot be armed")
            self._venue.faults.arm(fault, UNTIL_CLEARED, options)
        return {"names": names}

    def _policy(self, body: Body) -> object:
        """Change what is named; answers with everything that rules."""
        rules = asdict(self._venue.risk.policy)
        if not body.keys() <= rules.keys():
            raise ValueError(f"no switch has the name {', '.join(body.keys() - rules.keys())}")
        self._venue.risk.policy = msgspec.convert(rules | body, Policy)
        return asdict(self._venue.risk.policy)

    def _clock(self, body: Body) -> object:
        clock = self._venue.clock
        if not isinstance(clock, ManualClock):
            raise ValueError("the clock is the wall's")  # noqa: TRY004 - the caller's mistake
        clock.advance(timedelta(seconds=float(body["advance_s"])))
        self._feed.on_time()
        return {"now": rows.stamp(clock.now())}

    def _manual(self, body: Body) -> object:
        return MISHAPS[Fault.MANUAL_ORDER](self._venue, body)


def ledger_of(venue: Venue) -> object:
    """Orders and money by account name, figures as text for checkers to compare exactly."""
    return {
        account.name: {
            "account_id": account.id,
            "balance": str(venue.trading.cashier.ledger.cash[account.id].amount_usd),
            "exact": str(venue.trading.cashier.ledger.cash[account.id].exact_usd),
            "positions": _named(venue, rows.Position, account.id),
            "orders": _named(venue, rows.Order, account.id),
            "commands": _texts(venue, rows.Command, account.id),
            "fills": _named(venue, rows.Fill, account.id),
            "fees": _texts(venue, rows.FillFee, account.id),
            "pairs": [_pair(venue, pair) for pair in _of(venue, rows.FillPair, account.id)],
            "cash_log": _texts(venue, rows.CashBalanceLog, account.id),
        }
        for account in venue.store.all(rows.Account)
    }


def _of(venue: Venue, row_type: type[RowT], account_id: int) -> list[RowT]:
    return sorted(venue.store.of_account(row_type, account_id), key=lambda row: row.id)


def _texts(venue: Venue, row_type: type[rows.Row], account_id: int) -> list[object]:
    return [_text(row) for row in _of(venue, row_type, account_id)]


def _named(
    venue: Venue, row_type: type[rows.Position | rows.Order | rows.Fill], account_id: int
) -> list[object]:
    """Rows with the name of their contract."""
    return [
        _text(row) | {"contract": venue.reference.must(row.contract_id).name}
        for row in _of(venue, row_type, account_id)
    ]


def _pair(venue: Venue, pair: rows.FillPair) -> object:
    position = venue.store.must(rows.Position, pair.position_id)
    instrument = venue.reference.must(position.contract_id)
    gross = gross_usd(pair.buy_price, pair.sell_price, pair.qty, instrument.product.point_value)
    return _text(pair) | {"gross": str(gross), "contract": instrument.name}


def _text(row: rows.Row) -> dict[str, object]:
    """The row as on the wire, its decimals as text."""
    fields = zip(row.__struct_fields__, row.__struct_encode_fields__, strict=True)
    values = {wire: getattr(row, name) for name, wire in fields}
    return {
        wire: str(value) if isinstance(value, Decimal) else value
        for wire, value in values.items()
        if value is not None
    }


def _root(body: Body) -> str:
    root = str(body["root"]).upper()
    if root not in PRODUCTS:
        raise ValueError(f"no product has the root {root}")
    return root
