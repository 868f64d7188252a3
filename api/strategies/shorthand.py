"""Rules under the names of the original, both ways: pure.

What is told back as it was shown changes nothing, even where the original's form cannot show all
of a rule (a third window, a unit per target). So a client of the original may send a whole
strategy back and lose nothing it never knew of.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import time
from decimal import Decimal
from typing import Any, Final

from api.wire import invalid
from shared.domain.names import name_key
from shared.domain.rules import StrategyRules
from shared.domain.rules.bracket import AverageDown, Bracket, DistanceUnit, Stop, Trail, TrimUnit
from shared.domain.rules.entries import Follow, FollowRule, Hours, Window

UNITS: Final = {unit: unit.value.capitalize() for unit in DistanceUnit}
TRIM_UNITS: Final = {unit: unit.value.capitalize() for unit in TrimUnit}
_WINDOWS: Final = 2  # as many as the original has


@dataclass(frozen=True, slots=True)
class TimeFilter:
    """Two windows of a day, to the minute; None at both ends: no window."""

    start1: time | None = None
    stop1: time | None = None
    start2: time | None = None
    stop2: time | None = None


@dataclass(frozen=True, slots=True)
class Shorthand:
    """The rules that the original has names for. 0, "" and None are how it says "none"."""

    take_profit: tuple[Decimal, ...] = ()
    trim: tuple[Decimal, ...] = ()
    tpsl_units: DistanceUnit = DistanceUnit.TICKS
    trim_units: TrimUnit | None = None
    stop_loss: Decimal | None = None
    stop_units: DistanceUnit = DistanceUnit.TICKS
    stop_trails: bool = False
    directional_strategy: str = ""
    inverse: bool = False
    add_delay_s: int = 0
    max_position_contracts: int = 0
    time_filter: TimeFilter = TimeFilter()
    average_down_step: Decimal = Decimal(0)
    average_down_contracts: int = 0
    average_down_units: DistanceUnit | None = None


NAMES: Final = frozenset(field.name for field in fields(Shorthand))
_OF_TARGETS: Final = frozenset({"take_profit", "trim", "tpsl_units", "trim_units"})
_OF_STOP: Final = frozenset({"stop_loss", "stop_units", "stop_trails"})
_OF_AVERAGE: Final = frozenset(
    {"average_down_step", "average_down_contracts", "average_down_units"}
)
_OF_BRACKET: Final = _OF_TARGETS | _OF_STOP | _OF_AVERAGE
# Which rule a name is a part of, so that one rule is not told twice in one request.
_RULE: Final = {
    **dict.fromkeys(_OF_BRACKET, "bracket"),
    "directional_strategy": "follows",
    "inverse": "inverse",
    "add_delay_s": "entries",
    "max_position_contracts": "limits",
    "time_filter": "hours",
}


def shown(rules: StrategyRules, names: Mapping[int, str]) -> Shorthand:
    """`names`: strategy id -> name, of the user's own."""
    bracket = rules.bracket
    targets, stop, average = bracket.targets, bracket.stop, bracket.average_down
    trims = tuple(target.trim or Decimal(0) for target in targets)
    follow = _directional(rules.follows)
    return Shorthand(
        take_profit=tuple(target.at for target in targets),
        trim=trims if any(trims) else (),
        tpsl_units=targets[0].unit if targets else bracket.told_in,
        trim_units=targets[0].trim_unit if any(trims) else None,
        stop_loss=None if stop is None else stop.at,
        stop_units=bracket.told_in if stop is None else stop.unit,
        stop_trails=stop is not None and stop.trail is not None,
        directional_strategy="" if follow is None else names.get(follow.strategy_id, ""),
        inverse=rules.inverse,
        add_delay_s=rules.entries.add_delay_s,
        max_position_contracts=rules.limits.max_position_contracts or 0,
        time_filter=_time_filter(rules.hours),
        average_down_step=Decimal(0) if average is None else average.step,
        average_down_contracts=0 if average is None else average.contracts,
        average_down_units=None if average is None else average.unit,
    )


def applied(
    given: Mapping[str, Any], rules: StrategyRules, names: Mapping[int, str], told: frozenset[str]
) -> dict[str, Any]:
    """The rules, as JSON to be validated, with what `given` changes of them.

    `told`: the rules that the same request also tells in our own form. Raises InvalidInput
    `settings.twice`, `.trim`, `.trim_units`, `.trailing`, `.window`, `.average_down` or
    `follow.unknown`.
    """
    before = shown(rules, names)
    changed = {name: value for name, value in given.items() if value != getattr(before, name)}
    if not any(changed.get("trim", before.trim)):
        changed.pop("trim_units", None)  # the unit of nothing
    for name in changed:
        if _RULE[name] in told:
            raise invalid("settings.twice", "One rule is told in two ways.", name)
    after = replace(before, **changed)
    if "trim" not in given:
        after = replace(after, trim=after.trim[: len(after.take_profit)])
    if "tpsl_units" in changed and "stop_units" not in given:
        after = replace(after, stop_units=after.tpsl_units)
    document = rules.stored()
    for name in changed.keys() - _OF_BRACKET:
        _tell(name, after, document, names)
    if changed.keys() & _OF_BRACKET:
        document["bracket"] = _bracket(after, rules.bracket, changed)
    return document


def _tell(name: str, after: Shorthand, document: dict[str, Any], names: Mapping[int, str]) -> None:
    match name:
        case "inverse":
            document["inverse"] = after.inverse
        case "add_delay_s":
            document.setdefault("entries", {})["add_delay_s"] = after.add_delay_s
        case "max_position_contracts":
            most = after.max_position_contracts or None
            document.setdefault("limits", {})["max_position_contracts"] = most
        case "time_filter":
            document.setdefault("hours", {})["windows"] = _windows(after.time_filter)
        case _:
            follows = document.get("follows", [])
            document["follows"] = _follows(after.directional_strategy, follows, names)


def _bracket(after: Shorthand, old: Bracket, changed: Mapping[str, Any]) -> dict[str, Any]:
    document = old.stored()
    if "stop_trails" in changed and after.stop_trails and after.stop_loss is None:
        raise invalid("settings.trailing", "A stop that trails needs its distance.", "stop_loss")
    if changed.keys() & _OF_TARGETS:
        document["targets"] = _targets(after)
        document["told_in"] = after.tpsl_units
    moved = old.stop is not None and after.stop_units is not old.stop.unit
    if changed.keys() & _OF_STOP or moved:
        document["stop"] = _stop(after, old.stop)
    if changed.keys() & _OF_AVERAGE:
        document["average_down"] = _average(after, old.average_down)
    return document


def _average(after: Shorthand, old: AverageDown | None) -> dict[str, Any] | None:
    """How often is kept, or once: the original has no name for it."""
    step, contracts, unit = (
        after.average_down_step,
        after.average_down_contracts,
        after.average_down_units,
    )
    if not step and not contracts:
        return None  # the unit of nothing
    if not step or not contracts or unit is None:
        message = "Averaging down needs a step, its unit, and the contracts of an add."
        raise invalid("settings.average_down", message, "average_down_step")
    kept = {} if old is None else old.stored()
    return kept | {"step": str(step), "contracts": contracts, "unit": unit}


def _targets(after: Shorthand) -> list[dict[str, Any]]:
    """Trims stand beside their targets; 0 is no target and no trim."""
    if any(after.trim[len(after.take_profit) :]):
        raise invalid("settings.trim", "There are more trims than targets.", "trim")
    if any(after.trim) and after.trim_units is None:
        raise invalid("settings.trim_units", "Say trims in Contracts or in Percent.", "trim_units")
    trims = (*after.trim, *[Decimal(0)] * len(after.take_profit))
    unit = after.trim_units or TrimUnit.PERCENT
    return [
        {"at": str(at), "unit": after.tpsl_units}
        | ({"trim": str(trim), "trim_unit": unit} if trim else {})
        for at, trim in zip(after.take_profit, trims, strict=False)
    ]


def _stop(after: Shorthand, old: Stop | None) -> dict[str, Any] | None:
    if after.stop_loss is None:
        return None
    place: dict[str, Any] = {"at": str(after.stop_loss), "unit": after.stop_units}
    kept = {} if old is None else old.stored()
    if not after.stop_trails:
        kept.pop("trail", None)
    elif old is None or old.trail is None or _trails_plainly(old, old.trail):
        if after.stop_units is DistanceUnit.PRICE:
            message = "A stop that trails stands at a distance, not at a price."
            raise invalid("settings.trailing", message, "stop_units")
        place["trail"] = {"distance": str(after.stop_loss), "unit": after.stop_units}
    return kept | place


def _trails_plainly(stop: Stop, trail: Trail) -> bool:
    """As the original's form can say it: at its own distance from the start."""
    return trail == Trail(distance=stop.at, unit=trail.unit) and trail.unit is stop.unit


def _directional(follows: Sequence[Follow]) -> Follow | None:
    return next((each for each in follows if each.rule is FollowRule.SAME_SIDE), None)


def _follows(
    name: str, old: Sequence[Mapping[str, Any]], names: Mapping[int, str]
) -> list[Mapping[str, Any]]:
    """The directional strategy is the first whose side is followed: `rule` is not named there."""
    first = next((each for each in old if "rule" not in each), None)
    rest = [each for each in old if each is not first]
    if not name:
        return rest
    found = next((key for key, own in names.items() if name_key(own) == name_key(name)), None)
    if found is None:
        raise invalid("follow.unknown", "There is no such strategy to follow.", "DirStrat")
    return [{"strategy_id": found}, *rest]


def _time_filter(hours: Hours) -> TimeFilter:
    ends = [(window.start, window.stop) for window in hours.windows[:_WINDOWS]]
    flat = [end.replace(second=0, microsecond=0) for pair in ends for end in pair]
    return TimeFilter(*flat)


def _windows(told: TimeFilter) -> list[dict[str, Any]]:
    pairs = ((told.start1, told.stop1), (told.start2, told.stop2))
    if any((start is None) is not (stop is None) for start, stop in pairs):
        raise invalid("settings.window", "A window needs a start and a stop.", "TimeFilter")
    return [
        Window(start=start, stop=stop).stored()
        for start, stop in pairs
        if start is not None and stop is not None
    ]
