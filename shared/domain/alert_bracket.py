"""Stops, targets and trails that an alert brings along, in its own units.

A bare number has no unit: it is refused, unless the alert names one beside it (`units`) or in
the field's name (`sl_ticks`). The objects `stopLoss` and `takeProfit` are TradersPost's; its
`amount` is in the price's own points: https://docs.traderspost.io/docs/core-concepts/signals/webhooks.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from shared.domain import alert_synonyms as names
from shared.domain.alert_body import fold_names
from shared.domain.alert_codes import ParseCode, refusal, shown
from shared.domain.alert_fields import AlertFields, agreed, number_of
from shared.domain.alert_signal import Level
from shared.domain.errors import AlertRefused
from shared.domain.rules.bracket import DistanceUnit

MAX_TARGETS: Final = 10
_AT_MAX: Final = Decimal(1_000_000)
_DECIMALS_MAX: Final = 9

UNIT_WORDS: Final = {
    **{unit.value: unit for unit in DistanceUnit},
    "tick": DistanceUnit.TICKS,
    "point": DistanceUnit.POINTS,
    "pts": DistanceUnit.POINTS,
    "pct": DistanceUnit.PERCENT,
    "%": DistanceUnit.PERCENT,
    "dollar": DistanceUnit.DOLLARS,
    "usd": DistanceUnit.DOLLARS,
}
_WITH_UNIT = re.compile(r"([0-9.,+-]{1,40}) ?(%|[A-Za-z]{1,8})")
_STOP_KEYS: Final = {
    **{unit.value: unit for unit in DistanceUnit},
    "amount": DistanceUnit.POINTS,
    "stopprice": DistanceUnit.PRICE,
}
_TARGET_KEYS: Final = {
    **{unit.value: unit for unit in DistanceUnit},
    "amount": DistanceUnit.POINTS,
    "limitprice": DistanceUnit.PRICE,
}
_TRAIL_KEYS: Final = {
    "trailamount": DistanceUnit.POINTS,
    "trailpercent": DistanceUnit.PERCENT,
}


@dataclass(frozen=True, slots=True)
class AlertBracket:
    targets: tuple[Level, ...] = ()
    stop: Level | None = None
    trail: Level | None = None


def bracket_of(fields: AlertFields) -> AlertBracket:
    """Raises `AlertRefused` `parse.bracket` or `.contradiction`."""
    stop = _one(fields, names.STOP_LOSS, _STOP_KEYS)
    trail = _one(fields, names.TRAIL, {})
    inside = agreed(
        {name: _trail_inside(value) for name, value in _objects(fields) if _trails(value)}
    )
    if trail is not None and inside is not None and trail != inside:
        raise refusal(ParseCode.CONTRADICTION, "The alert gives two trailing stops.")
    trail = trail or inside
    if trail is not None and trail.unit is DistanceUnit.PRICE:
        raise refused("A trailing stop follows at a distance, not at a price.", trail.at)
    return AlertBracket(_targets(fields), stop, trail)


def level(value: object, unit: DistanceUnit | None) -> Level:
    """The level that a value gives, in the unit known from elsewhere or written behind it."""
    told = _WITH_UNIT.fullmatch(value.strip()) if isinstance(value, str) else None
    if told is not None and told[2].lower() in UNIT_WORDS:
        own = UNIT_WORDS[told[2].lower()]
        if unit not in (None, own):
            raise refused("A level has two units.", value)
        value, unit = told[1], own
    at = number_of(value)
    if at is None:
        raise refused("A level is a number, with or without its unit.", value)
    if unit is None:
        raise refused("A level needs a unit: ticks, points, percent, dollars or price.", value)
    exponent = at.as_tuple().exponent
    if not 0 < at <= _AT_MAX or not isinstance(exponent, int) or exponent < -_DECIMALS_MAX:
        raise refused("A level is above zero; leave the field out where there is none.", value)
    return Level(at, unit)


def refused(message: str, value: object) -> AlertRefused:
    return refusal(ParseCode.BRACKET, message, value=shown(value))


def _one(
    fields: AlertFields, stems: tuple[str, ...], keys: Mapping[str, DistanceUnit]
) -> Level | None:
    units = _units(fields, stems)
    found = {
        name: _read(value, units, keys)
        for name, value in fields.items(*stems)
        if not _trails(value)
    }
    return agreed(found | _suffixed(fields, stems))


def _targets(fields: AlertFields) -> tuple[Level, ...]:
    """In the order written; the same target under two names is one."""
    levels: list[Level] = []
    units = _units(fields, names.TAKE_PROFIT)
    single, numbered = names.TAKE_PROFIT[:3], names.TAKE_PROFIT[3:]
    for name, value in fields.items(*names.TAKE_PROFIT):
        rungs = value if isinstance(value, list) else [value]
        if not 0 < len(rungs) <= MAX_TARGETS or (name in numbered and rungs is value):
            raise refused("Targets are one to ten levels.", name)
        levels += [_read(rung, units, _TARGET_KEYS) for rung in rungs]
    if len(fields.items(*single)) > 1 and len(set(levels)) > 1:
        raise refusal(ParseCode.CONTRADICTION, "Two fields that mean the same differ.")
    one = agreed(_suffixed(fields, single))
    levels += [] if one is None else [one]
    levels += [
        each for stem in numbered if (each := agreed(_suffixed(fields, (stem,)))) is not None
    ]
    return tuple(dict.fromkeys(levels))


def _suffixed(fields: AlertFields, stems: tuple[str, ...]) -> dict[str, Level]:
    return {
        name: level(value, unit)
        for stem in stems
        for unit in DistanceUnit
        for name, value in fields.items(f"{stem}_{unit.value}")
    }


def _units(fields: AlertFields, stems: tuple[str, ...]) -> DistanceUnit | None:
    own = tuple(f"{stem}_{kind}" for stem in stems for kind in ("units", "unit"))
    near = agreed({name: _unit(value) for name, value in fields.items(*own)})
    if near is not None:
        return near
    return agreed({name: _unit(value) for name, value in fields.items(*names.UNITS)})


def _unit(word: object) -> DistanceUnit:
    unit = UNIT_WORDS.get(word.strip().lower()) if isinstance(word, str) else None
    if unit is None:
        raise refused("A unit is ticks, points, percent, dollars or price.", word)
    return unit


def _read(value: object, unit: DistanceUnit | None, keys: Mapping[str, DistanceUnit]) -> Level:
    if not isinstance(value, dict):
        return level(value, unit)
    inner = fold_names(list(value.items()))
    present = {key: inner[key] for key in keys if inner.get(key) is not None}
    if len(present) != 1 or str(inner.get("type") or "stop") != "stop":
        raise refused("A stop or target has exactly one level, in a unit we know.", value)
    ((key, at),) = present.items()
    if "stopprice" in keys and inner.get("limitprice") is not None:
        raise refused("A protective stop is a stop order, not a stop limit.", value)
    return level(at, keys[key])


def _objects(fields: AlertFields) -> list[tuple[str, object]]:
    return fields.items(*names.STOP_LOSS)


def _trails(value: object) -> bool:
    if not isinstance(value, dict):
        return False
    inner = fold_names(list(value.items()))
    return inner.get("type") == "trailing_stop" or any(
        inner.get(key) is not None for key in _TRAIL_KEYS
    )


def _trail_inside(value: object) -> Level:
    inner = fold_names(list(value.items())) if isinstance(value, dict) else {}
    present = {key: inner[key] for key in _TRAIL_KEYS if inner.get(key) is not None}
    levels = [key for key in _STOP_KEYS if inner.get(key) is not None]
    if len(present) != 1 or levels or inner.get("type", "trailing_stop") != "trailing_stop":
        raise refused("A trailing stop has trailAmount or trailPercent, and no other level.", value)
    ((key, at),) = present.items()
    return level(at, _TRAIL_KEYS[key])
