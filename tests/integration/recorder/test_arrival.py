"""R4: whatever the order in which fills, fees, busts and their bells arrive, the books are equal.

The expected books come from an oracle in whole cents that shares nothing with the product.
"""

from __future__ import annotations

import asyncio
import random
from decimal import Decimal
from typing import Any

import pytest

from shared.contracts.envelope import Envelope
from tests.integration.recorder.world import World, shuffled
from tests.unit.domain.slow_trips import Row, slow_trips

FILLS = 24
TICK = Decimal("0.25")


def random_rows(rng: random.Random) -> list[Row]:
    """Small sizes, so that it is flat often; a few equal times, so that ids decide."""
    return [
        Row(
            fill_id=fill_id,
            second=rng.randrange(FILLS),
            buys=rng.random() < 0.5,
            qty=rng.randint(1, 3),
            ticks=rng.randint(20_000, 20_040),
            fee_cents=rng.choice([None, 0, 129, 258]),
        )
        for fill_id in range(1, FILLS + 1)
    ]


async def insert(world: World, row: Row) -> Envelope:
    await world.fill(
        row.fill_id,
        "Buy" if row.buys else "Sell",
        row.qty,
        str(row.ticks * TICK),
        fee=None if row.fee_cents is None else str(Decimal(row.fee_cents) / 100),
        second=row.second,
    )
    return world.recorded(row.fill_id)


async def late_truth(world: World, rows: list[Row], rng: random.Random) -> list[Envelope]:
    """Fees that come later, and two busts; the rows of the oracle follow."""
    bells: list[Envelope] = []
    for row in rows:
        if row.fee_cents is None and rng.random() < 0.8:
            row.fee_cents = 310
            await world.change_fill(row.fill_id, fee_usd=Decimal("3.10"))
            bells.append(world.fee_known(row.fill_id))
    for row in rng.sample(rows, 2):
        rows.remove(row)
        await world.change_fill(row.fill_id, active=False)
        bells.append(world.voided(row.fill_id))
    return bells


def expected(rows: list[Row]) -> list[tuple[Any, ...]]:
    return [
        (
            "BUY" if trip.buys else "SELL",
            trip.opening,
            trip.largest,
            len(trip.held),
            Decimal(trip.gross_cents) / 100,
            Decimal(trip.fee_cents) / 100,
            Decimal(trip.gross_cents - trip.fee_cents) / 100,
            trip.fees_known,
        )
        for trip in slow_trips(rows)
    ]


NAMES = ("side", "opening_fill_id", "qty", "open_qty", "gross_usd", "fees_usd", "net_usd")


async def books(world: World) -> list[tuple[Any, ...]]:
    rows = sorted(await world.records(), key=lambda row: (row["entry_at"], row["opening_fill_id"]))
    return [tuple(row[name] for name in (*NAMES, "fees_known")) for row in rows]


@pytest.mark.parametrize(("seed", "at_once"), [*((seed, 1) for seed in range(6)), (6, 3), (7, 32)])
async def test_any_arrival_gives_the_oracles_books(world: World, seed: int, at_once: int) -> None:
    rng = random.Random(seed)  # noqa: S311 - an order of arrival, not a secret
    rows = random_rows(rng)
    pending: list[Envelope] = []
    for row in rng.sample(rows, FILLS):
        pending.append(await insert(world, row))
        # Some bells ring at once, some wait while later fills are committed and rung.
        while pending and rng.random() < 0.6:
            some = [pending.pop(rng.randrange(len(pending))) for _ in pending[:at_once]]
            await world.ring(*some, at_once=at_once)
    pending += await late_truth(world, rows, rng)
    await world.ring(*shuffled(pending, seed), at_once=at_once)

    assert await books(world) == expected(rows)
    closed = {row["id"]: row for row in await world.records() if row["open_qty"] == 0}
    assert {row["recorded_position_id"] for row in await world.trades()} == closed.keys()
    for stored in await world.trades():
        assert stored["net_usd"] == closed[stored["recorded_position_id"]]["net_usd"]
    verified = await world.verify()
    assert (verified.books, verified.differences) == (1, ())


async def test_two_recorders_at_once_write_one_book(world: World) -> None:
    rng = random.Random(99)  # noqa: S311 - an order of arrival, not a secret
    rows = random_rows(rng)
    bells = [await insert(world, row) for row in rows]
    halves = (shuffled(bells, 1), shuffled(bells, 2))
    await asyncio.gather(*(world.ring(*half, at_once=n) for n, half in enumerate(halves, 1)))
    assert await books(world) == expected(rows)
    opened = [body for kind, body in await world.said() if kind == "record.opened.v1"]
    assert len({body["recorded_position_id"] for body in opened}) == len(opened)


async def test_versions_rise_without_a_gap_in_what_is_said(world: World) -> None:
    rng = random.Random(7)  # noqa: S311 - an order of arrival, not a secret
    for row in sorted(random_rows(rng), key=lambda row: (row.second, row.fill_id)):
        await world.ring(await insert(world, row))
    newest: dict[int, int] = {}
    for _, body in await world.said():
        row_id, version = body["recorded_position_id"], body["version"]
        assert version == newest.get(row_id, 0) + 1
        newest[row_id] = version
    stored = {row["id"]: row["version"] for row in await world.records()}
    assert newest == stored
