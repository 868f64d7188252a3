"""Everything that can be made to go wrong, by name: the venue's switches and the network's."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from paper.faults import Fault
from paper.rows import Fill
from tests.simulation import wire
from tests.simulation.life import CONTRACT, PRICE, Moment, Stage, Strike
from tests.simulation.venue_in_process import USER
from tests.simulation.wire import Blow, Way

OUTAGE_S: Final = 5.0
_ANY: Final = frozenset(Moment)
_HELD: Final = frozenset({Moment.WORKING, Moment.EXIT})  # there is a fill, and a position
_ACCOUNT: Final = "<account>"
_OF_A_FILL: Final = frozenset({"bust_fill", "correct_fill"})


@dataclass(frozen=True, slots=True)
class Named:
    """A strike, and the moments at which it means something."""

    name: str
    strike: Strike
    moments: frozenset[Moment] = _ANY

    def __str__(self) -> str:
        return self.name


def _switch(name: str, **options: object) -> Strike:
    """A switch of the venue's control; without a fill there is none to be taken back."""

    async def strike(stage: Stage) -> None:
        body: dict[str, Any] = {
            key: stage.account.name if value == _ACCOUNT else value
            for key, value in options.items()
        }
        if name not in _OF_A_FILL or _has_fill(stage):
            await stage.world.control("fault", name=name, **body)

    return strike


def _has_fill(stage: Stage) -> bool:
    fills = stage.world.venue.store.of_account(Fill, stage.account.account)
    return any(fill.active for fill in fills)


def _blow(strike: wire.Strike, way: Way, marker: str) -> Strike:
    async def blow(stage: Stage) -> None:
        stage.world.link.arm(Blow(strike, way, marker))

    return blow


async def _outage(stage: Stage) -> None:
    link = stage.world.link
    link.is_down = True
    link.cut()

    def back() -> None:
        link.is_down = False

    asyncio.get_running_loop().call_later(OUTAGE_S, back)


def _switches() -> list[Named]:
    """Those of the venue that means the words below; a venue without one is not asked for it."""
    known = {fault.value for fault in Fault}
    return [named for named in _ALL_SWITCHES if named.name.partition("/")[0] in known]


def _all(*entries: tuple[str, Mapping[str, object], frozenset[Moment]]) -> tuple[Named, ...]:
    return tuple(
        Named(name, _switch(name.partition("/")[0], **options), moments)
        for name, options, moments in entries
    )


_NOTHING: Final[Mapping[str, object]] = MappingProxyType({})
_ALL_SWITCHES: Final = _all(
    ("lose_answer", _NOTHING, _ANY),
    ("error_after_accept", _NOTHING, _ANY),
    ("timeout_before_accept", _NOTHING, _ANY),
    ("delay_answer_ms", {"ms": 3000}, _ANY),
    ("delay_answer_ms/too_late", {"ms": 8000}, _ANY),
    ("answer_before_event", {"ms": 2000}, _ANY),
    ("duplicate_events", {"count": 20}, _ANY),
    ("reverse_events", {"count": 20}, _ANY),
    ("shuffle_events", {"count": 20, "seed": 3}, _ANY),
    ("reject_next", {"reason": "NotEnoughLiquidity"}, _ANY),
    ("reject_next/answer", {"reason": "NotEnoughLiquidity", "as": "answer"}, _ANY),
    ("reject_next/undecided", {"reason": "RiskCheckTimeout", "as": "answer"}, _ANY),
    ("expire_mid_flight", _NOTHING, _ANY),
    ("time_penalty", {"on": "order", "p_time": 2}, _ANY),
    ("captcha_penalty", {"on": "order"}, _ANY),
    ("storm_429", {"count": 5}, _ANY),
    ("oversize_snapshot", {"bytes": 200_000}, _ANY),
    ("interleave_snapshot", _NOTHING, _ANY),
    ("wrong_environment", {"count": 8}, _ANY),
    ("drop_sockets", _NOTHING, _ANY),
    ("bust_fill", {"account": _ACCOUNT}, _HELD),
    ("correct_fill", {"account": _ACCOUNT, "price": str(PRICE + 1)}, _HELD),
    (
        "manual_order",
        {"account": _ACCOUNT, "symbol": CONTRACT, "action": "Sell", "qty": 1},
        _ANY,
    ),
    ("manual_flatten", {"account": _ACCOUNT}, _ANY),
    ("forced_liquidation", {"account": _ACCOUNT}, _HELD),
    ("expire_tokens", {"user": USER}, _ANY),
    ("third_session", {"user": USER}, _ANY),
    ("maintenance", {"s": 5}, _ANY),
    ("replay_day", _NOTHING, _ANY),
)

_BLOWS: Final = tuple(
    Named(f"{strike}/{way}", _blow(strike, way, "order/" if way is Way.OUT else "a["))
    for strike in wire.Strike
    for way in Way
)

STRIKES: Final = (*_switches(), *_BLOWS, Named("outage", _outage))
