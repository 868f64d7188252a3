"""A limit that is set now does not count what was touched before it was set."""

from __future__ import annotations

from decimal import Decimal

from shared.domain.rules.limits import Limits
from tests.contract.ledger.postgres_world import postgres_world
from tests.contract.ledger.test_risk import alone, entered, look, stopped_at
from tests.fixtures.servers import DatabaseUrls

LOSS = Limits(daily_loss_usd=Decimal(390))


async def test_a_touch_from_before_the_limit_does_not_count(
    ledger_database: DatabaseUrls,
) -> None:
    """Only in PostgreSQL: the twin does not know when its settings were changed."""
    async with postgres_world(ledger_database) as world:
        (world.lease,) = await world.ledger.renew_leases("me")
        await alone(world, LOSS)
        await look(world)
        first = await entered(world)
        await look(world)
        await entered(world)
        await alone(world, Limits())
        await world.advance(1)
        await stopped_at(world, first, "19990")  # 400 down for a moment, while nothing is limited
        await world.advance(1)
        await alone(world, LOSS)
        changed = "UPDATE accounts SET updated_at = $1"
        await world.db.execute(changed, world.clock.now())
        assert await look(world, "19998") == []
