"""The queue of one client: bounded, newest-wins for values, a fresh snapshot after overflow."""

from __future__ import annotations

import asyncio

from gateway.client import QUEUE_BYTES_MAX, QUEUE_FRAMES_MAX, REPLIES_MAX, Client
from shared.contracts.ws import CloseCode


def shot() -> bytes | None:
    return b"snapshot"


async def started() -> Client:
    client = Client(1)
    client.offer(b"before the snapshot: contained in it")
    assert await client.next(shot) == b"snapshot"
    return client


async def test_frames_keep_their_order_and_values_the_newest() -> None:
    client = await started()
    client.offer(b"pnl 1", "pnl")
    client.offer(b"order 1")
    client.offer(b"pnl 2", "pnl")
    client.offer(b"order 2")
    assert [await client.next(shot) for _ in range(3)] == [b"order 1", b"pnl 2", b"order 2"]


async def test_too_many_frames_become_a_snapshot() -> None:
    client = await started()
    for number in range(QUEUE_FRAMES_MAX):
        client.offer(b"%d" % number)
    assert client.waiting_frames == QUEUE_FRAMES_MAX
    client.offer(b"one more")
    client.offer(b"and another")
    assert client.waiting_frames == 0
    assert await client.next(shot) == b"snapshot"
    client.offer(b"after")
    assert await client.next(shot) == b"after"


async def test_too_many_bytes_become_a_snapshot() -> None:
    client = await started()
    half = b"x" * (QUEUE_BYTES_MAX // 2)
    for number in range(20):  # replaced each time, so never more than one counts
        client.offer(half, "pnl")
        assert client.waiting_frames == 1, number
    client.offer(half)
    assert client.waiting_frames == 2
    client.offer(b"x")
    assert await client.next(shot) == b"snapshot"


async def test_values_never_crowd_out_state() -> None:
    client = await started()
    client.offer(b"order")
    for number in range(10 * QUEUE_FRAMES_MAX):
        client.offer(b"%d" % number, "pnl")
    assert await client.next(shot) == b"order"


async def test_it_waits_for_a_snapshot_that_is_not_there_yet() -> None:
    client = Client(1)
    ready: list[bytes] = []
    waiting = asyncio.create_task(client.next(lambda: ready[0] if ready else None))
    await asyncio.sleep(0)
    assert not waiting.done()
    client.answer(b"reply")
    assert await waiting == b"reply"
    ready.append(b"snapshot")
    client.start_again()
    assert await client.next(lambda: ready[0]) == b"snapshot"


async def test_asking_without_reading_ends_it() -> None:
    client = Client(1)
    for _ in range(REPLIES_MAX + 1):
        client.answer(b"reply")
    assert (await client.ended()).code == CloseCode.REFUSED
    client.end(CloseCode.SIGNED_OUT, "later reasons do not count")
    assert (await client.ended()).code == CloseCode.REFUSED
