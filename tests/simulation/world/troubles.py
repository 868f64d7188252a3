"""What goes wrong in a world, drawn beforehand: when, what, and with which arguments."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random
from typing import Any, Final

PROCESSES: Final = ("left", "right")
SEATS: Final = 3
FAULTS_MIN: Final = 6
FAULTS_MAX: Final = 9
FIRST_AT_S: Final = 2.0

Args = dict[str, Any]


_SWITCHES: Final[tuple[tuple[str, dict[str, Any]], ...]] = (
    ("lose_answer", {}),
    ("lose_answer", {}),
    ("error_after_accept", {}),
    ("timeout_before_accept", {}),
    ("timeout_before_accept", {}),
    ("delay_answer_ms", {"ms": 2_000}),
    ("answer_before_event", {"ms": 300}),
    ("duplicate_events", {}),
    ("reverse_events", {}),
    ("shuffle_events", {"seed": 3}),
    ("reject_next", {"reason": "NotEnoughLiquidity", "as": "event"}),
    ("reject_next", {"reason": "NotEnoughLiquidity", "as": "answer"}),
    ("reject_next", {"reason": "RiskCheckTimeout", "as": "answer"}),
    ("expire_mid_flight", {}),
    ("time_penalty", {"on": "order", "p_time": 1}),
    ("storm_429", {"count": 2}),
    ("interleave_snapshot", {}),
    ("drop_sockets", {}),
    ("drop_sockets", {}),
    ("expire_tokens", {}),
    ("maintenance", {"s": 3}),
    ("replay_day", {}),
)
_POINTS: Final = (
    *("ledger.claim.after", "ledger.claim.before", "broker.place.before", "broker.place.after"),
    *("ledger.record.before", "ledger.record.after", "ledger.apply.before", "ledger.apply.after"),
    *("ledger.fan_out.before", "ledger.fan_out.after", "broker.modify.before"),
    *("broker.modify.after", "broker.cancel.before", "broker.cancel.after"),
    *("ledger.take_over.after", "ledger.found.before", "ledger.abandon.after"),
    *("ledger.move_leg.after", "ledger.guard_exit.after", "publish", "published"),
    *("ledger.renew_leases.after", "ledger.tighten.after", "ledger.close_all.after"),
)


_MISHAPS: Final = (
    *("manual_order", "bust_fill", "correct_fill", "manual_flatten", "forced_liquidation"),
)
_OVERTAKEN_S: Final = 7.0  # by then another has taken over and reconciled
_WRONG_BY_S: Final = (-300.0, -300.0, -20.0, 0.0, 3.0, 300.0, 300.0)


def faults(rng: Random, last_at_s: float) -> Iterator[tuple[float, str, Args]]:
    """At least `FAULTS_MIN` of them."""
    kinds = [*_KINDS]
    weights = [weight for weight, _ in _KINDS.values()]
    for kind in rng.choices(kinds, weights, k=rng.randint(FAULTS_MIN, FAULTS_MAX)):
        yield rng.uniform(FIRST_AT_S, last_at_s), kind, _KINDS[kind][1](rng)


def _away_s(rng: Random) -> float:
    return rng.choice((0.2, 1.0, 3.0, 6.0))


def _kill(rng: Random) -> Args:
    return {**_process(rng), "for_s": _away_s(rng), "flush": rng.random() < 0.5}


def _kill_at_point(rng: Random) -> Args:
    return {"point": rng.choice(_POINTS), "nth": rng.choice((1, 1, 2, 5)), "for_s": _away_s(rng)}


def _kill_at_write(rng: Random) -> Args:
    return {"nth": rng.choice((1, 1, 2)), "for_s": _away_s(rng)}


def _pause(rng: Random) -> Args:
    return {**_process(rng), "for_s": rng.choice((0.4, 1.2, 2.0, 2.0, 3.0, 6.0, 8.0))}


def _pause_at_point(rng: Random) -> Args:
    """Not between the last look at the deadline and the write: nothing can be done there."""
    point = rng.choice(("ledger.claim.after", "ledger.record.before"))
    return {"point": point, "nth": rng.choice((1, 2)), "for_s": rng.choice((2.0, 6.0))}


def _release(rng: Random) -> Args:
    return {**_process(rng), "for_s": rng.uniform(0.5, 4.0)}


def _blow(rng: Random) -> Args:
    strikes = ("cut_before", "cut_after", "half_open_before", "half_open_after", "delay")
    marker = rng.choice(("order/", "order/", "a["))
    return {**_process(rng), "strike": rng.choice(strikes), "marker": marker}


def _switch(rng: Random) -> Args:
    name, options = rng.choice(_SWITCHES)
    return {"name": name, **options}


def _database(rng: Random) -> Args:
    return {**_process(rng), "when": rng.choice(("before", "after", "after")), "n": 2}


def _stop_word(rng: Random) -> Args:
    scope, word = rng.choice(("account", "strategy", "user")), rng.choice(("kill", "pause"))
    return {"scope": scope, "word": word, "for_s": rng.uniform(1.0, 6.0)}


def _mishap(rng: Random) -> Args:
    name = rng.choice(_MISHAPS)
    return {"name": name, "seat": rng.randrange(SEATS)}


def _process(rng: Random) -> Args:
    return {"process": rng.choice(PROCESSES)}


# Kind -> how often, and its arguments. Each is a method of the life.
_KINDS: Final[dict[str, tuple[int, Callable[[Random], Args]]]] = {
    "kill": (16, _kill),
    "kill_at_point": (14, _kill_at_point),
    "kill_at_write": (8, _kill_at_write),
    "pause": (8, _pause),
    "pause_at_point": (8, _pause_at_point),
    "release": (4, _release),
    "overtake": (4, lambda _: {"for_s": _OVERTAKEN_S}),
    "outage": (4, lambda rng: {**_process(rng), "for_s": rng.uniform(0.5, 5.0)}),
    "blow": (10, _blow),
    "switch": (26, _switch),
    "database": (8, _database),
    "forget_bells": (2, lambda _: {}),
    "bells_away": (2, lambda rng: {"for_s": rng.uniform(0.5, 6.0)}),
    "stop_word": (5, _stop_word),
    "close_command": (2, lambda _: {}),
    "mishap": (7, _mishap),
    "skew": (6, lambda rng: {**_process(rng), "by_s": rng.choice(_WRONG_BY_S)}),
    "captcha": (1, lambda _: {}),
}
