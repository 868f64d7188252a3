"""Last prices: the newest per contract is worth something, an older one nothing.

No group, no outbox, trimmed hard: whoever was away reads the newest and goes on.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Final

from redis.exceptions import RedisError

from shared.contracts.streams import QUOTES, QUOTES_MAXLEN
from shared.ports.clock import Clock
from shared.runtime.logging import get_logger
from shared.streams.client import BLOCK_MS
from shared.streams.entry_ids import FIRST, began_again
from shared.streams.outage import Outage

if TYPE_CHECKING:
    from redis.asyncio import Redis

_log = get_logger(__name__)

BATCH_MAX: Final = 500


@dataclass(frozen=True, slots=True)
class Quote:
    """`at` is when the source said it; `source` names it (`md`, `fill`, `alert`)."""

    contract: str
    price: Decimal
    at: datetime
    source: str


class QuoteStream:
    """Writes and reads `tm.quotes`. One instance per task."""

    def __init__(self, redis: Redis, clock: Clock) -> None:
        self._redis = redis
        self._outage = Outage("redis (quotes)", clock)
        self._last = FIRST

    async def publish(self, quotes: Iterable[Quote]) -> bool:
        """Several at once; False when Redis is away: the next quotes come soon enough."""
        try:
            async with self._redis.pipeline(transaction=False) as pipe:
                for quote in quotes:
                    pipe.xadd(QUOTES, _fields(quote), maxlen=QUOTES_MAXLEN, approximate=True)
                await pipe.execute()
        except (RedisError, OSError) as error:
            self._outage.failed(error)
            return False
        self._outage.worked()
        return True

    async def latest(self) -> dict[str, Quote]:
        """The newest quote of each contract still in the stream. Raises when Redis is away."""
        found: dict[str, Quote] = {}
        for _, fields in await self._redis.xrange(QUOTES):
            quote = _read(fields)
            _keep_newest(found, quote)
        return found

    async def follow(self) -> AsyncGenerator[dict[str, Quote]]:
        """For ever: what is new since the last turn, the newest per contract only."""
        while True:
            try:
                reply = await self._redis.xread(
                    {QUOTES: self._last}, count=BATCH_MAX, block=BLOCK_MS
                )
                if not reply:
                    await self._rewind()
                self._outage.worked()
            except (RedisError, OSError) as error:
                self._outage.failed(error)
                await self._outage.pause()
                continue
            newest: dict[str, Quote] = {}
            for _, entries in reply or ():
                for entry_id, fields in entries:
                    self._last = entry_id.decode()
                    quote = _read(fields)
                    _keep_newest(newest, quote)
            if newest:
                yield newest

    async def _rewind(self) -> None:
        if await began_again(self._redis, QUOTES, self._last):
            self._last = FIRST


def _keep_newest(known: dict[str, Quote], quote: Quote | None) -> None:
    """By the time of the quote: sources differ in how late they are, and entries in their order."""
    if quote is not None:
        before = known.get(quote.contract)
        if before is None or before.at <= quote.at:
            known[quote.contract] = quote


def _fields(quote: Quote) -> dict[Any, Any]:
    return {
        b"c": quote.contract,
        b"p": str(quote.price),
        b"t": quote.at.astimezone(UTC).isoformat(),
        b"s": quote.source,
    }


def _read(fields: Any) -> Quote | None:
    try:
        return Quote(
            contract=fields[b"c"].decode(),
            price=Decimal(fields[b"p"].decode()),
            at=datetime.fromisoformat(fields[b"t"].decode()),
            source=fields[b"s"].decode(),
        )
    except (KeyError, ValueError, InvalidOperation):
        _log.warning("quote_unreadable")
        return None
