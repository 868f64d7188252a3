"""The adapter against the paper venue as a process: orders, facts, faults and returns."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal
from uuid import uuid4

import pytest

from shared.brokers.tradovate.adapter import TradovateBroker
from shared.domain.calendar import front_month, trade_date
from shared.domain.errors import CredentialsExpired, NotFound
from shared.domain.instruments import product_of
from shared.domain.order import Action, BrokerStatus, OrderType, TimeInForce
from shared.ports.broker import (
    Accepted,
    AccountInfo,
    BalanceFact,
    Fact,
    FeedLost,
    FeeFact,
    FillFact,
    LegRequest,
    ModifyRequest,
    OrderFact,
    PlaceRequest,
    PositionFact,
    Refused,
    Synced,
    Unknown,
)
from shared.runtime.clock import SystemClock
from tests.fixtures.waiting import eventually
from tests.integration.brokers.venue import Held, PaperVenue, Tokens, broker_for, held, running

CONTRACT = front_month(product_of("MES"), trade_date(SystemClock().now()), 1).name
PRICE = Decimal(5000)


@pytest.fixture(scope="module")
async def venue() -> AsyncIterator[PaperVenue]:
    async with running() as venue:
        yield venue


@pytest.fixture
async def login(venue: PaperVenue) -> AsyncIterator[Held]:
    """Held and in sync, flat at a known price."""
    await venue.control("price", root="MES", price=str(PRICE))
    async with held(venue) as login:
        yield login


@pytest.fixture
async def account(login: Held) -> AccountInfo:
    return (await login.broker.accounts())[0]


def market(account: AccountInfo, action: Action = Action.BUY, qty: int = 1) -> PlaceRequest:
    return PlaceRequest(
        account=account.account,
        account_name=account.name,
        client_id=str(uuid4()),
        contract=CONTRACT,
        action=action,
        qty_contracts=qty,
        order_type=OrderType.MARKET,
        time_in_force=TimeInForce.DAY,
    )


def limit(account: AccountInfo, price: Decimal, qty: int = 1) -> PlaceRequest:
    order_type = OrderType.LIMIT
    return replace(market(account, qty=qty), order_type=order_type, price=price)


def bracketed(account: AccountInfo, qty: int = 1) -> PlaceRequest:
    stop = LegRequest(str(uuid4()), Action.SELL, OrderType.STOP, stop_price=PRICE - 10)
    target = LegRequest(str(uuid4()), Action.SELL, OrderType.LIMIT, price=PRICE + 10)
    return replace(market(account, qty=qty), legs=(stop, target))


async def accepted(broker: TradovateBroker, request: PlaceRequest) -> Accepted:
    outcome = await broker.place(request)
    assert isinstance(outcome, Accepted), outcome
    return outcome


def newest_order(seen: list[Fact], order_id: int) -> OrderFact | None:
    orders = [fact for fact in seen if isinstance(fact, OrderFact) and fact.order_id == order_id]
    return orders[-1] if orders else None


async def reaches(login: Held, order_id: int, status: BrokerStatus) -> OrderFact:
    def there(seen: list[Fact]) -> bool:
        order = newest_order(seen, order_id)
        return order is not None and order.status is status

    await login.until(there)
    order = newest_order(login.seen, order_id)
    assert order is not None
    return order


def fills_of(seen: list[Fact], order_id: int) -> list[FillFact]:
    fills = {fact.fill_id: fact for fact in seen if isinstance(fact, FillFact)}
    return [fill for fill in fills.values() if fill.order_id == order_id]


# --- the plain ways ---------------------------------------------------------------------------
async def test_accounts_and_the_contract(login: Held) -> None:
    accounts = await login.broker.accounts()
    assert [account.active for account in accounts] == [True, True]
    info = await login.broker.contract(CONTRACT)
    assert (info.name, info.root) == (CONTRACT, "MES")
    assert (info.tick_size, info.point_value_usd) == (Decimal("0.25"), Decimal(5))
    with pytest.raises(NotFound):
        await login.broker.contract("NOPEZ6")


async def test_a_market_order_is_filled_and_told_whole(login: Held, account: AccountInfo) -> None:
    request = market(account, qty=2)
    order_id = (await accepted(login.broker, request)).order_id
    order = await reaches(login, order_id, BrokerStatus.FILLED)
    assert order.client_id == request.client_id
    assert (order.contract, order.qty_contracts, order.account) == (CONTRACT, 2, account.account)
    await login.until(lambda seen: sum(f.qty_contracts for f in fills_of(seen, order_id)) == 2)
    fill_ids = {fill.fill_id for fill in fills_of(login.seen, order_id)}
    await login.until(lambda seen: fill_ids <= {f.fill_id for f in seen if isinstance(f, FeeFact)})
    assert any(isinstance(fact, PositionFact) for fact in login.seen)
    assert any(isinstance(fact, BalanceFact) for fact in login.seen)


async def test_a_bracket_works_once_filled_and_its_target_ends_it(
    venue: PaperVenue, login: Held, account: AccountInfo
) -> None:
    request = bracketed(account)
    outcome = await accepted(login.broker, request)
    stop_id, target_id = outcome.leg_order_ids
    await reaches(login, outcome.order_id, BrokerStatus.FILLED)
    stop = await reaches(login, stop_id, BrokerStatus.WORKING)
    target = await reaches(login, target_id, BrokerStatus.WORKING)
    assert (stop.client_id, target.client_id) == tuple(leg.client_id for leg in request.legs)
    assert stop.parent_order_id == target.parent_order_id == outcome.order_id
    assert (stop.stop_price, target.price) == (PRICE - 10, PRICE + 10)
    await venue.control("price", root="MES", price=str(PRICE + 11))
    await reaches(login, target_id, BrokerStatus.FILLED)
    await reaches(login, stop_id, BrokerStatus.CANCELED)
    assert [fill.price for fill in fills_of(login.seen, target_id)] == [PRICE + 10]


async def test_a_modified_order_shows_its_new_terms(login: Held, account: AccountInfo) -> None:
    request = limit(account, PRICE - 50, qty=2)
    order_id = (await accepted(login.broker, request)).order_id
    await reaches(login, order_id, BrokerStatus.WORKING)
    change = ModifyRequest(
        order_id, str(uuid4()), 3, OrderType.LIMIT, TimeInForce.GTC, price=PRICE - 40
    )
    assert await login.broker.modify(change) == Accepted(order_id)

    def changed(seen: list[Fact]) -> bool:
        order = newest_order(seen, order_id)
        return order is not None and (order.price, order.qty_contracts) == (PRICE - 40, 3)

    await login.until(changed)
    order = newest_order(login.seen, order_id)
    assert order is not None
    assert order.client_id == request.client_id
    assert await login.broker.cancel(order_id, str(uuid4())) == Accepted(order_id)
    await reaches(login, order_id, BrokerStatus.CANCELED)


async def test_a_final_order_cannot_be_cancelled(login: Held, account: AccountInfo) -> None:
    order_id = (await accepted(login.broker, market(account))).order_id
    await reaches(login, order_id, BrokerStatus.FILLED)
    outcome = await login.broker.cancel(order_id, str(uuid4()))
    assert isinstance(outcome, Refused)
    assert outcome.code == "broker.order_final"


async def test_a_price_off_the_tick_is_refused(login: Held, account: AccountInfo) -> None:
    outcome = await login.broker.place(limit(account, PRICE + Decimal("0.1")))
    assert isinstance(outcome, Refused)
    assert outcome.code == "broker.refused.invalid_price"


async def test_a_rejected_order_tells_why(
    venue: PaperVenue, login: Held, account: AccountInfo
) -> None:
    await venue.control("fault", name="reject_next", reason="NotEnoughLiquidity", text="Margin")
    order_id = (await accepted(login.broker, market(account))).order_id

    def explained(seen: list[Fact]) -> bool:
        order = newest_order(seen, order_id)
        return order is not None and order.reject_reason is not None

    await login.until(explained)
    order = newest_order(login.seen, order_id)
    assert order is not None
    assert order.status is BrokerStatus.REJECTED
    assert order.reject_reason == "NotEnoughLiquidity: Margin"


async def test_liquidation_ends_flat(login: Held) -> None:
    account = (await login.broker.accounts())[1]
    info = await login.broker.contract(CONTRACT)
    order_id = (await accepted(login.broker, market(account, qty=2))).order_id
    await reaches(login, order_id, BrokerStatus.FILLED)
    outcome = await login.broker.liquidate(account.account, info.contract_id)
    assert isinstance(outcome, Accepted)

    def flat(seen: list[Fact]) -> bool:
        nets = [
            fact
            for fact in seen
            if isinstance(fact, PositionFact) and fact.account == account.account
        ]
        return nets[-1].net_qty == 0 and nets[-1].net_price is None

    await reaches(login, outcome.order_id, BrokerStatus.FILLED)
    await login.until(flat)


async def test_an_order_placed_by_hand_is_seen_as_a_strangers(
    venue: PaperVenue, login: Held, account: AccountInfo
) -> None:
    body = await venue.control(
        "manual", account=account.name, symbol=CONTRACT, action="Sell", qty=1
    )
    assert isinstance(body, dict)
    order = await reaches(login, int(body["orderId"]), BrokerStatus.FILLED)
    assert order.client_id is None


# --- when things go wrong ---------------------------------------------------------------------
async def test_a_lost_answer_is_unknown_until_looked_up(
    venue: PaperVenue, login: Held, account: AccountInfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.brokers.tradovate.limits.ORDER_TIMEOUT_S", 0.5)
    await venue.control("fault", name="lose_answer")
    request = bracketed(account)
    absent = str(uuid4())
    assert await login.broker.place(request) == Unknown("broker.timeout")
    ids = frozenset({request.client_id, absent, *(leg.client_id for leg in request.legs)})
    found = await login.broker.lookup(ids)
    assert found.keys() == ids - {absent}
    order = await reaches(login, found[request.client_id], BrokerStatus.FILLED)
    assert order.client_id == request.client_id  # the feed tells it as well


async def test_an_error_after_acceptance_is_unknown(
    venue: PaperVenue, login: Held, account: AccountInfo
) -> None:
    await venue.control("fault", name="error_after_accept")
    request = market(account)
    assert await login.broker.place(request) == Unknown("broker.status_500")
    found = await login.broker.lookup(frozenset({request.client_id}))
    assert found.keys() == {request.client_id}


@pytest.mark.parametrize("seed", range(5))
async def test_shuffled_and_doubled_events_tell_the_same(
    venue: PaperVenue, login: Held, account: AccountInfo, seed: int
) -> None:
    await venue.control("fault", name="shuffle_events", count=None, seed=seed)
    await venue.control("fault", name="duplicate_events", count=None)
    try:
        request = bracketed(account, qty=2)
        outcome = await accepted(login.broker, request)
        await reaches(login, outcome.order_id, BrokerStatus.FILLED)
        for leg_id in outcome.leg_order_ids:
            await reaches(login, leg_id, BrokerStatus.WORKING)
        await venue.control("price", root="MES", price=str(PRICE - 11))
        await reaches(login, outcome.leg_order_ids[0], BrokerStatus.FILLED)
        await reaches(login, outcome.leg_order_ids[1], BrokerStatus.CANCELED)
    finally:
        await venue.control("fault", name="shuffle_events", count=0)
        await venue.control("fault", name="duplicate_events", count=0)

    async def differs() -> str | None:
        """Read anew each time: what the price set off may go on after the first reading."""
        told, read = newest(login.seen), newest((await login.broker.snapshot()).facts)
        keys = [key for key in told | read if told.get(key) != read.get(key)]
        return str([(key, told.get(key), read.get(key)) for key in keys]) if keys else None

    await eventually(differs, within_s=30, what="told and read facts are equal")


async def test_what_happened_while_the_socket_was_down_is_told_before_synced(
    venue: PaperVenue, login: Held, account: AccountInfo
) -> None:
    """The order of the dropped socket goes over HTTP; its fill is told by the next snapshot."""
    await venue.control("fault", name="drop_sockets")
    await login.until(lambda seen: any(isinstance(fact, FeedLost) for fact in seen))
    lost_at = next(i for i, fact in enumerate(login.seen) if isinstance(fact, FeedLost))
    request = market(account)
    order_id = (await accepted(login.broker, request)).order_id
    await login.synced(2)
    told = login.seen[lost_at:]
    synced_at = next(i for i, fact in enumerate(told) if isinstance(fact, Synced))
    assert fills_of(told[:synced_at], order_id)
    assert login.broker.ready
    assert newest(login.seen) == newest((await login.broker.snapshot()).facts)


async def test_a_venue_killed_and_started_again_is_found_at_once(
    venue: PaperVenue, account: AccountInfo
) -> None:
    tokens = Tokens()
    async with held(venue, tokens) as login:
        request = limit(account, PRICE - 100)
        order_id = (await accepted(login.broker, request)).order_id
        await reaches(login, order_id, BrokerStatus.WORKING)
        venue.stop()
        await login.until(lambda seen: any(isinstance(fact, FeedLost) for fact in seen))
        outcome = await login.broker.place(market(account))
        assert not isinstance(outcome, Accepted)
        await venue.start()
        returned_at = time.monotonic()
        await login.synced(2)
        assert time.monotonic() - returned_at < 15
        order = newest_order(login.seen, order_id)
        assert order is not None
        assert order.status is BrokerStatus.WORKING
        assert await login.broker.cancel(order_id, str(uuid4())) == Accepted(order_id)


async def test_the_rest_snapshot_agrees_with_the_feed(login: Held, account: AccountInfo) -> None:
    outcome = await accepted(login.broker, bracketed(account))
    await reaches(login, outcome.leg_order_ids[1], BrokerStatus.WORKING)
    snapshot = await login.broker.snapshot()
    assert newest(snapshot.facts) == newest(login.seen)
    assert (SystemClock().now() - snapshot.at).total_seconds() < 10


def newest(facts: list[Fact] | tuple[Fact, ...]) -> dict[tuple[object, ...], Fact]:
    """The last word on each thing."""
    last: dict[tuple[object, ...], Fact] = {}
    for fact in facts:
        match fact:
            case OrderFact():
                last["order", fact.order_id] = fact
            case FillFact():
                last["fill", fact.fill_id] = fact
            case FeeFact():
                last["fee", fact.fill_id] = fact
            case PositionFact():
                last["position", fact.account, fact.contract_id] = fact
            case BalanceFact():
                last["balance", fact.account] = fact
            case Synced() | FeedLost():
                pass
    return last


# --- quotes and sessions ----------------------------------------------------------------------
async def test_quotes_follow_the_market(venue: PaperVenue, login: Held) -> None:
    await login.broker.subscribe(CONTRACT)
    quotes = login.broker.quotes()
    async with asyncio.timeout(30):
        quote = await anext(quotes)
        assert quote.contract == CONTRACT
        await venue.control("price", root="MES", price="5123.25")
        while quote.last != Decimal("5123.25"):
            quote = await anext(quotes)
    assert quote.bid is not None
    assert quote.ask is not None
    assert quote.bid < quote.ask


async def test_a_stored_token_is_taken_without_a_login(venue: PaperVenue) -> None:
    tokens = Tokens()
    async with held(venue, tokens):
        token = tokens.token
    async with held(venue, tokens):
        assert tokens.token == token


async def test_a_displaced_session_signs_in_again(venue: PaperVenue) -> None:
    async with held(venue) as first:
        others = [broker_for(venue), broker_for(venue)]
        for other in others:
            await other.accounts()
        await first.until(lambda seen: any(isinstance(fact, FeedLost) for fact in seen))
        await first.synced(2)
        for other in others:
            await other.aclose()


async def test_a_wrong_password_needs_a_person(venue: PaperVenue) -> None:
    broker = broker_for(venue, password="wrong")
    with pytest.raises(CredentialsExpired):
        await broker.run()
    with pytest.raises(CredentialsExpired):
        await broker.accounts()
