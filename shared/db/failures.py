"""Is the database away, or is this statement wrong? Told apart once, here, by SQLSTATE."""

from __future__ import annotations

from typing import Final

from sqlalchemy.exc import DBAPIError

from shared.domain.errors import Unavailable

# 08 connection lost, 53 out of disk, memory or connections, 57P0x shut down or starting up.
_OUTAGE_CLASSES: Final = ("08", "53", "57P0")
# The server ended a transaction that was idle or open for too long.
_TOO_LONG: Final = frozenset({"25P03", "25P04"})
# 40001 serialization failure, 40P01 deadlock, 55P03 lock not had in time.
_CONTENTION: Final = frozenset({"40001", "40P01", "55P03"})


class DatabaseAway(Unavailable):
    """PostgreSQL could not be reached, or did not answer in time. At a commit: fate unknown."""


def sqlstate(error: BaseException) -> str:
    """The five characters PostgreSQL gave, or nothing."""
    return getattr(getattr(error, "orig", None), "sqlstate", None) or ""


def is_outage(error: BaseException) -> bool:
    """PostgreSQL cannot do this now: wait and try the whole transaction again, blame no message.

    Contention counts: a process that stands still keeps its locks until the server ends its
    transaction, and whoever waits for them must neither die nor give a message up.
    """
    if isinstance(error, DatabaseAway):
        return True
    if not isinstance(error, DBAPIError):
        return False
    return (
        error.connection_invalidated
        or sqlstate(error).startswith(_OUTAGE_CLASSES)
        or sqlstate(error) in _TOO_LONG
        or is_contention(error)
    )


def is_contention(error: BaseException) -> bool:
    """Another transaction was in the way: the whole transaction may be tried again."""
    return sqlstate(error) in _CONTENTION
