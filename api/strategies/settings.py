"""From a request's settings to columns: pure, and the place of every rule about their values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import date
from decimal import Decimal
from typing import Any, Final, TypeVar

from pydantic import ValidationError

from api.strategies import shorthand
from api.strategies.schemas import ChangeIn, CreateIn, SettingsIn, TimeFilterIn
from api.wire import invalid
from shared.domain.errors import AlertRefused, InvalidInput
from shared.domain.names import name_key
from shared.domain.rules import StrategyRules
from shared.domain.rules.base import Rule
from shared.domain.rules.bracket import DistanceUnit
from shared.domain.symbols import read_symbol

_NOT_COLUMNS: Final = shorthand.NAMES | {
    *("id", "accounts", "rules", "on_open", "hand_over_to"),
}
_FIELDS_MAX: Final = 20
Rules = TypeVar("Rules", bound=Rule)


def columns_of(body: CreateIn | ChangeIn, today: date) -> dict[str, Any]:
    """Column values but the rules: all for a new strategy, the named ones for a change.

    Raises InvalidInput `symbol.unknown`.
    """
    named = set(type(body).model_fields) if isinstance(body, CreateIn) else body.model_fields_set
    out = {field: getattr(body, field) for field in named - _NOT_COLUMNS}
    if "name" in out:
        out["name_key"] = name_key(body.name)
    if "symbol" in out:
        out["symbol"] = checked_symbol(body.symbol, today, "symbol")
    if "timeframe" in out:
        out["timeframe"] = body.timeframe or None
    return out


def rules_of(
    body: SettingsIn, before: StrategyRules, own_id: int | None, names: Mapping[int, str]
) -> StrategyRules:
    """The rules after the request: what it names is changed and nothing else.

    `names`: id -> name of every strategy of the user. Raises InvalidInput `request.invalid`,
    `follow.unknown`, `follow.self`, `settings.average_down`, and what `shorthand.applied` raises.
    """
    named = body.rules.model_dump(mode="json", exclude_unset=True) if body.rules else {}
    rules = valid(StrategyRules, merged(before.stored(), named))
    document = shorthand.applied(_short(body), rules, names, frozenset(named))
    rules = valid(StrategyRules, document)
    average = rules.bracket.average_down
    if average is not None and average.unit is DistanceUnit.PRICE:
        message = "A step is a distance, not a price level."
        raise invalid("settings.average_down", message, "rules.bracket.average_down.unit")
    _require_own(rules, before, own_id, names)
    return rules


def merged(document: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """RFC 7396: objects are merged, null takes away, anything else replaces."""
    out = dict(document)
    for name, value in patch.items():
        if value is None:
            out.pop(name, None)
        elif isinstance(value, Mapping):
            inner = out.get(name)
            out[name] = merged(inner if isinstance(inner, Mapping) else {}, value)
        else:
            out[name] = value
    return out


def checked_symbol(symbol: str | None, today: date, field: str) -> str | None:
    """None for an empty one."""
    if not symbol:
        return None
    try:
        read_symbol(symbol, today)
    except AlertRefused as error:
        raise invalid(error.code, error.message, field) from error
    return symbol


def _short(body: SettingsIn) -> dict[str, Any]:
    """What is named of the shorthand; 0 is how the original says that there is no leg."""
    given = {name: getattr(body, name) for name in body.model_fields_set & shorthand.NAMES}
    if "take_profit" in given:
        pairs = zip(body.take_profit, _padded(body), strict=True)
        legs = [(at, trim) for at, trim in pairs if at]
        given["take_profit"] = tuple(at for at, _ in legs)
        given["trim"] = tuple(trim for _, trim in legs) + tuple(body.trim[len(body.take_profit) :])
        if "trim" not in body.model_fields_set:
            del given["trim"]
    if "trim" in given and not any(given["trim"]):
        given["trim"] = ()
    if "stop_loss" in given:
        given["stop_loss"] = body.stop_loss or None
    if "time_filter" in given:
        given["time_filter"] = _time_filter(body.time_filter)
    return given


def _padded(body: SettingsIn) -> list[Decimal]:
    """A trim for each target."""
    return [*body.trim, *[Decimal(0)] * len(body.take_profit)][: len(body.take_profit)]


def _time_filter(told: TimeFilterIn | None) -> shorthand.TimeFilter:
    if told is None:
        return shorthand.TimeFilter()
    ends = {field.name: getattr(told, field.name) for field in fields(shorthand.TimeFilter)}
    return shorthand.TimeFilter(**ends)


def valid(model: type[Rules], document: Mapping[str, Any]) -> Rules:
    """Raises InvalidInput `request.invalid` with the paths of the fields."""
    try:
        return model.model_validate(document)
    except ValidationError as error:
        found = [
            {
                "field": ".".join(("rules", *(str(part) for part in one["loc"]))),
                "message": one["msg"],
            }
            for one in error.errors()[:_FIELDS_MAX]
        ]
        raise InvalidInput("request.invalid", "Some fields are not right.", fields=found) from error


def _require_own(
    rules: StrategyRules, before: StrategyRules, own_id: int | None, names: Mapping[int, str]
) -> None:
    """Another user's strategy is as unknown as one that never was.

    One that was followed before may be gone since: that forbids no other change.
    """
    followed = {each.strategy_id for each in rules.follows}
    if own_id in followed:
        raise invalid("follow.self", "A strategy cannot follow itself.", "rules.follows")
    if not followed - {each.strategy_id for each in before.follows} <= names.keys():
        raise invalid("follow.unknown", "There is no such strategy to follow.", "rules.follows")


def require_no_circle(
    rules: StrategyRules,
    before: StrategyRules,
    own_id: int,
    follows: Mapping[int, frozenset[int]],
) -> None:
    """Strategies that wait for one another would never trade. Raises `follow.circle`.

    `follows`: id -> ids that it follows, of every strategy of the user. One that stands in a
    circle already may be changed in anything else.
    """
    if rules.follows == before.follows:
        return
    seen: set[int] = set()
    ahead = [each.strategy_id for each in rules.follows]
    while ahead:
        followed = ahead.pop()
        if followed == own_id:
            message = "It would follow a strategy that follows it, itself or through others."
            raise invalid("follow.circle", message, "rules.follows")
        if followed not in seen:
            seen.add(followed)
            ahead += follows.get(followed, frozenset())
