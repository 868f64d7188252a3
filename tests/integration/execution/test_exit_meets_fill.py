"""An entry fills while the claim of its exit is being made, between two statements of the claim."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from execution.ledger import rungs
from shared.domain.order import IntentState, Role
from shared.domain.rules import StrategyRules
from tests.contract.ledger.postgres_world import PostgresWorld, make_database, postgres_world
from tests.contract.ledger.world import BUY, CLOSE
from tests.fixtures.servers import PostgresServer


@pytest.fixture
async def world(
    postgres_server: PostgresServer, template_database: str
) -> AsyncIterator[PostgresWorld]:
    urls = postgres_server.create("exit_meets_fill", template_database)
    await make_database(urls)
    async with postgres_world(urls) as world:
        (world.lease,) = await world.ledger.renew_leases("me")
        await world.set_rules(StrategyRules())  # no legs: nothing else works
        yield world
    postgres_server.drop(urls.name)


async def test_it_is_closed_and_not_taken_for_flat(
    world: PostgresWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.signal(BUY)
    entries = await world.send()
    await world.signal(CLOSE)
    really_due = rungs.due

    async def due(*arguments: Any) -> Any:
        """Asked after whose turn it is, and before what works."""
        while entries:
            await world.fill(entries.pop().intent)
        return await really_due(*arguments)

    monkeypatch.setattr(rungs, "due", due)
    exits = (await world.claim()).claimed
    assert [(each.intent.role, each.intent.qty_contracts) for each in exits] == [
        (Role.EXIT, 1)
    ] * len(world.accounts)
    states = {row["state"] for row in await world.rows("intents", role="exit")}
    assert states == {IntentState.SENDING.value}
