"""The numbered cases: each a promise in one line, and how it is put to the test."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from tests.contract.broker.desk import Desk, trading
from tests.contract.broker.stage import Setting, Stage

GROUPS: Final = {
    "TC-C": "Connect and sign in",
    "TC-R": "Reads",
    "TC-E": "Entry orders",
    "TC-B": "Brackets and pairs",
    "TC-M": "Modify",
    "TC-X": "Cancel",
    "TC-L": "Liquidate",
    "TC-U": "Unknown outcomes",
    "TC-F": "Fills and the order of events",
    "TC-S": "The socket",
    "TC-Q": "Limits and penalties",
    "TC-P": "Quotes",
    "TC-K": "Clock and days",
}
_AS_USUAL: Final = Setting()


@dataclass(frozen=True, slots=True)
class Case:
    number: str
    promise: str
    play: Callable[[Stage], Awaitable[None]]
    setting: Setting


CASES: Final[dict[str, Case]] = {}


def on_stage(
    number: str, promise: str, setting: Setting = _AS_USUAL
) -> Callable[[Callable[[Stage], Awaitable[None]]], Callable[[Stage], Awaitable[None]]]:
    """A case that opens its brokers itself."""

    def register(play: Callable[[Stage], Awaitable[None]]) -> Callable[[Stage], Awaitable[None]]:
        if number in CASES or number[:4] not in GROUPS:
            raise ValueError(f"{number} is taken, or of no group")
        CASES[number] = Case(number, promise, play, setting)
        return play

    return register


def case(
    number: str, promise: str, setting: Setting = _AS_USUAL
) -> Callable[[Callable[[Desk], Awaitable[None]]], Callable[[Desk], Awaitable[None]]]:
    """A case at a desk in sync. At its end the desk's books must equal the venue's."""

    def register(play: Callable[[Desk], Awaitable[None]]) -> Callable[[Desk], Awaitable[None]]:
        async def whole(stage: Stage) -> None:
            async with trading(stage) as desk:
                await play(desk)
                await desk.agrees()

        on_stage(number, promise, setting)(whole)
        return play

    return register
