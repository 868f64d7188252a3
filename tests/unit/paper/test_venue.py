"""The venue as one object, without sockets: money adds up and a journal brings it back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

import paper.endpoints  # noqa: F401 - imported for what it registers
from paper import rows
from paper.book_values import Entry, Rules
from paper.calls import Call, dispatch, find
from paper.control import ledger_of
from paper.journal import Line
from paper.settings import PaperSettings
from paper.store import FIRST_ID
from paper.venue import Venue
from shared.domain.money import to_cents

TICK = Decimal("0.25")
START = Decimal("100000.00")


class MemoryJournal:
    """Keeps lines as the file would, through JSON, and is durable at once."""

    def __init__(self) -> None:
        self.lines: list[Line] = []

    def append(self, line: Line) -> None:
        self.lines.append(msgspec.json.decode(rows.encode(line), type=Line))

    def after(self, tell: Callable[[], None]) -> None:
        tell()

    async def run(self) -> None:
        raise NotImplementedError


def blank() -> Venue:
    return Venue(
        PaperSettings(env="test", paper_password="x", paper_speed=0)  # type: ignore[arg-type] # read as a secret
    )


def begun() -> tuple[Venue, MemoryJournal]:
    venue, journal = blank(), MemoryJournal()
    venue.journal = journal
    venue.begin()
    return venue, journal


def revived(journal: MemoryJournal) -> Venue:
    venue = blank()
    venue.remember(journal.lines)
    venue.begin()
    return venue


def ask(venue: Venue, name: str, params: Mapping[str, Any]) -> Any:
    endpoint, user = find(name), venue.store.named(rows.User, "paper")
    assert endpoint is not None
    assert user is not None
    session = next((s for s in venue.store.all(rows.Session)), None)
    session = session or venue.sessions.open(user.id).session
    answer = dispatch(endpoint, Call(venue, params, session, None))
    assert answer.status == 200, answer.body
    return msgspec.json.decode(answer.body)


def account_of(venue: Venue) -> int:
    return next(iter(venue.store.all(rows.Account))).id


def books_of(venue: Venue) -> list[Entry]:
    entries = [e for book in venue.trading._books.values() for e in book.entries()]
    return sorted(entries, key=lambda entry: entry.id)


def market(venue: Venue, action: str, symbol: str = "NQZ6", qty: int = 1) -> dict[str, Any]:
    return {
        "accountId": account_of(venue),
        "action": action,
        "symbol": symbol,
        "orderQty": qty,
        "orderType": "Market",
    }


def test_ids_are_beyond_32_bits_from_the_first_on() -> None:
    venue, _ = begun()
    assert min(account.id for account in venue.store.all(rows.Account)) > FIRST_ID > 2**32


def test_a_micro_follows_its_large_contract_and_another_month_shares_the_price() -> None:
    venue, _ = begun()
    for price in ("20000", "20000.25"):  # an uptick: the bid stays a tick below
        venue.trade("NQ", Decimal(price))
    for symbol in ("MNQZ6", "NQH7"):
        ask(venue, "order/placeorder", market(venue, "Sell", symbol))
    assert {fill.price for fill in venue.store.all(rows.Fill)} == {Decimal(20000)}


def test_liquidating_cancels_what_works_and_closes() -> None:
    venue, _ = begun()
    ask(venue, "order/placeorder", market(venue, "Buy", qty=3))
    resting = market(venue, "Sell") | {"orderType": "Limit", "price": 99999}
    ask(venue, "order/placeorder", resting)
    contract = ask(venue, "contract/find", {"name": "NQZ6"})["id"]
    body = {"accountId": account_of(venue), "contractId": contract, "admin": False}
    assert ask(venue, "order/liquidateposition", body)["orderId"] > 0
    assert books_of(venue) == []
    assert venue.trading.cashier.net(account_of(venue), contract) == 0
    assert ask(venue, "order/liquidateposition", body)["failureReason"] == "TooLate"


def test_a_snapshot_marks_the_open_position_at_the_last_price() -> None:
    venue, _ = begun()
    venue.trade("NQ", Decimal(25001))  # an uptick: the ask
    ask(venue, "order/placeorder", market(venue, "Buy", qty=2))
    venue.trade("NQ", Decimal(25002))
    body = {"accountId": account_of(venue)}
    snapshot = ask(venue, "cashBalance/getcashbalancesnapshot", body)
    assert snapshot["openPnL"] == 40
    assert snapshot["netLiq"] == 100000 + 40 - 2 * 1.29


_prices = st.integers(99_950, 100_050).map(lambda ticks: str(ticks * TICK))
_legs = st.tuples(_prices, _prices)
_sides = st.sampled_from(["Buy", "Sell"])
_steps = st.one_of(
    st.tuples(st.just("tick"), _prices),
    st.tuples(st.just("market"), _sides, st.integers(1, 3)),
    st.tuples(st.just("limit"), _sides, st.integers(1, 3), _prices),
    st.tuples(st.just("oso"), _sides, st.integers(1, 3), _prices, _legs),
    st.tuples(st.just("oco"), _sides, st.integers(1, 3), _legs),
    st.tuples(st.just("cancel"), st.integers(0, 30)),
    st.tuples(st.just("modify"), st.integers(0, 30), st.integers(4, 6), _prices),
)


def act(venue: Venue, step: tuple[Any, ...]) -> None:
    match step:
        case "tick", price:
            venue.trade("NQ", Decimal(price))
        case "market", side, qty:
            ask(venue, "order/placeorder", market(venue, side, qty=qty))
        case "limit", side, qty, price:
            priced = {"orderType": "Limit", "price": price, "timeInForce": "GTC"}
            ask(venue, "order/placeorder", market(venue, side, qty=qty) | priced)
        case "oso", side, qty, price, legs:
            priced = {"orderType": "Limit", "price": price} | brackets(side, legs)
            ask(venue, "order/placeoso", market(venue, side, qty=qty) | priced)
        case "oco", side, qty, legs:
            other = {"action": side, "orderType": "Stop", "stopPrice": legs[1]}
            priced = {"orderType": "Limit", "price": legs[0], "other": other}
            ask(venue, "order/placeoco", market(venue, side, qty=qty) | priced)
        case kind, number, *rest:
            live = books_of(venue)
            if live:
                change(venue, kind, live[number % len(live)], rest)
        case _:
            raise AssertionError(step)


def brackets(side: str, legs: tuple[str, str]) -> dict[str, Any]:
    away = {"action": "Sell" if side == "Buy" else "Buy", "timeInForce": "GTC"}
    return {
        "bracket1": away | {"orderType": "Limit", "price": legs[0]},
        "bracket2": away | {"orderType": "Stop", "stopPrice": legs[1]},
    }


def change(venue: Venue, kind: str, entry: Entry, rest: list[Any]) -> None:
    body: dict[str, Any] = {"orderId": entry.id}
    if kind == "modify":
        qty, price = rest
        prices = {"price": price, "stopPrice": price}
        body |= {"orderQty": qty, "orderType": entry.terms.kind.value, "timeInForce": "GTC"}
        ask(venue, "order/modifyorder", body | prices)
    else:
        ask(venue, "order/cancelorder", body)


@settings(max_examples=60, deadline=None)
@given(
    before=st.lists(_steps, max_size=25),
    after=st.lists(_steps, max_size=10),
    size=st.none() | st.integers(1, 2),
)
def test_a_journal_brings_back_a_venue_that_goes_on_alike(
    before: list[tuple[Any, ...]], after: list[tuple[Any, ...]], size: int | None
) -> None:
    venue, journal = begun()
    venue.trading.set_rules(Rules(size_max_contracts=size))
    for step in before:
        act(venue, step)
    venue.note_prices()
    twin = revived(journal)
    twin.trading.set_rules(venue.trading.rules)
    assert books_of(twin) == books_of(venue)
    for step in after:
        if step[0] == "tick":  # other steps draw random answers and times
            act(venue, step)
            act(twin, step)
    assert figures(twin) == figures(venue)
    check_money(venue)


def figures(venue: Venue) -> dict[str, Any]:
    """The ledger without ids and instants of what was written after the twins parted."""
    ledger = msgspec.json.decode(rows.encode(ledger_of(venue)))
    return {
        name: {
            "exact": book["exact"],
            "fills": [(f["action"], f["qty"], f["price"]) for f in book["fills"]],
            "pairs": [(p["qty"], p["gross"]) for p in book["pairs"]],
            "positions": [(p["netPos"], p.get("netPrice")) for p in book["positions"]],
            "log": [(row["cashChangeType"], row["delta"]) for row in book["cash_log"]],
        }
        for name, book in ledger.items()
    }


def check_money(venue: Venue) -> None:
    for account in venue.store.all(rows.Account):
        book = msgspec.json.decode(rows.encode(ledger_of(venue)))[account.name]
        gross = sum((Decimal(pair["gross"]) for pair in book["pairs"]), Decimal(0))
        fees = sum((Decimal(fee["commission"]) for fee in book["fees"]), Decimal(0))
        assert Decimal(book["exact"]) == START + gross - fees
        balances = list(venue.store.of_account(rows.CashBalance, account.id))
        assert [balance.amount for balance in balances] == [to_cents(START + gross - fees)]
        deltas = sum((Decimal(row["delta"]) for row in book["cash_log"]), Decimal(0))
        assert deltas == Decimal(book["balance"])
        for position in venue.store.of_account(rows.Position, account.id):
            fills = venue.store.of_account(rows.Fill, account.id)
            mine = [fill for fill in fills if fill.contract_id == position.contract_id]
            assert position.net_pos == sum(
                fill.qty if fill.action == "Buy" else -fill.qty for fill in mine
            )
