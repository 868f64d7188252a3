"""A position that was handed over: out of one strategy's record, and open in the other's."""

from __future__ import annotations

from decimal import Decimal

from shared.contracts.handovers import PositionHandedOver
from shared.db.outbox import envelope_of
from shared.domain.ids import event_id
from tests.integration.recorder.world import CONTRACT, START, World


async def test_the_record_goes_with_the_position(world: World) -> None:
    other = await world.strategy_too("Other")
    await world.trade(1, "Buy", 1, "5000")
    await world.trade(2, "Sell", 1, "5001")
    await world.trade(3, "Buy", 2, "5002")
    await world.trade(4, "Sell", 1, "5003")
    before = await world.trades()
    for fill in (3, 4):
        await world.change_fill(fill, strategy_id=other)
    told = PositionHandedOver(
        account_id=world.account,
        contract=CONTRACT,
        root="ES",
        from_strategy_id=world.strategy,
        to_strategy_id=other,
        net_qty=1,
        price=Decimal(5002),
        opening_fill_id=3,
    )
    said = await world.ring(
        envelope_of(
            told,
            event_id=event_id(told.type, "7"),
            correlation_id="command:7",
            user_id=world.user,
            account_id=world.account,
            aggregate=f"position:{world.account}",
            occurred_at=START,
        )
    )
    done, held = sorted(await world.records(), key=lambda each: each["opening_fill_id"])
    assert (done["strategy_id"], done["open_qty"]) == (world.strategy, 0)
    assert (held["strategy_id"], held["open_qty"], held["qty"]) == (other, 1, 2)
    assert await world.trades() == before
    assert "record.voided.v1" in [each.type for each in said]
    assert {each.body["strategy_id"] for each in said if each.type == "record.opened.v1"} == {other}
    assert (await world.verify()).differences == ()
