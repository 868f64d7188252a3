"""All tables. Importing this package fills `metadata`."""

from shared.db.tables import (
    accounts,
    commands,
    messaging,
    notices,
    people,
    records,
    signals,
    strategies,
    trading,
)
from shared.db.tables.base import metadata

__all__ = [
    "accounts",
    "commands",
    "messaging",
    "metadata",
    "notices",
    "people",
    "records",
    "signals",
    "strategies",
    "trading",
]
