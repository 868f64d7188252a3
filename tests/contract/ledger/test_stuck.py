"""An account closed because an exit does not get through opens again as soon as it has."""

from __future__ import annotations

from shared.contracts.accounts import AccountQuarantined
from shared.ports.ledger import DRIFT, STUCK
from tests.contract.ledger.test_scenes import enter
from tests.contract.ledger.world import BUY, CLOSE, World

AFTER_S = 2.0


async def close_up(world: World) -> None:
    """Positions whose exits have waited for three seconds; the first account is marked."""
    await enter(world)
    await world.signal(CLOSE)
    await world.advance(3)
    held = [world.lease]
    assert await world.ledger.stuck_exits(held, AFTER_S) == world.accounts
    await world.ledger.quarantine(world.accounts[0], STUCK)


async def code(world: World, account: int = 0) -> str | None:
    (row,) = await world.rows("risk_state", account_id=world.accounts[account])
    found: str | None = row["quarantine_code"]
    return found


async def test_it_stays_closed_while_the_exit_waits(world: World) -> None:
    await close_up(world)
    assert await world.ledger.lift_stuck([world.lease], AFTER_S) == []
    assert await code(world) == STUCK


async def test_it_opens_when_the_exit_is_through(world: World) -> None:
    await close_up(world)
    (told,) = await world.ledger.lift_stuck([world.lease], 3600.0)
    assert told.type == AccountQuarantined.type
    assert (told.account_id, told.body["code"]) == (world.accounts[0], None)
    assert await code(world) is None
    assert await world.ledger.lift_stuck([world.lease], 3600.0) == []


async def test_another_cause_is_neither_hidden_nor_lifted(world: World) -> None:
    await close_up(world)
    await world.ledger.quarantine(world.accounts[0], DRIFT)
    assert await world.ledger.quarantine(world.accounts[0], STUCK) == []
    assert await world.ledger.lift_stuck([world.lease], 3600.0) == []
    assert await code(world) == DRIFT


async def test_entries_go_again(world: World) -> None:
    await world.ledger.quarantine(world.accounts[0], STUCK)
    await world.signal(BUY)
    sent = {each.intent.account_id for each in (await world.claim()).claimed}
    assert sent == {world.accounts[1]}
    await world.ledger.lift_stuck([world.lease], AFTER_S)
    sent = {each.intent.account_id for each in (await world.claim()).claimed}
    assert sent == {world.accounts[0]}
