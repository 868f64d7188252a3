"""All tables. Importing this package fills `metadata`."""

from shared.db.tables import (
    accounts,
    audit,
    commands,
    controls,
    counts,
    drifts,
    jobs,
    messaging,
    notices,
    people,
    records,
    risk,
    signals,
    strategies,
    trading,
)
from shared.db.tables.base import metadata

__all__ = [
    "accounts",
    "audit",
    "commands",
    "controls",
    "counts",
    "drifts",
    "jobs",
    "messaging",
    "metadata",
    "notices",
    "people",
    "records",
    "risk",
    "signals",
    "strategies",
    "trading",
]
