"""Real money moves only where a person has enabled the account: judged in the claim itself."""

from __future__ import annotations

from shared.domain.order import Role
from tests.contract.ledger.postgres_world import PostgresWorld
from tests.contract.ledger.test_scenes import cancel_legs, enter
from tests.contract.ledger.world import BUY, CLOSE, World

REFUSED = ("BLOCKED", "live.not_enabled")


async def test_no_entry_of_a_live_account_that_nobody_enabled(world: World) -> None:
    await world.go_live(enabled=False)
    signal = await world.signal(BUY)
    assert (await world.decision(signal))[:2] == REFUSED
    assert (await world.claim()).claimed == ()
    of = {"signal_id": signal, "account_id": world.accounts[0]}
    (row,) = await world.rows("signal_decisions", **of)
    assert row["detail"] == {"reason": "it has not been enabled"}


async def test_an_enabled_one_trades_as_any_other(world: World) -> None:
    await world.go_live(enabled=True)
    await world.signal(BUY)
    assert len(await world.send()) == 2


async def test_what_waits_is_judged_again_when_its_turn_comes(world: World) -> None:
    await world.go_live(enabled=True)
    signal = await world.signal(BUY)
    await world.go_live(enabled=False)
    assert (await world.claim()).claimed == ()
    assert (await world.decision(signal))[:2] == REFUSED


async def test_what_is_held_is_closed_all_the_same(world: World) -> None:
    await enter(world)
    await world.go_live(enabled=False)
    await world.signal(CLOSE)
    await cancel_legs(world)
    assert [each.intent.role for each in await world.send()] == [Role.EXIT, Role.EXIT]


async def test_a_copy_of_the_database_is_another_place(world: World) -> None:
    if not isinstance(world, PostgresWorld):
        return  # the twin has no database that could be copied
    await world.go_live(enabled=True)
    await world.db.execute("UPDATE accounts SET live_enabled_home = '7:' || live_enabled_home")
    signal = await world.signal(BUY)
    assert (await world.decision(signal))[:2] == REFUSED
