"""Work that waits at the same moment is done together, in one transaction, and answered apart.

Idle, an item is worked on at once and alone. Under a burst each transaction takes what has come
since the one before, so a commit's cost is shared instead of paid in a row.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Any, Final, Generic, TypeVar

from shared.runtime.logging import get_logger

_log = get_logger(__name__)

SIZE_MAX: Final = 64

Item = TypeVar("Item")
Result = TypeVar("Result")
_Waiting = tuple[Item, "asyncio.Future[Result]"]


class GroupLateError(TimeoutError):
    """The group did not finish in time. What it did, or did not do, is not known."""


class Groups(Generic[Item, Result]):
    """`work` gets the items of one key in their order and answers in the same order.

    `is_for_all` tells an error that would meet every item (time is up, the database is away) from
    one that some item caused. After the latter, `work` must have had no effect.
    """

    def __init__(
        self,
        work: Callable[[Sequence[Item]], Awaitable[Sequence[Result]]],
        is_for_all: Callable[[Exception], bool],
        limit_s: float,
    ) -> None:
        self._work = work
        self._is_for_all = is_for_all
        self._limit_s = limit_s
        self._queues: dict[Hashable, deque[_Waiting[Item, Result]]] = {}
        # Held here so that they are not collected half-way.
        self._tasks: set[asyncio.Future[Any]] = set()

    async def do(self, key: Hashable, item: Item) -> Result:
        """The result for this item; raises what its group raised.

        A caller that gives up while the item still waits takes it out of the queue.
        """
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        queue = self._queues.get(key)
        if queue is None:
            self._queues[key] = deque([(item, future)])
            self._keep(asyncio.create_task(self._serve(key)))
        else:
            queue.append((item, future))
        return await future

    def __len__(self) -> int:
        return len(self._queues)

    async def _serve(self, key: Hashable) -> None:
        queue = self._queues[key]
        try:
            while group := _take(queue):
                await self._answer(group)
        finally:
            # Nothing can be appended between an empty queue and this line.
            del self._queues[key]

    async def _answer(self, group: Sequence[_Waiting[Item, Result]]) -> None:
        try:
            results = await self._bounded([item for item, _ in group])
        except Exception as error:  # noqa: BLE001 - handed to those who wait, who know what it means
            if len(group) > 1 and not self._is_for_all(error):
                # One bad item must not take the others with it: nothing was done, try each alone.
                for one in group:
                    await self._answer([one])
                return
            for _, future in group:
                if not future.done():
                    future.set_exception(error)
            return
        for (_, future), result in zip(group, results, strict=True):
            if not future.done():
                future.set_result(result)

    async def _bounded(self, items: Sequence[Item]) -> Sequence[Result]:
        """Late work is cancelled but not waited for.

        Cleaning up behind a silent database takes longer than anybody here has.
        """
        task = asyncio.ensure_future(self._work(items))
        done, _ = await asyncio.wait({task}, timeout=self._limit_s)
        if done:
            return task.result()
        task.cancel()
        self._keep(task)
        raise GroupLateError

    def _keep(self, task: asyncio.Future[Any]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._forget)

    def _forget(self, task: asyncio.Future[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.info("late_work_failed", error=type(error).__name__)


def _take(queue: deque[_Waiting[Item, Result]]) -> list[_Waiting[Item, Result]]:
    """The next group, without those whose callers have gone."""
    group: list[_Waiting[Item, Result]] = []
    while queue and len(group) < SIZE_MAX:
        waiting = queue.popleft()
        if not waiting[1].done():
            group.append(waiting)
    return group
