"""A consumer: every event of its types acts once, however often and by whatever way it arrives.

    stream (group)  ──┐
                      ├── transaction: inbox mark + effect ── commit ── wake, XACK
    sweep of outbox ──┘

The group loop is the fast way, the sweep the sure one. Failed tries are counted in PostgreSQL;
after `ATTEMPTS_MAX` the event becomes a dead letter and the queue moves on. While PostgreSQL is
away nothing is blamed on a message: everything waits.

A consumer that can answer many events at once is given those of one user that came together, in
one transaction. What cannot be done together is done one by one: then it shows whose fault it is.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Final
from uuid import UUID

from pydantic import ValidationError
from redis.exceptions import RedisError
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.contracts.envelope import Envelope
from shared.contracts.registry import EventBody, parse, with_older
from shared.contracts.streams import DLQ_MAXLEN, dlq
from shared.ports.clock import Clock
from shared.runtime.logging import correlated, get_logger
from shared.runtime.metrics import counter
from shared.streams.group import Delivery, Group
from shared.streams.outage import Outage
from shared.streams.publisher import FIELD, Fields
from shared.streams.record import InboxPort
from shared.streams.sweep import Sweep

if TYPE_CHECKING:
    from redis.asyncio import Redis

_log = get_logger(__name__)

ATTEMPTS_MAX: Final = 5
HANDLER_TIMEOUT_S: Final = 20.0  # well below `Group`'s min-idle, or it would be robbed at work
SWEEP_EVERY_S: Final = 1.0
DONE_KEPT: Final = 2_000  # events handled lately; more than a sweep and a read have on their way
RETRY_DELAY_S: Final = 0.05  # doubled per attempt: a poisoned message holds the queue for 0.75 s

TOGETHER_MAX: Final = 32  # events in one transaction

Handler = Callable[[AsyncConnection, Envelope, EventBody], Awaitable[None]]
Said = tuple[Envelope, EventBody]
ManyHandler = Callable[[AsyncConnection, Sequence[Said]], Awaitable[None]]
_Came = tuple[Envelope, bool]
AfterCommit = Callable[[Envelope], Awaitable[None] | None]

_handled = counter("tm_streams_handled_total", "events handled", ("consumer", "way"))
_failed = counter("tm_streams_failed_total", "failed tries", ("consumer",))
_buried = counter("tm_streams_dead_letters_total", "events given up", ("consumer",))


class Consumer:
    """Hands each event of `types` on `streams` to `handler`, exactly one effect per event.

    `handler` gets the open transaction in which its effect must stand; it must not talk to a
    network inside. `together`, if given, does the same for several events of one user, first come
    first. `after_commit` runs once the effect is committed (wake somebody, publish own
    outbox rows); it may be skipped by a crash, so nothing may depend on it. `member` names this
    process within the group and must be the same after a restart, or its pending entries are
    found only after `Group.min_idle_ms`.
    """

    def __init__(
        self,
        name: str,
        *,
        streams: Sequence[str],
        types: Collection[str],
        handler: Handler,
        together: ManyHandler | None = None,
        inbox: InboxPort,
        redis: Redis,
        clock: Clock,
        member: str = "1",
        after_commit: AfterCommit | None = None,
    ) -> None:
        self.name = name
        self._types = with_older(types)
        self._handler = handler
        self._together = together
        self._run_max = 1 if together is None else TOGETHER_MAX
        self._inbox = inbox
        self._redis = redis
        self._clock = clock
        self._after_commit = after_commit
        self._group = Group(redis, name, member, streams)
        self._sweep = Sweep(inbox, streams, self._types)
        # The two ways of one process take turns, so that a handler never meets itself.
        self._turn = asyncio.Lock()
        # What one way has handled the other need not try: behind by more than a second both bring
        # the same events, and each would cost two transactions just when there is no time.
        self._done: OrderedDict[UUID, None] = OrderedDict()
        self._redis_outage = Outage(f"redis (group {name})", clock)
        self._db_outage = Outage(f"postgresql (consumer {name})", clock)

    async def run(self) -> None:
        """For ever. Ends only by cancel, or by an error that is a programmer's."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow_stream())
            tasks.create_task(self._sweep_for_ever())

    async def _follow_stream(self) -> None:
        while True:
            try:
                deliveries = await self._group.next()
                for run in self._runs(self._read(deliveries)):
                    await self._handle_run(run, "stream")
                await self._group.ack(deliveries)
                self._redis_outage.worked()
            except (RedisError, OSError) as error:
                # After any doubt the own pending entries are read again, from the first.
                self._group.forget_position()
                self._redis_outage.failed(error)
                await self._redis_outage.pause()

    async def _sweep_for_ever(self) -> None:
        while True:
            await self._clock.sleep(SWEEP_EVERY_S)
            try:
                while missed := await self._sweep.next():
                    for run in self._runs((each, False) for each in missed):
                        await self._handle_run(run, "sweep")
            except Exception as error:
                if not self._is_outage(error):
                    raise
                self._db_outage.failed(error)
                await self._db_outage.pause()

    def _read(self, deliveries: Sequence[Delivery]) -> Iterator[_Came]:
        """Of our types, each with whether it is suspected of having killed its reader."""
        for delivery in deliveries:
            try:
                envelope = Envelope.from_bytes(delivery.raw)
            except ValidationError as error:
                # Not one of ours: the outbox holds every real event, so nothing is lost with it.
                _log.error("entry_unreadable", stream=delivery.stream, problems=error.error_count())
                continue
            if envelope.type in self._types:
                yield envelope, delivery.is_repeated

    def _runs(self, came: Iterable[_Came]) -> Iterator[list[_Came]]:
        """What may be done together, in the order in which it came; a suspect stands alone."""
        run: list[_Came] = []
        for each in came:
            envelope, is_suspect = each
            joins = run and not is_suspect and not run[0][1]
            if joins and envelope.user_id == run[0][0].user_id and len(run) < self._run_max:
                run.append(each)
                continue
            if run:
                yield run
            run = [each]
        if run:
            yield run

    async def _handle_run(self, run: Sequence[_Came], way: str) -> None:
        async with self._turn:
            fresh = [envelope for envelope, _ in run if envelope.id not in self._done]
            if len(fresh) > 1 and await self._try_together(fresh, way):
                return
        for envelope, is_suspect in run:
            await self._handle(envelope, way, is_suspect=is_suspect)

    async def _try_together(self, envelopes: Sequence[Envelope], way: str) -> bool:
        """False when it could not be done; then nothing of it was."""
        if self._together is None:
            return False
        try:
            async with asyncio.timeout(HANDLER_TIMEOUT_S):
                firsts = await self._apply_together(envelopes, self._together)
        except Exception as error:  # noqa: BLE001 - one by one each is judged by itself
            _log.info("not_together", consumer=self.name, error=type(error).__name__)
            return False
        self._db_outage.worked()
        for envelope in envelopes:
            self._note_done(envelope)
        for envelope in firsts:
            _handled.labels(self.name, way).inc()
            await self._tell(envelope)
        return True

    async def _apply_together(
        self, envelopes: Sequence[Envelope], together: ManyHandler
    ) -> list[Envelope]:
        """Those that were not handled before."""
        async with self._inbox.once_all(envelopes) as (connection, firsts):
            said = [(each, body) for each in firsts if (body := parse(each)) is not None]
            if said:
                await together(connection, said)
            return list(firsts)

    async def _handle(self, envelope: Envelope, way: str, *, is_suspect: bool = False) -> None:
        """Until it is handled, was handled, or is buried. Raises nothing a message can cause."""
        async with self._turn:
            if envelope.id in self._done:
                return
            with correlated(envelope.correlation_id, event_type=envelope.type):
                while not await self._settle(envelope, way, is_suspect=is_suspect):
                    is_suspect = False

    async def _settle(self, envelope: Envelope, way: str, *, is_suspect: bool) -> bool:
        """One try; True when nothing is left to do. Waits while PostgreSQL is away."""
        try:
            is_done = await self._try(envelope, way, is_suspect=is_suspect)
        except Exception as error:
            if not self._is_outage(error):
                raise
            self._db_outage.failed(error)
            await self._db_outage.pause()
            return False
        self._db_outage.worked()
        return is_done

    async def _try(self, envelope: Envelope, way: str, *, is_suspect: bool) -> bool:
        # A repeated delivery may be the one that killed this process: counted before it is tried.
        if is_suspect:
            attempts = await self._inbox.count_attempt(envelope, "begun, never finished")
            if attempts >= ATTEMPTS_MAX:
                return await self._bury(envelope, "Abandoned", "its process died each time")
        try:
            async with asyncio.timeout(HANDLER_TIMEOUT_S):
                is_first = await self._apply(envelope)
        except Exception as error:
            if self._inbox.is_outage(error):
                raise
            return await self._fail(envelope, error)
        self._note_done(envelope)
        if is_suspect or not is_first:
            await self._inbox.forget_attempts(envelope)
        if is_first:
            _handled.labels(self.name, way).inc()
            await self._tell(envelope)
        return True

    def _note_done(self, envelope: Envelope) -> None:
        """Not a buried one: that may be replayed."""
        self._done[envelope.id] = None
        if len(self._done) > DONE_KEPT:
            self._done.popitem(last=False)

    async def _apply(self, envelope: Envelope) -> bool:
        async with self._inbox.once(envelope) as connection:
            if connection is None:
                return False
            body = parse(envelope)
            if body is not None:
                await self._handler(connection, envelope, body)
            return True

    async def _fail(self, envelope: Envelope, error: Exception) -> bool:
        _failed.labels(self.name).inc()
        attempts = await self._inbox.count_attempt(envelope, f"{type(error).__name__}: {error}")
        _log.warning("event_failed", event_id=str(envelope.id), attempts=attempts, exc_info=error)
        if attempts >= ATTEMPTS_MAX:
            return await self._bury(envelope, type(error).__name__, str(error))
        await self._clock.sleep(RETRY_DELAY_S * 2 ** (attempts - 1))
        return False

    async def _bury(self, envelope: Envelope, error_class: str, error: str) -> bool:
        if not await self._inbox.bury(envelope, error_class, error):
            return True
        _buried.labels(self.name).inc()
        _log.error("event_buried", event_id=str(envelope.id), error_class=error_class)
        entry: Fields = {FIELD: envelope.to_bytes(), b"error_class": error_class.encode()}
        try:
            await self._redis.xadd(dlq(self.name), entry, maxlen=DLQ_MAXLEN, approximate=True)
        except (RedisError, OSError) as problem:
            # The dead letter stands in PostgreSQL; its stream is a copy for whoever watches.
            self._redis_outage.failed(problem)
        return True

    async def _tell(self, envelope: Envelope) -> None:
        if self._after_commit is None:
            return
        try:
            told = self._after_commit(envelope)
            if told is not None:
                await told
        except Exception:  # noqa: BLE001 - the edge of a message, see below
            # The effect is committed; what follows it is a courtesy that sweeps make up for.
            _log.exception("after_commit_failed", event_id=str(envelope.id))

    def _is_outage(self, error: BaseException) -> bool:
        """In bookkeeping a time-out can only be the database's."""
        return self._inbox.is_outage(error) or isinstance(error, TimeoutError)
