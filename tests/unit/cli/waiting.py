"""Waiting for something that other processes bring about."""

import asyncio
from collections.abc import Callable

LOOK_EVERY_S = 0.01


async def eventually(condition: Callable[[], bool], limit_s: float) -> None:
    """Returns as soon as it holds; TimeoutError if it does not within `limit_s`."""
    async with asyncio.timeout(limit_s):
        while not condition():  # noqa: ASYNC110 - another process sets no event
            await asyncio.sleep(LOOK_EVERY_S)
