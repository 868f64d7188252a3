"""Everything that can be made to go wrong, by name: the venue's switches and the network's."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum, auto
from types import MappingProxyType
from typing import Any, Final, assert_never

from paper.rows import Fill
from paper.scribe import Sender
from tests.simulation import wire
from tests.simulation.executor import Executor
from tests.simulation.life import CONTRACT, PRICE, Exit, Moment, Strike
from tests.simulation.venue_in_process import START, USER
from tests.simulation.wire import Blow, Way

OUTAGE_S: Final = 5.0
_ANY: Final = frozenset(Moment)
_HELD: Final = _ANY - {Moment.ENTRY}  # there is a fill, and a position or what is left of it
_ACCOUNT: Final = "<account>"
_CONTRACT: Final = "<contract>"
# These show at the next snapshot only, so one is asked for at once.
_OF_A_SNAPSHOT: Final = frozenset({"oversize_snapshot", "interleave_snapshot", "wrong_environment"})
_PROVOKING: Final = frozenset({"bust_fill", "stop_cancelled", "manual_order"})
_OF_A_FILL: Final = frozenset({"bust_fill", "correct_fill"})
# The trading day of which the equity indices are traded in their next contract begins.
_ROLL: Final = datetime(2026, 3, 11, 22, 0, tzinfo=UTC)
_BEFORE_ROLL: Final = timedelta(seconds=30)


class Needs(Enum):
    """What must happen after an armed fault for it to act."""

    NOTHING = auto()  # it acts at once
    EVENT = auto()  # the venue has to tell something
    CALL = auto()  # we have to act on an order
    PLACING = auto()  # we have to send a new one


@dataclass(frozen=True, slots=True)
class Named:
    """A strike, the moments at which it means something, and when the life has to begin."""

    name: str
    strike: Strike
    moments: frozenset[Moment] = _ANY
    start: datetime = START
    needs: Needs = Needs.NOTHING

    @property
    def provokes(self) -> bool:
        """Whether it makes us send something that we would not send otherwise."""
        return self.name.partition("/")[0] in _PROVOKING

    def acts_alone(self, moment: Moment, exit_: Exit) -> bool:
        """Whether what it needs still comes when nothing else strikes.

        A target or a stop is the venue's doing: we send nothing after the legs were moved. After
        the end nothing is sent and nothing is told.
        """
        early = moment in (Moment.ENTRY, Moment.FILLED)
        match self.needs:
            case Needs.NOTHING:
                return True
            case Needs.EVENT:
                return early or moment is Moment.HELD or self._is_closing(moment, exit_)
            case Needs.CALL:
                return (
                    early
                    or (moment is Moment.HELD and exit_ is Exit.SIGNAL)
                    or (self._is_closing(moment, exit_))
                )
            case Needs.PLACING:
                held = moment in (Moment.FILLED, Moment.HELD) and exit_ is Exit.SIGNAL
                return moment is Moment.ENTRY or held or self._is_closing(moment, exit_)
            case _:
                assert_never(self.needs)

    @staticmethod
    def _is_closing(moment: Moment, exit_: Exit) -> bool:
        return moment is Moment.EXITING and exit_ is Exit.SIGNAL

    def __str__(self) -> str:
        return self.name


def _switch(name: str, **options: object) -> Strike:
    """A switch of the venue's control; without a fill there is none to be taken back."""

    async def strike(stage: Executor) -> None:
        known = {_ACCOUNT: stage.account.name, _CONTRACT: _traded(stage)}
        body: dict[str, Any] = {key: known.get(str(value), value) for key, value in options.items()}
        if name not in _OF_A_FILL or _has_fill(stage):
            await stage.world.control("fault", name=name, **body)
        if name in _OF_A_SNAPSHOT:
            await stage.world.control("fault", name="drop_sockets")

    return strike


def _traded(stage: Executor) -> str:
    """The contract of the last fill, the one that an entry would be in before there is any."""
    venue = stage.world.venue
    fills = sorted(venue.store.of_account(Fill, stage.account.account), key=lambda fill: fill.id)
    return venue.reference.must(fills[-1].contract_id).name if fills else CONTRACT


def _has_fill(stage: Executor) -> bool:
    fills = stage.world.venue.store.of_account(Fill, stage.account.account)
    return any(fill.active for fill in fills)


def _blow(strike: wire.Strike, way: Way, marker: str) -> Strike:
    async def blow(stage: Executor) -> None:
        stage.world.link.arm(Blow(strike, way, marker))

    return blow


async def _outage(stage: Executor) -> None:
    link = stage.world.link
    link.is_down = True
    link.cut()

    def back() -> None:
        link.is_down = False

    asyncio.get_running_loop().call_later(OUTAGE_S, back)


async def _roll(stage: Executor) -> None:
    """Time goes on to just after the next trading day has begun, and the next contract with it."""
    left = _ROLL - stage.world.clock.now() + timedelta(seconds=1)
    await stage.world.clock.sleep(max(0.0, left.total_seconds()))


async def _stop_cancelled(stage: Executor) -> None:
    """A person takes our stop away."""
    venue = stage.world.venue
    user_id = venue.store.user_of(stage.account.account)
    for order in stage.working():
        if venue.trading.scribe.version_of(order.id).order_type == "Stop":
            venue.trading.cancel(order.id, Sender(user_id=user_id, is_automated=False))
    venue.commit()


def _all(*entries: tuple[str, Mapping[str, object], frozenset[Moment]]) -> tuple[Named, ...]:
    return tuple(
        Named(
            name,
            _switch(name.partition("/")[0], **options),
            moments,
            needs=_NEEDS.get(name.partition("/")[0], Needs.NOTHING),
        )
        for name, options, moments in entries
    )


_NEEDS: Final = (
    dict.fromkeys(("duplicate_events", "reverse_events", "shuffle_events"), Needs.EVENT)
    | dict.fromkeys(("lose_answer", "error_after_accept", "timeout_before_accept"), Needs.CALL)
    | dict.fromkeys(("delay_answer_ms", "answer_before_event", "expire_mid_flight"), Needs.CALL)
    | dict.fromkeys(("reject_next", "time_penalty", "captcha_penalty"), Needs.PLACING)
    | {"storm_429": Needs.CALL}
)
_NOTHING: Final[Mapping[str, object]] = MappingProxyType({})
_SWITCHES: Final = _all(
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
        {"account": _ACCOUNT, "symbol": _CONTRACT, "action": "Sell", "qty": 1},
        _ANY,
    ),
    (
        "manual_order/all",
        {"account": _ACCOUNT, "symbol": _CONTRACT, "action": "Sell", "qty": 2},
        _HELD,
    ),
    ("manual_flatten", {"account": _ACCOUNT}, _HELD),
    ("forced_liquidation", {"account": _ACCOUNT}, _HELD),
    ("account_state", {"account": _ACCOUNT, "action": "LiquidateOnlyModeImmediately"}, _ANY),
    ("account_state/locked", {"account": _ACCOUNT, "action": "LockTradingImmediately"}, _ANY),
    ("expire_tokens", {"user": USER}, _ANY),
    ("third_session", {"user": USER}, _ANY),
    ("maintenance", {"s": 5}, _ANY),
    ("replay_day", _NOTHING, _ANY),
)

_BLOWS: Final = tuple(
    Named(
        f"{strike}/{way}",
        _blow(strike, way, "order/" if way is Way.OUT else "a["),
        needs=Needs.CALL if way is Way.OUT else Needs.EVENT,
    )
    for strike in wire.Strike
    for way in Way
)

STRIKES: Final = (
    *_SWITCHES,
    Named("roll_date", _roll, _ANY, start=_ROLL - _BEFORE_ROLL),
    *_BLOWS,
    Named("outage", _outage),
    Named("stop_cancelled", _stop_cancelled, frozenset({Moment.HELD})),
)
