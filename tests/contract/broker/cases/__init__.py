"""All cases, by number."""

from tests.contract.broker.cases import (
    brackets,
    changes,
    connect,
    days,
    entries,
    events,
    line,
    reads,
    strategies,
    unknowns,
)
from tests.contract.broker.registry import CASES

__all__ = [
    "CASES",
    "brackets",
    "changes",
    "connect",
    "days",
    "entries",
    "events",
    "line",
    "reads",
    "strategies",
    "unknowns",
]
