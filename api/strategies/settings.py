"""From a request's settings to columns: pure, and the place of every rule about their values."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any, Final

from api.strategies.schemas import CreateIn, UpdateIn
from api.wire import invalid
from shared.domain.errors import AlertRefused
from shared.domain.names import name_key
from shared.domain.symbols import read_symbol

UNITS: Final = "Ticks"
_NOT_COLUMNS: Final = frozenset({"id", "accounts"})


def columns_of(body: CreateIn | UpdateIn, today: date) -> dict[str, Any]:
    """Column values: all of them for a new strategy, the named ones for a change.

    Raises InvalidInput `symbol.unknown`, `settings.units` or `settings.targets`.
    """
    named = set(type(body).model_fields) if isinstance(body, CreateIn) else body.model_fields_set
    out = {field: getattr(body, field) for field in named - _NOT_COLUMNS}
    if "name" in out:
        out["name_key"] = name_key(body.name)
    if "symbol" in out:
        out["symbol"] = checked_symbol(body.symbol, today, "symbol")
    if "timeframe" in out:
        out["timeframe"] = body.timeframe or None
    if "tpsl_units" in out:
        out["tpsl_units"] = _units(body.tpsl_units)
    if "take_profit" in out:
        out["take_profit"] = _targets(body.take_profit)
    if "stop_loss" in out:
        out["stop_loss"] = _leg(body.stop_loss, "stop_loss")
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


def _units(units: str) -> str:
    if units.casefold() != UNITS.casefold():
        raise invalid(
            "settings.units", "Targets and stops are given in Ticks; others follow.", "tpsl_units"
        )
    return UNITS


def _targets(distances: list[Decimal]) -> list[Decimal]:
    legs = [leg for each in distances if (leg := _leg(each, "take_profit")) is not None]
    if len(legs) > 1:
        raise invalid("settings.targets", "One target is possible; more follow.", "take_profit")
    return legs


def _leg(distance: Decimal | None, field: str) -> Decimal | None:
    """Whole ticks; 0 is how the original says "none"."""
    if distance is None or distance == 0:
        return None
    if distance != distance.to_integral_value():
        raise invalid("settings.units", "Only whole ticks are possible.", field)
    return distance
