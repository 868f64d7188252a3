"""Groups: together when they wait together, apart when one is bad, never longer than the limit."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from api.webhooks.groups import SIZE_MAX, GroupLateError, Groups


class Work:
    """Doubles numbers; waits for `gate`; refuses a group that holds `bad`."""

    def __init__(self, bad: int | None = None, error: Exception | None = None) -> None:
        self.groups: list[list[int]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self._bad = bad
        self._error = error or ValueError("bad")

    async def __call__(self, items: Sequence[int]) -> Sequence[int]:
        self.groups.append(list(items))
        await self.gate.wait()
        if self._bad in items:
            raise self._error
        return [item * 2 for item in items]


def grouped(work: Work, limit_s: float = 5.0) -> Groups[int, int]:
    return Groups(work, lambda error: isinstance(error, (GroupLateError, OSError)), limit_s)


async def test_what_waits_together_is_done_together_in_order() -> None:
    work = Work()
    groups = grouped(work)
    results = await asyncio.gather(*(groups.do("a", number) for number in range(200)))
    assert results == [number * 2 for number in range(200)]
    assert [number for group in work.groups for number in group] == list(range(200))
    assert max(map(len, work.groups)) == SIZE_MAX
    assert len(work.groups) == 4
    assert len(groups) == 0


async def test_keys_do_not_wait_for_each_other() -> None:
    work = Work()
    work.gate.clear()
    groups = grouped(work)
    waiting = asyncio.create_task(groups.do("a", 1))
    other = asyncio.create_task(groups.do("b", 2))
    await asyncio.wait({waiting, other}, timeout=0.01)
    assert work.groups == [[1], [2]]
    work.gate.set()
    assert (await waiting, await other) == (2, 4)


async def test_one_bad_item_fails_alone() -> None:
    work = Work(bad=2)
    results = await asyncio.gather(
        *(grouped_do for grouped_do in map(grouped(work).do, "aaa", (1, 2, 3))),
        return_exceptions=True,
    )
    assert results[0] == 2
    assert isinstance(results[1], ValueError)
    assert results[2] == 6


async def test_an_outage_meets_all_and_is_not_tried_again() -> None:
    work = Work(bad=2, error=OSError("away"))
    results = await asyncio.gather(*map(grouped(work).do, "aaa", (1, 2, 3)), return_exceptions=True)
    assert [type(result) for result in results] == [OSError] * 3
    assert work.groups == [[1, 2, 3]]


async def test_late_work_is_given_up_and_the_next_is_taken() -> None:
    work = Work()
    work.gate.clear()
    groups = grouped(work, limit_s=0.05)
    with pytest.raises(GroupLateError):
        await groups.do("a", 1)
    work.gate.set()
    assert await groups.do("a", 2) == 4


async def test_who_has_gone_is_not_worked_for() -> None:
    work = Work()
    work.gate.clear()
    groups = grouped(work)
    first = asyncio.create_task(groups.do("a", 1))
    gone = asyncio.create_task(groups.do("a", 2))
    last = asyncio.create_task(groups.do("a", 3))
    await asyncio.wait({first}, timeout=0.01)
    assert work.groups == [[1, 2, 3]]
    extra = asyncio.create_task(groups.do("a", 4))
    await asyncio.wait({extra}, timeout=0.01)
    extra.cancel()
    work.gate.set()
    assert await first == 2
    assert await gone == 4
    assert await last == 6
    assert await groups.do("a", 5) == 10
    assert not any(4 in group for group in work.groups)
