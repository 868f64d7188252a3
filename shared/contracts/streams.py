"""Stream names, dead-letter names and how long things are kept.

PostgreSQL is the record and a stream is the bell, so retention here is about memory and comfort,
never about safety: whatever a stream lost is found again in the outbox.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

SIGNALS: Final = "tm.signals"
COMMANDS: Final = "tm.commands"
EVENTS: Final = "tm.events"
RECORDS: Final = "tm.records"
QUOTES: Final = "tm.quotes"

# Streams whose entries stand in the outbox. Quotes do not: a newer one makes the older worthless.
RECORDED: Final = (SIGNALS, COMMANDS, EVENTS, RECORDS)

OUTBOX_KEPT: Final = timedelta(days=7)
# Longer than the outbox, so that an event still in the outbox is never mistaken for a new one.
INBOX_KEPT: Final = timedelta(days=8)
# How far back a consumer's sweep looks when its process starts.
SWEEP_LOOKBACK: Final = timedelta(hours=24)
# Entries younger than this stay in a stream for live views, even when every group has read them.
STREAM_KEPT_MIN: Final = timedelta(minutes=10)
# Entries older than this go even if a group never read them (a retired group must not fill the
# memory); its sweep still finds them in the outbox.
STREAM_KEPT_MAX: Final = SWEEP_LOOKBACK
QUOTES_MAXLEN: Final = 2_000
DLQ_MAXLEN: Final = 10_000


def dlq(group: str) -> str:
    """The dead-letter stream of a consumer group."""
    return f"tm.dlq.{group}"
