"""What a slice proved, as JSON for machines and Markdown for people; no names of a machine."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any, Final

from tests.chaos.checker import Evidence, Violation, recovery
from tests.chaos.checker.recovery import percentile, summary

VERDICT: Final = "verdict.json"
SHOWN_MAX: Final = 25
# What the proof promises to be nothing, by the kinds that the checker finds.
PROMISES: Final[Mapping[str, tuple[str, ...]]] = {
    "lost": ("lost", "undelivered", "undecided"),
    "duplicated": ("duplicated", "entered twice", "stray"),
    "out of order": ("out of order",),
    "wrong effect": ("wrong effect", "not flat"),
    "DMs missing or doubled": ("message missing", "message twice", "message"),
    "money differs": ("money",),
}


def verdict(evidence: Evidence, found: Sequence[Violation], revision: str) -> dict[str, Any]:
    """Everything worth keeping of a slice."""
    kinds = Counter(violation.kind for violation in found)
    blows = [line for line in evidence.strikes if line["event"] == "right"]
    return {
        "revision": revision,
        "promises": {name: sum(kinds[kind] for kind in parts) for name, parts in PROMISES.items()},
        "violations": dict(kinds),
        "examples": [f"{v.kind}: {v.what}" for v in found[:SHOWN_MAX]],
        "traffic": _traffic(evidence),
        "blows": recovery.figures(evidence),
        "recovery_s, load taken out": summary(_unloaded(blows, evidence.about["cores"])),
        "load": _load(blows),
        "about": {key: evidence.about[key] for key in ("size", "plan", "lived", "cores", "python")},
    }


def _traffic(evidence: Evidence) -> dict[str, Any]:
    tries = [each for alert in evidence.alerts.values() for each in alert.tries]
    decisions = [row for rows in evidence.decisions.values() for row in rows]
    lags = sorted(float(row["lag_s"]) for row in evidence.tables["lags"]) or [0.0]
    taken = sorted(1000 * (t[1] - t[0]) for t in tries if t[2] == 202)
    return {
        "alerts": len(evidence.alerts),
        "deliveries": len(tries),
        "resent": len(tries) - len(evidence.alerts),
        "answers": dict(sorted(Counter(str(status) for _, _, status, _ in tries).items())),
        "answered_ms p50 and p99": [round(percentile(taken, q)) for q in (0.5, 0.99)],
        "recorded_s p50 and p99": [round(percentile(lags, q), 2) for q in (0.5, 0.99)],
        "accounts": len({row["account_id"] for row in decisions}),
        "strategies": len(evidence.linked),
        "ends": dict(Counter(row["disposition"] for row in decisions).most_common()),
        "orders at the venue": len(evidence.ledger.orders),
        "fills": len(evidence.ledger.fills),
        "trades": len(evidence.tables["trades"]),
        "messages seen": sum(line["event"] == "message" for line in evidence.messages),
        "messages sent again and recognised": sum(
            line["event"] == "repeat" for line in evidence.messages
        ),
    }


def _unloaded(blows: Sequence[Mapping[str, Any]], cores: int) -> list[float]:
    """As if nobody else had used the machine: an estimate, and never what is judged."""
    return [
        blow["took_s"] / max(1.0, blow["load"] / cores)
        for blow in blows
        if blow["took_s"] is not None
    ]


def _load(blows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    loads = [blow["load"] for blow in blows] or [0.0]
    return {"mean": round(fmean(loads), 1), "max": max(loads)}


def keep(folder: Path, name: str, told: Mapping[str, Any]) -> None:
    (folder / "report.md").write_text(as_markdown(name, told), encoding="utf-8")
    (folder / VERDICT).write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


def as_markdown(name: str, told: Mapping[str, Any]) -> str:
    size, lived = told["about"]["size"], told["about"]["lived"]
    run = (
        f"Revision {told['revision']}, seed `{size['seed']}`, {lived['began']}, "
        f"{lived['seconds']:.0f} s on {told['about']['cores']} cores "
        f"with a load of {told['load']['mean']} (at most {told['load']['max']})."
    )
    head = [
        f"# Chaos, {name}",
        "",
        run,
        "",
        *_table("promised to be 0", told["promises"]),
        *_table("all complaints of the checker", told["violations"] or {"none": 0}),
        *_table("traffic", told["traffic"]),
        *_table("blows", told["blows"]),
        *_table("recovery with the load taken out (an estimate)", {
            "s": told["recovery_s, load taken out"]
        }),
    ]  # fmt: skip
    if told["examples"]:
        head += ["", "First complaints:", "", *(f"- {line}" for line in told["examples"])]
    return "\n".join(head) + "\n"


def _table(title: str, rows: Mapping[str, Any]) -> list[str]:
    lines = [f"## {title.capitalize()}", "", "| what | figure |", "|---|---|"]
    for name, value in rows.items():
        lines += [f"| {name} | {_cell(value)} |"] if not _is_nested(value) else [
            f"| {name}: {inner} | {_cell(figure)} |" for inner, figure in value.items()
        ]  # fmt: skip
    return [*lines, ""]


def _is_nested(value: Any) -> bool:
    return isinstance(value, Mapping) and any(isinstance(v, Mapping) for v in value.values())


def _cell(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {figure}" for key, figure in value.items())
    if isinstance(value, list):
        return ", ".join(str(each) for each in value)
    return str(value)
