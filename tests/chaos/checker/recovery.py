"""How long it took to be right again, and whether the blows were those that were promised."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Final

from tests.chaos.checker.evidence import Evidence, Row, Violation

P99_S: Final = 10.0
NEAR_CALL_SHARE: Final = 0.5  # of the kills of services; half are aimed, a call may not come
_LINK_FAULTS: Final = frozenset({"cut", "delay", "half-open", "cut after COMMIT"})


def recovered(evidence: Evidence) -> Iterator[Violation]:
    blows = [line for line in evidence.strikes if line["event"] == "right"]
    begun = sum(line["event"] == "strike" for line in evidence.strikes)
    if len(blows) != begun:
        yield Violation("recovery", f"of {begun} blows {len(blows)} were seen to the end")
    for blow in blows:
        if blow["took_s"] is None:
            told = f"{blow['number']} {blow['kind']} {blow['hit']}"
            yield Violation("recovery", f"never right after {told}: {blow['waited_for']}")
    times = sorted(blow["took_s"] for blow in blows if blow["took_s"] is not None)
    if times and (slow := percentile(times, 0.99)) >= P99_S:
        yield Violation("recovery", f"p99 {slow:.1f} s of {len(times)} blows")


def as_promised(evidence: Evidence) -> Iterator[Violation]:
    """The kills that the slice owes, and half of them where it hurts."""
    told = figures(evidence)
    owed = evidence.about["size"]["kills"]
    if told["kills"] < owed:
        yield Violation("too easy", f"{told['kills']} of {owed} kills hit anything")
    services = told["kills of services"]
    if services >= 10 and told["within 50 ms of a call"] < NEAR_CALL_SHARE * services:
        near = told["within 50 ms of a call"]
        yield Violation("too easy", f"{near} of {services} kills were near a call")


def figures(evidence: Evidence) -> dict[str, Any]:
    blows = [line for line in evidence.strikes if line["event"] == "right"]
    kills = [blow for blow in blows if blow["kind"] in {"kill", "backend"} and _did(blow)]
    stores = {"postgres", "valkey"}
    return {
        "blows": len(blows),
        "kills": len(kills),
        "kills of services": sum(blow["hit"] not in stores for blow in kills),
        "within 50 ms of a call": sum(
            blow["near_call"] for blow in kills if blow["hit"] not in stores
        ),
        "by victim": dict(sorted(Counter(f"{b['kind']} {b['hit']}" for b in blows).items())),
        "recovery_s": summary([b["took_s"] for b in blows if b["took_s"] is not None]),
        "recovery_s by kind": {
            kind: summary([b["took_s"] for b in blows if _kind(b) == kind and b["took_s"]])
            for kind in sorted({_kind(blow) for blow in blows})
        },
    }


def summary(times: Sequence[float]) -> dict[str, float | int]:
    ordered = sorted(times)
    if not ordered:
        return {"n": 0}
    return {
        "n": len(ordered),
        "p50": round(percentile(ordered, 0.5), 2),
        "p99": round(percentile(ordered, 0.99), 2),
        "max": round(ordered[-1], 2),
    }


def percentile(ordered: Sequence[float], share: float) -> float:
    """The smallest value that so large a share does not exceed."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def _did(blow: Row) -> bool:
    return blow["did"] not in {"killed False", "killed one of 0"}


def _kind(blow: Row) -> str:
    if blow["kind"] in _LINK_FAULTS:
        return str(blow["kind"])
    name = "execution" if str(blow["hit"]).startswith("execution") else blow["hit"]
    return f"{blow['kind']} {name}"
