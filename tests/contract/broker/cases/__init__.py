"""All cases, by number."""

from tests.contract.broker.cases import changes, connect, entries, events, reads, unknowns
from tests.contract.broker.registry import CASES

__all__ = ["CASES", "changes", "connect", "entries", "events", "reads", "unknowns"]
