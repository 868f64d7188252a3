"""Part of the whole week, told to whoever looks for a fault in it.

    python -m tests.simulation.week_part "Fri 15:50" ["SUN 17:30"] [--log FILE] [--profile FILE]

It begins in an empty house, so what came before it is missing: what goes right here may still go
wrong in the whole week. Lines of the log carry the week's time, not ours.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, timedelta
from pathlib import Path
from typing import Final

import structlog
from structlog.typing import EventDict

from tests.simulation import week_story as story
from tests.simulation.test_week import SEED, WHOLE
from tests.simulation.virtual_loop import run_virtual
from tests.simulation.week_check import check
from tests.simulation.week_house import House
from tests.simulation.week_story import Chapter, instant
from tests.simulation.world.quiet import quiet

THE_WEEK: Final = WHOLE[-1]


def part_of(whole: Chapter, begins: str, ends: str) -> Chapter:
    """What happens in `whole` between two moments of it."""
    first, last = instant(begins), instant(ends)
    moments = tuple(m for m in whole.moments if first <= instant(m.at) < last)
    return replace(whole, begins=begins, ends=ends, moments=moments)


@contextmanager
def logged(path: Path, begins: str) -> Iterator[None]:
    """The product's log, by the week's clock."""
    start = instant(begins).astimezone(UTC)

    def stamp(_: object, __: str, event: EventDict) -> EventDict:
        at = start + timedelta(seconds=asyncio.get_running_loop().time())
        return {"at": f"{at:%a %H:%M:%S.%f}"[:-3], **event}

    before = structlog.get_config()
    with path.open("w", buffering=1) as file:
        structlog.configure(
            processors=[
                structlog.contextvars.merge_contextvars,
                structlog.processors.format_exc_info,
                stamp,
                structlog.processors.KeyValueRenderer(key_order=["at", "event"]),
            ],
            logger_factory=structlog.WriteLoggerFactory(file),
            cache_logger_on_first_use=False,
        )
        try:
            yield
        finally:
            structlog.configure(**before)


@contextmanager
def profiled(path: str | None) -> Iterator[None]:
    profile = cProfile.Profile()
    if path is not None:
        profile.enable()
    try:
        yield
    finally:
        profile.disable()
        if path is not None:
            profile.dump_stats(path)


async def judge(house: House) -> None:
    print(*house.door.busiest(), sep="\n")
    await check(house)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("begins", help="such as 'Fri 15:50', in Chicago")
    parser.add_argument("ends", nargs="?", default=THE_WEEK.ends)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--log", type=Path)
    parser.add_argument("--profile")
    return parser.parse_args()


def main() -> None:
    """Raises what the check of the week raises."""
    options = _options()
    part = part_of(THE_WEEK, options.begins, options.ends)
    log = quiet() if options.log is None else logged(options.log, options.begins)
    with log, profiled(options.profile):
        run_virtual(story.tell((part,), options.seed, judge))


if __name__ == "__main__":
    main()
