"""All cases, by number."""

from tests.contract.broker.cases import changes, entries, reads
from tests.contract.broker.registry import CASES

__all__ = ["CASES", "changes", "entries", "reads"]
