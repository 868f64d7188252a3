"""What the streams need of the record, as ports: rooms on one floor do not import each other.

`shared.db.inbox.Inbox` and `shared.db.outbox.Outbox` are these.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import Protocol
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from shared.contracts.envelope import Envelope


class InboxPort(Protocol):
    """Bookkeeping of one consumer."""

    name: str

    def once(self, envelope: Envelope) -> AbstractAsyncContextManager[AsyncConnection | None]: ...

    def once_all(
        self, envelopes: Sequence[Envelope]
    ) -> AbstractAsyncContextManager[tuple[AsyncConnection, Sequence[Envelope]]]: ...

    async def count_attempt(self, envelope: Envelope, error: str) -> int: ...

    async def forget_attempts(self, envelope: Envelope) -> None: ...

    async def bury(self, envelope: Envelope, error_class: str, error: str) -> bool: ...

    async def start_floor(self, streams: Sequence[str], lookback: timedelta) -> int: ...

    async def unhandled(
        self, streams: Sequence[str], types: Collection[str], floor: int, limit: int
    ) -> tuple[Sequence[Envelope], int]: ...

    def is_outage(self, error: BaseException) -> bool: ...


class OutboxPort(Protocol):
    """What was said, whether the bell rang or not."""

    async def mark_published(self, event_ids: Iterable[UUID]) -> None: ...

    async def floor(self, streams: Sequence[str], lookback: timedelta) -> int: ...

    async def since(
        self, streams: Sequence[str], floor: int, *, older_than: timedelta, limit: int
    ) -> Sequence[tuple[int, UUID, bool]]: ...

    async def read(self, event_ids: Sequence[UUID]) -> Sequence[Envelope]: ...

    def is_outage(self, error: BaseException) -> bool: ...
