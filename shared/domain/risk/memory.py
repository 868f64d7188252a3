"""What is kept of a scope, as JSON: exact, and read back to the same value."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from shared.domain.risk.limits import LimitKind, Reached
from shared.domain.risk.prop import PropMark, PropState

Json = dict[str, Any]


def reached_to_json(reached: Iterable[Reached]) -> list[Json]:
    return [
        {
            "kind": each.kind.value,
            "period": each.period.isoformat(),
            "limit_usd": str(each.limit_usd),
            "result_usd": str(each.result_usd),
        }
        for each in sorted(reached, key=lambda one: (one.period, one.kind))
    ]


def reached_from_json(rows: Iterable[Mapping[str, Any]]) -> frozenset[Reached]:
    return frozenset(
        Reached(
            LimitKind(row["kind"]),
            date.fromisoformat(row["period"]),
            Decimal(row["limit_usd"]),
            Decimal(row["result_usd"]),
        )
        for row in rows
    )


def prop_to_json(state: PropState) -> Json:
    return {
        "peak_usd": str(state.peak_usd),
        "day_start_usd": str(state.day_start_usd),
        "on": state.last.on.isoformat(),
        "balance_usd": str(state.last.balance_usd),
        "open_usd": str(state.last.open_usd),
        "days": {on.isoformat(): str(made) for on, made in state.days.items()},
        "breach": state.breach,
        "day_stopped": None if state.day_stopped is None else state.day_stopped.isoformat(),
        "left_on": None if state.left_on is None else state.left_on.isoformat(),
    }


def prop_from_json(row: Mapping[str, Any]) -> PropState:
    stopped, left = row["day_stopped"], row.get("left_on")  # younger than the first rows
    return PropState(
        peak_usd=Decimal(row["peak_usd"]),
        day_start_usd=Decimal(row["day_start_usd"]),
        last=PropMark(
            date.fromisoformat(row["on"]), Decimal(row["balance_usd"]), Decimal(row["open_usd"])
        ),
        days={date.fromisoformat(on): Decimal(made) for on, made in row["days"].items()},
        breach=row["breach"],
        day_stopped=None if stopped is None else date.fromisoformat(stopped),
        left_on=None if left is None else date.fromisoformat(left),
    )
