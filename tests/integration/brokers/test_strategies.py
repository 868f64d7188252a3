"""Order strategies against the paper venue: exits at distances from the fill."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal
from uuid import uuid4

import pytest

from shared.domain.order import Action, BrokerStatus, OrderType, TimeInForce
from shared.ports.broker import (
    Accepted,
    AccountInfo,
    Bracket,
    Fact,
    NotSent,
    OrderFact,
    Refused,
    StrategyRequest,
    Trailing,
    Unknown,
)
from tests.integration.brokers.test_tradovate import CONTRACT, PRICE, fills_of
from tests.integration.brokers.venue import Held, PaperVenue, Tokens, broker_for, held, running

TARGET, STOP = Decimal(10), Decimal(5)


@pytest.fixture(scope="module")
async def venue() -> AsyncIterator[PaperVenue]:
    async with running() as venue:
        yield venue


@pytest.fixture
async def login(venue: PaperVenue) -> AsyncIterator[Held]:
    await venue.control("price", root="MES", price=str(PRICE))
    async with held(venue) as login:
        yield login


@pytest.fixture
async def account(login: Held) -> AccountInfo:
    return (await login.broker.accounts())[0]


def asked(account: AccountInfo, *brackets: Bracket, action: Action = Action.BUY) -> StrategyRequest:
    return StrategyRequest(
        account=account.account,
        account_name=account.name,
        client_id=str(uuid4()),
        contract=CONTRACT,
        action=action,
        qty_contracts=sum(bracket.qty_contracts for bracket in brackets),
        order_type=OrderType.MARKET,
        time_in_force=TimeInForce.DAY,
        brackets=brackets,
    )


def both(qty: int = 1) -> Bracket:
    return Bracket(qty, take_profit=TARGET, stop_loss=STOP)


def newest(seen: list[Fact]) -> dict[int, OrderFact]:
    return {fact.order_id: fact for fact in seen if isinstance(fact, OrderFact)}


def entry_of(seen: list[Fact], request: StrategyRequest) -> OrderFact | None:
    named = [fact for fact in newest(seen).values() if fact.client_id == request.client_id]
    assert len(named) <= 1
    return named[0] if named else None


def exits_of(
    seen: list[Fact], request: StrategyRequest, status: BrokerStatus = BrokerStatus.WORKING
) -> list[OrderFact]:
    found = [fact for fact in newest(seen).values() if fact.strategy == request.client_id]
    return sorted((each for each in found if each.status is status), key=lambda each: each.order_id)


async def working(
    login: Held, request: StrategyRequest, count: int
) -> tuple[Decimal, list[OrderFact]]:
    """The entry's price and its exits, once all of them work."""
    assert isinstance(await login.broker.start(request), Accepted)
    await login.until(lambda seen: len(exits_of(seen, request)) == count)
    entry = entry_of(login.seen, request)
    assert entry is not None
    await login.until(lambda seen: bool(fills_of(seen, entry.order_id)))
    return fills_of(login.seen, entry.order_id)[0].price, exits_of(login.seen, request)


@pytest.mark.parametrize("action", Action)
async def test_both_exits_stand_at_the_exact_distance_and_one_ends_the_other(
    venue: PaperVenue, login: Held, account: AccountInfo, action: Action
) -> None:
    request = asked(account, both(2), action=action)
    price, (target, stop) = await working(login, request, 2)
    assert (target.price, stop.stop_price) == (
        price + TARGET * action.sign,
        price - STOP * action.sign,
    )
    assert {target.action, stop.action} == {action.opposite}
    await venue.control("price", root="MES", price=str(PRICE + 11 * action.sign))
    await login.until(lambda seen: len(exits_of(seen, request, BrokerStatus.FILLED)) == 1)
    await login.until(lambda seen: len(exits_of(seen, request, BrokerStatus.CANCELED)) == 1)


async def test_several_brackets_share_the_entry(login: Held, account: AccountInfo) -> None:
    second = Bracket(1, take_profit=TARGET * 2, stop_loss=STOP)
    request = asked(account, both(2), second)
    price, exits = await working(login, request, 4)
    assert sorted(
        (each.price or each.stop_price or 0, each.qty_contracts) for each in exits
    ) == sorted(
        [(price + TARGET, 2), (price - STOP, 2), (price + TARGET * 2, 1), (price - STOP, 1)]
    )
    assert isinstance(await login.broker.interrupt(request.client_id), Accepted)
    await login.until(lambda seen: len(exits_of(seen, request, BrokerStatus.CANCELED)) == 4)
    ended = await login.broker.interrupt(request.client_id)
    assert ended == Refused("broker.order_final", "ExecutionInterrupted")


async def test_a_trailing_stop_follows_and_an_auto_trail_is_taken(
    venue: PaperVenue, login: Held, account: AccountInfo
) -> None:
    trailing = Trailing(distance=STOP, trigger=STOP, step=Decimal("0.25"))
    request = asked(
        account,
        Bracket(1, stop_loss=STOP, follows=True),
        Bracket(1, stop_loss=STOP, trailing=trailing),
    )
    price, exits = await working(login, request, 2)
    assert {each.stop_price for each in exits} == {price - STOP}
    await venue.control("price", root="MES", price=str(PRICE + 8))
    await venue.control("price", root="MES", price=str(PRICE - 1))  # the entry would still live
    await login.until(lambda seen: len(exits_of(seen, request, BrokerStatus.FILLED)) == 2)


async def test_what_the_broker_refuses_is_refused(login: Held, account: AccountInfo) -> None:
    off_tick = Bracket(1, stop_loss=Decimal("5.1"))
    outcome = await login.broker.start(asked(account, off_tick))
    assert outcome == Refused("broker.refused.error_text", "Invalid or missed parameters")
    outcome = await login.broker.start(replace(asked(account, both()), contract="MESX"))
    assert isinstance(outcome, Refused)
    assert await login.broker.interrupt(str(uuid4())) == Refused("broker.order_final", "")


async def test_a_strategy_of_unknown_outcome_is_found_by_its_uuid(
    venue: PaperVenue, login: Held, account: AccountInfo
) -> None:
    request = asked(account, both())
    await venue.control("fault", name="lose_answer")
    assert isinstance(await login.broker.start(request), Unknown)
    absent = str(uuid4())
    found = await login.broker.lookup(frozenset({request.client_id, absent}))
    await login.until(lambda seen: len(exits_of(seen, request)) == 2)
    entry = entry_of(login.seen, request)
    assert entry is not None
    assert found == {request.client_id: entry.order_id}


async def test_a_snapshot_and_a_new_reader_name_the_same_orders(
    venue: PaperVenue, login: Held, account: AccountInfo
) -> None:
    request = asked(account, both())
    await working(login, request, 2)
    shown = list((await login.broker.snapshot()).facts)
    assert entry_of(shown, request) == entry_of(login.seen, request)
    assert exits_of(shown, request) == exits_of(login.seen, request)
    async with held(venue) as another:
        assert exits_of(another.seen, request) == exits_of(shown, request)


async def test_signed_out_nothing_is_sent(venue: PaperVenue, account: AccountInfo) -> None:
    cold = broker_for(venue, Tokens())
    assert await cold.start(asked(account, both())) == NotSent("broker.signed_out")
    await cold.aclose()
