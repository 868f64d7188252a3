"""Snapshots that go wrong, sessions that are lost, days that come: in one process."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from paper import rows
from paper.faults import Fault
from paper.inprocess import InProcess, Line
from paper.mishaps import MISHAPS
from paper.venue import Venue
from tests.unit.paper.test_inprocess import LOGIN, post, until
from tests.unit.paper.test_long_life import timed
from tests.unit.paper.test_venue import ask, begun

SIZE = 5_000_000


async def authorised(wire: InProcess, line: Line) -> int:
    login = await post(wire, "auth/accesstokenrequest", LOGIN)
    await line.send(f"authorize\n0\n\n{login['accessToken']}")
    await until(line, '"i":0')
    return int(login["userId"])


async def answers(line: Line, body: dict[str, Any], number: int) -> list[str]:
    """The frames from the request of a snapshot until nothing more comes."""
    await line.send(f"user/syncrequest\n{number}\n\n{json.dumps(body)}")
    frames = [await until(line, "a[")]
    try:
        while True:
            async with asyncio.timeout(0.05):
                frames.append(await line.recv())
    except TimeoutError:
        return frames


async def test_a_snapshot_may_be_too_large_late_or_of_the_wrong_place() -> None:
    venue, _ = begun()
    wire = InProcess(venue)
    async with wire.connect() as line:
        body = {"users": [await authorised(wire, line)]}
        venue.faults.arm(Fault.WRONG_ENVIRONMENT, 1, {})
        (frame,) = await answers(line, body, 1)
        assert json.loads(frame[1:])[0]["d"] == {"users": [], "contractGroups": []}
        venue.faults.arm(Fault.OVERSIZE_SNAPSHOT, 1, {})
        (frame,) = await answers(line, body, 2)
        assert len(frame) > SIZE
        venue.faults.arm(Fault.INTERLEAVE_SNAPSHOT, 1, {})
        messages = [m for frame in await answers(line, body, 3) for m in json.loads(frame[1:])]
        assert [m.get("e") for m in messages] == ["props", "props", None]


async def test_parts_of_a_snapshot_carry_one_id() -> None:
    venue, _ = begun()
    wire = InProcess(venue)
    for _ in range(60):
        manual(venue, "Buy")
    async with wire.connect() as line:
        body = {"users": [await authorised(wire, line)], "splitResponses": True}
        parts = [json.loads(frame[1:])[0] for frame in await answers(line, body, 4)]
        assert len(parts) > 1
        assert {(part["i"], part["s"]) for part in parts} == {(4, 200)}
        assert sum(len(part["d"].get("fills", ())) for part in parts) == 60


def manual(venue: Venue, action: str) -> None:
    body = {"account": "PAPER1", "symbol": "NQZ6", "action": action, "qty": 1}
    MISHAPS[Fault.MANUAL_ORDER](venue, body)
    venue.commit()


async def test_a_login_elsewhere_ends_every_session_of_ours() -> None:
    venue, _ = begun()
    wire = InProcess(venue)
    async with wire.connect() as line:
        await authorised(wire, line)
        MISHAPS[Fault.THIRD_SESSION](venue, {"user": "paper"})
        assert "ConnectionQuotaReached" in await until(line, "shutdown")


def test_the_clock_can_be_put_before_the_day_and_before_the_roll() -> None:
    venue = timed()
    for body, now in (
        ({}, "2026-03-02T22:59:59.000Z"),
        ({"root": "NQ"}, "2026-03-11T21:59:59.000Z"),  # 8 days before the third Friday
    ):
        assert MISHAPS[Fault.ROLL_DATE](venue, body) == {"now": now}


def test_an_account_state_refuses_what_it_forbids() -> None:
    venue, _ = begun()
    for action, reason in (
        ("LockTradingImmediately", "TradingLocked"),
        ("LiquidateOnlyModeImmediately", "LiquidationOnly"),
    ):
        MISHAPS[Fault.ACCOUNT_STATE](venue, {"account": "PAPER1", "action": action})
        account = next(iter(venue.store.all(rows.Account))).id
        order = {"accountId": account, "action": "Buy", "symbol": "NQZ6", "orderQty": 1}
        ask(venue, "order/placeorder", order | {"orderType": "Market"})
        reports = list(venue.store.all(rows.CommandReport))
        assert reports[-1].reject_reason == reason
