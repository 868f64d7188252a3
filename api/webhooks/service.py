"""From a delivery to a committed signal, or to the reason why there is none.

One transaction: whose key, lock the strategy, is it a resend, write alert + signal + outbox,
commit. Only then is anybody told anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from api.resources import Resources
from api.webhooks import store
from api.webhooks.delivery import KEPT_BYTES_MAX, Delivery, Told, without_secrets
from api.webhooks.limits import Buckets
from api.webhooks.store import Earlier, Locked, Opened, Stored
from api.webhooks.turns import WAIT_S
from shared.contracts.envelope import Envelope
from shared.contracts.signals import SignalAccepted
from shared.db import outbox
from shared.db.failures import DatabaseAway
from shared.db.uow import unit_of_work
from shared.domain.dedupe import Evidence, evidence_of
from shared.domain.errors import AlertRefused
from shared.domain.ids import SignalId, StrategyId, UserId, event_id
from shared.domain.names import name_key
from shared.domain.signal import ParseCode, ReadAlert, read
from shared.domain.signal_json import signal_to_json
from shared.domain.symbols import read_symbol
from shared.domain.webhook_key import key_hash
from shared.runtime.metrics import counter

# Deliveries to unknown keys that are stored, for one address; above, they are only counted.
_UNKNOWN_KEPT_PER_S: Final = 1 / 60
_UNKNOWN_KEPT_BURST: Final = 20

DISABLED: Final = "strategy.disabled"
RATE_LIMITED: Final = "alert.rate_limited"
UNKNOWN: Final = "webhook.unknown"

_alerts = counter("tm_api_alerts_total", "deliveries by what became of them", ("verdict",))


@dataclass(frozen=True, slots=True)
class _Owned:
    """A delivery whose strategy is known."""

    delivery: Delivery
    strategy_id: StrategyId
    user_id: UserId
    received_at: datetime


class _DeadConnectionError(DatabaseAway):
    """The first statement found the connection gone."""

    def __init__(self) -> None:
        super().__init__("db.unreachable", "The database is away.")


class Webhooks:
    """Takes deliveries. Keeps nothing that another process, or the next one, would miss."""

    def __init__(self, resources: Resources) -> None:
        settings = resources.settings
        self._resources = resources
        self._clock = resources.clock
        self._rate = Buckets(settings.webhook_rate_per_s, settings.webhook_burst, self._clock)
        self._strangers = Buckets(_UNKNOWN_KEPT_PER_S, _UNKNOWN_KEPT_BURST, self._clock)

    async def take(self, deliveries: Sequence[Delivery]) -> list[Told | None]:
        """What to answer to deliveries of one key, after the commit; None: ask again soon.

        Raises what the database raises; then nothing stands. (Or, when the connection broke at
        the commit itself, it may stand: the resend finds it.)
        """
        try:
            found = await self._once(deliveries)
        except _DeadConnectionError:
            # Of the pool, since a restart of PostgreSQL. Nothing was done on it yet.
            found = await self._once(deliveries)
        self._resources.bell.offer(
            [told.envelope for told in found if told is not None and told.envelope is not None]
        )
        return found

    async def _once(self, deliveries: Sequence[Delivery]) -> list[Told | None]:
        """One transaction. All deliveries carry the same key."""
        async with unit_of_work(self._resources.engine) as connection:
            opened = await _open(connection, deliveries[0].key)
            locked = await _lock(connection, opened)
            found: list[Told | None] = []
            for delivery in deliveries:
                owned = self._owned(delivery, opened)
                if owned is None or locked is None:
                    found.append(await self._unknown(connection, delivery, opened.now))
                else:
                    found.append(await self._owned_delivery(connection, owned, locked))
            envelopes = [told.envelope for told in found if told and told.envelope]
            if envelopes:
                await outbox.add_many(connection, envelopes)
            return found

    def _owned(self, delivery: Delivery, opened: Opened) -> _Owned | None:
        if opened.strategy_id is None or opened.user_id is None:
            return None
        # The moment of arrival, by the database's clock: ours may be wrong by minutes.
        waited_s = self._clock.monotonic() - delivery.arrived_s
        received_at = opened.now - timedelta(seconds=waited_s)
        return _Owned(delivery, opened.strategy_id, opened.user_id, received_at)

    async def _owned_delivery(
        self, connection: AsyncConnection, owned: _Owned, locked: Locked
    ) -> Told | None:
        try:
            alert = _read(owned.delivery, owned.received_at)
        except AlertRefused as error:
            return await _refused(connection, owned, error)
        return await self._signal(connection, owned, alert, locked)

    async def _signal(
        self, connection: AsyncConnection, owned: _Owned, alert: ReadAlert, locked: Locked
    ) -> Told | None:
        evidence = evidence_of(owned.delivery.body, alert.fields, owned.received_at)
        earlier = await _earlier(connection, owned, evidence)
        may_wait = self._clock.monotonic() < owned.delivery.arrived_s + WAIT_S
        if earlier is not None and earlier.is_open and may_wait:
            return None
        if earlier is not None and earlier.is_in_window:
            return await _duplicate(connection, owned, earlier.signal_id)
        if earlier is not None:
            await store.release_key(connection, earlier.signal_id)
        key = None if evidence is None else evidence.key
        return await _accept(connection, owned, alert, locked, key, self._why_not(owned, locked))

    def _why_not(self, owned: _Owned, locked: Locked) -> str | None:
        """Why a sound alert is written down and not traded."""
        if not locked.active:
            return DISABLED
        return None if self._rate.take(owned.strategy_id) else RATE_LIMITED

    async def _unknown(
        self, connection: AsyncConnection, delivery: Delivery, received_at: datetime
    ) -> Told:
        """One shape, whether the key never existed or the secret is wrong or missing."""
        _alerts.labels("unknown").inc()
        if self._strangers.take(delivery.address):
            row = _alert_row(delivery, received_at, "refused", UNKNOWN)
            row["body"] = row["body"][:KEPT_BYTES_MAX]
            await store.insert_ownerless(connection, row)
        return Told(404, {"code": UNKNOWN, "message": "There is no such webhook."})


async def _open(connection: AsyncConnection, key: str) -> Opened:
    """The first statement of the transaction."""
    try:
        return await store.open_for(connection, key_hash(key))
    except DBAPIError as error:
        if error.connection_invalidated:
            raise _DeadConnectionError from error
        raise


async def _lock(connection: AsyncConnection, opened: Opened) -> Locked | None:
    return None if opened.strategy_id is None else await store.lock(connection, opened.strategy_id)


def _read(delivery: Delivery, received_at: datetime) -> ReadAlert:
    """Raises `AlertRefused` for what can never become a signal."""
    alert = read(delivery.body, delivery.content_type)
    if alert.signal.symbol is not None:
        read_symbol(alert.signal.symbol, received_at.date())
    return alert


async def _earlier(
    connection: AsyncConnection, owned: _Owned, evidence: Evidence | None
) -> Earlier | None:
    """The first kind of evidence that applies decides, alone."""
    if evidence is not None:
        return await store.find_by_key(connection, owned.strategy_id, evidence, owned.received_at)
    return await store.find_unanswered(
        connection, owned.strategy_id, owned.delivery.body_hash, owned.received_at
    )


async def _accept(
    connection: AsyncConnection,
    owned: _Owned,
    alert: ReadAlert,
    locked: Locked,
    dedupe_key: str | None,
    code: str | None,
) -> Told:
    status = "accepted" if code is None else "blocked"
    signal = {
        "user_id": owned.user_id,
        "strategy_id": owned.strategy_id,
        "dedupe_key": dedupe_key,
        "status": status,
        "code": code,
        "content": _content(alert, locked),
        "received_at": owned.received_at,
    }
    stored = await store.insert_signal(connection, signal, _owned_row(owned, status, code))
    envelope = None if code is not None else _event(owned, stored)
    _alerts.labels(status).inc()
    answer: dict[str, Any] = {"signal_id": stored.signal_id, "status": status}
    if code is not None:
        answer["code"] = code
    return Told(202, answer, stored.alert_id, owned.user_id, stored.signal_id, envelope)


def _event(owned: _Owned, stored: Stored) -> Envelope:
    body = SignalAccepted(signal_id=stored.signal_id, strategy_id=owned.strategy_id, seq=stored.seq)
    return outbox.envelope_of(
        body,
        event_id=event_id(body.type, str(stored.signal_id)),
        correlation_id=str(stored.signal_id),
        user_id=owned.user_id,
        aggregate=f"signal:{stored.signal_id}",
        occurred_at=owned.received_at,
    )


async def _duplicate(connection: AsyncConnection, owned: _Owned, first: SignalId) -> Told:
    row = _owned_row(owned, "duplicate", None) | {"signal_id": first}
    alert_id = await store.insert_alert(connection, row)
    _alerts.labels("duplicate").inc()
    answer = {"signal_id": first, "status": "duplicate"}
    return Told(202, answer, alert_id, owned.user_id, first)


async def _refused(connection: AsyncConnection, owned: _Owned, error: AlertRefused) -> Told:
    row = _owned_row(owned, "refused", str(error.code)) | {"message": error.message}
    if error.code == ParseCode.TOO_LARGE:
        row["body"] = row["body"][:KEPT_BYTES_MAX]
    alert_id = await store.insert_alert(connection, row)
    _alerts.labels("refused").inc()
    answer = {"code": str(error.code), "message": error.message}
    return Told(400, answer, alert_id, owned.user_id)


def _content(alert: ReadAlert, locked: Locked) -> dict[str, Any]:
    """The signal, and a note when the alert names another strategy: the key decides."""
    content = signal_to_json(alert.signal)
    named = alert.signal.strategy_name
    if named is not None and name_key(named) != locked.name_key:
        content["name_mismatch"] = named
    return content


def _owned_row(owned: _Owned, verdict: str, code: str | None) -> dict[str, Any]:
    row = _alert_row(owned.delivery, owned.received_at, verdict, code)
    return row | {"user_id": owned.user_id, "strategy_id": owned.strategy_id}


def _alert_row(
    delivery: Delivery, received_at: datetime, verdict: str, code: str | None
) -> dict[str, Any]:
    return {
        "received_at": received_at,
        "address": delivery.address,
        "content_type": delivery.content_type,
        "body": without_secrets(delivery.body, delivery.key),
        "body_bytes": delivery.size_bytes,
        "body_hash": delivery.body_hash,
        "verdict": verdict,
        "code": code,
    }
