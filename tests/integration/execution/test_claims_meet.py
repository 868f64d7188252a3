"""Two processes claim entries of one strategy at the same moment, each in a login of its own.

Each would see the room that the other is using up. One transaction is held open while the other
is made, so that they meet for certain.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from execution.ledger.claims import claim
from execution.ledger.risk import watch
from shared.db.uow import unit_of_work
from shared.domain.ids import ConnectionId
from shared.domain.order import Role
from shared.domain.rules import StrategyRules
from shared.domain.rules.bracket import plain_bracket
from shared.domain.rules.limits import Limits
from shared.ports.ledger import Claims, Lease
from tests.contract.ledger.postgres_world import PostgresWorld, make_database, postgres_world
from tests.contract.ledger.test_scenes import enter
from tests.contract.ledger.world import BUY, CLOSE
from tests.fixtures.servers import PostgresServer

ONE_STOP_USD = Decimal(60)  # ten ticks of NQ and the fees of both sides
PLENTY = Decimal(10_000)


@dataclass(frozen=True, slots=True)
class Two:
    """The second account of the world stands in a login that another process drives."""

    world: PostgresWorld
    mine: Lease
    theirs: Lease

    @property
    def engine(self) -> AsyncEngine:
        return self.world._engine

    @asynccontextmanager
    async def claiming(self, lease: Lease) -> AsyncIterator[Claims]:
        """The claim of one process, not committed before the block ends."""
        async with unit_of_work(self.engine) as connection:
            yield await claim(connection, [lease], self.world.judge, self.world.clock.now())

    async def claim(self, lease: Lease) -> Claims:
        return await self.world.ledger.claim([lease], self.world.judge)

    async def limit(self, daily_loss_usd: Decimal | None) -> None:
        limits = Limits(daily_loss_usd=daily_loss_usd)
        rules = StrategyRules(bracket=plain_bracket(None, 10), limits=limits)
        await self.world.set_rules(rules)

    async def codes(self, signal: int) -> list[str]:
        return [(await self.world.decision(signal, account))[1] for account in (0, 1)]


@pytest.fixture
async def two(postgres_server: PostgresServer, template_database: str) -> AsyncIterator[Two]:
    urls = postgres_server.create("claims_meet", template_database)
    await make_database(urls)
    async with postgres_world(urls) as world:
        login = await world.db.fetchval(
            "INSERT INTO broker_connections (user_id, name, environment, login_name, device_id)"
            " VALUES ($1, 'Second', 'paper', 'ann2', 'd2') RETURNING id",
            world.user,
        )
        moved = "UPDATE accounts SET connection_id = $1 WHERE id = $2"
        await world.db.execute(moved, login, world.accounts[1])
        leases = {each.connection_id: each for each in await world.ledger.renew_leases("me")}
        world.lease = leases[world.connection]
        yield Two(world, world.lease, leases[ConnectionId(login)])
    postgres_server.drop(urls.name)


@pytest.mark.parametrize(
    ("rooms", "code"), [(1, "risk.worst_case"), (2, "plan.entry")], ids=["blocked", "not blocked"]
)
async def test_two_claims_share_the_room_of_their_strategy(two: Two, rooms: int, code: str) -> None:
    await two.limit(PLENTY)
    signal = await two.world.signal(BUY)
    await two.limit(rooms * ONE_STOP_USD + Decimal("0.01"))
    async with two.claiming(two.mine) as mine:
        assert len(mine.claimed) == 1
        theirs = await two.claim(two.theirs)  # which waits for nobody
        assert theirs.put_off
        assert theirs.claimed == ()
    theirs = await two.claim(two.theirs)
    assert not theirs.put_off
    assert len(theirs.claimed) == rooms - 1
    assert await two.codes(signal) == ["plan.entry", code]


async def test_a_claim_that_was_undone_used_up_nothing(two: Two) -> None:
    await two.limit(PLENTY)
    await two.world.signal(BUY)
    await two.limit(ONE_STOP_USD + Decimal("0.01"))
    with pytest.raises(RuntimeError, match="killed"):
        async with two.claiming(two.mine):
            raise RuntimeError("killed")
    assert len((await two.claim(two.theirs)).claimed) == 1


async def test_without_a_limit_claims_do_not_meet(two: Two) -> None:
    await two.limit(None)
    await two.world.signal(BUY)
    async with two.claiming(two.mine) as mine:
        theirs = await two.claim(two.theirs)
    assert (len(mine.claimed), len(theirs.claimed), theirs.put_off) == (1, 1, False)


async def test_exits_of_a_claim_that_is_put_off_go(two: Two) -> None:
    """One strategy is being judged elsewhere; the other one leaves what it holds."""
    world = two.world
    gone = "DELETE FROM strategy_accounts WHERE strategy_id = $1 AND account_id = $2"
    await world.db.execute(gone, world.strategies[1], world.accounts[0])
    await world.set_account(exclusive=False, account=1)
    world.lease, world.connection = two.theirs, two.theirs.connection_id
    await world.set_rules(StrategyRules(), strategy=1)
    await enter(world, strategy=1)
    await two.limit(PLENTY)
    await world.signal(BUY)
    await world.signal(CLOSE, strategy=1)
    async with two.claiming(two.mine) as mine:
        assert [each.intent.role for each in mine.claimed] == [Role.ENTRY]
        theirs = await two.claim(two.theirs)
        assert theirs.put_off
        assert [each.intent.role for each in theirs.claimed] == [Role.EXIT]


async def test_a_look_at_money_holds_no_entry_back(two: Two) -> None:
    await two.limit(PLENTY)
    await two.world.signal(BUY)
    async with unit_of_work(two.engine) as looking:
        ids = [int(each.connection_id) for each in (two.mine, two.theirs)]
        await watch(looking, ids, lambda _c, _a: Decimal(20000), two.world.clock.now())
        assert len((await two.claim(two.mine)).claimed) == 1
