"""Rows of `deliveries`: written with the inbox mark, claimed by moving their next attempt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from notifier.alarms import Names
from notifier.rules import URGENT, Notice, Person
from shared.db.uow import unit_of_work

# A claim lapses after this: longer than a send may take, so nobody else sends meanwhile, and short
# enough that what a killed process was sending arrives within ten seconds.
CLAIM_S: Final = 6.5

_PERSON: Final = """
    u.id AS user_id, u.username, u.disabled_at IS NOT NULL AS is_disabled, u.discord_user_id,
    u.discord_dms_enabled, coalesce(s.enabled, true) AS enabled, coalesce(s.kinds, '{}') AS kinds
"""
_FIND_PERSON: Final = text(f"""
    SELECT {_PERSON} FROM users u LEFT JOIN notification_settings s ON s.user_id = u.id
    WHERE u.id = :user_id
""")  # noqa: S608 - our own constant
_EVERYBODY: Final = text(f"""
    SELECT {_PERSON} FROM users u LEFT JOIN notification_settings s ON s.user_id = u.id
    WHERE u.disabled_at IS NULL ORDER BY u.id
""")  # noqa: S608 - our own constant
_NAMES: Final = text("""
    SELECT (SELECT name FROM strategies WHERE id = :strategy AND user_id = :user) AS strategy,
      (SELECT name FROM accounts WHERE id = :account AND user_id = :user) AS account
""")
# Whatever its kind: a fact whose kind was corrected later is still the same fact.
_ADD: Final = text("""
    INSERT INTO deliveries (user_id, event_id, kind, channel, content, state, code, next_attempt_at)
    SELECT :user_id, :event_id, :kind, :channel, :content, 'pending', :code, now() + :hold
    WHERE NOT EXISTS (SELECT 1 FROM deliveries WHERE event_id = :event_id AND user_id = :user_id
                      AND channel = :channel)
    ON CONFLICT (event_id, user_id, kind, channel) DO NOTHING
""")
_COMPLETE: Final = text("""
    UPDATE deliveries SET content = :content, kind = :kind, next_attempt_at = now()
    WHERE event_id = :event_id AND user_id = :user_id AND channel = :channel
      AND state = 'pending' AND attempts = 0
""")
# Only the first waiting message of a person is due: their order is kept, behind what is urgent.
_CLAIM: Final = text(f"""
    WITH due AS (
      SELECT d.id FROM deliveries d
      WHERE d.state = 'pending' AND d.channel = :channel AND d.next_attempt_at <= now()
        AND NOT EXISTS (
          SELECT 1 FROM deliveries o WHERE o.user_id = d.user_id AND o.channel = d.channel
            AND o.state = 'pending' AND o.id <> d.id
            AND CASE WHEN (o.kind = ANY (CAST(:urgent AS text[])))
                   = (d.kind = ANY (CAST(:urgent AS text[]))) THEN o.id < d.id
                ELSE o.kind = ANY (CAST(:urgent AS text[])) END)
      ORDER BY (d.kind = ANY (CAST(:urgent AS text[]))) DESC, d.next_attempt_at
      LIMIT :limit FOR UPDATE OF d SKIP LOCKED
    )
    UPDATE deliveries d SET attempts = d.attempts + 1, next_attempt_at = now() + :claim
    FROM due, users u LEFT JOIN notification_settings s ON s.user_id = u.id
    WHERE d.id = due.id AND u.id = d.user_id
    RETURNING d.id, d.kind, d.content, d.attempts, now() - d.created_at AS age, {_PERSON}
""")  # noqa: S608 - our own constant
# Fenced: whoever lost the claim meanwhile changes nothing.
_MARK: Final = text("""
    UPDATE deliveries SET state = :state, code = :code,
      sent_at = CASE WHEN :state = 'sent' THEN now() END,
      next_attempt_at = now() + :delay
    WHERE id = :id AND state = 'pending' AND attempts = :attempts
""")
_WAITING: Final = text("""
    UPDATE deliveries SET code = :code
    WHERE state = 'pending' AND channel = :channel AND code IS DISTINCT FROM :code
""")


@dataclass(frozen=True, slots=True)
class Claimed:
    """A delivery that is ours to try once. `attempts` counts this one."""

    id: int
    kind: str
    content: str
    attempts: int
    age: timedelta
    person: Person


async def find_person(connection: AsyncConnection, user_id: int) -> Person | None:
    row = (await connection.execute(_FIND_PERSON, {"user_id": user_id})).first()
    return None if row is None else _person(row)


async def everybody(connection: AsyncConnection) -> list[Person]:
    """All who may sign in."""
    return [_person(row) for row in await connection.execute(_EVERYBODY)]


async def find_names(
    connection: AsyncConnection, user_id: int, strategy_id: int | None, account_id: int | None
) -> Names:
    """What the user calls them; None for what is not the user's."""
    if strategy_id is None and account_id is None:
        return Names()
    values = {"user": user_id, "strategy": strategy_id, "account": account_id}
    row = (await connection.execute(_NAMES, values)).one()
    return Names(row.strategy, row.account)


async def add(
    connection: AsyncConnection,
    notice: Notice,
    *,
    user_id: int,
    channel: str,
    content: str,
    hold: timedelta,
    code: str | None,
) -> None:
    """Queue a message, once for each fact; the first text stands until the first try."""
    await connection.execute(
        _ADD, {**_key(notice.event_id, user_id, channel), "kind": notice.kind.value,
               "content": content, "hold": hold, "code": code},
    )  # fmt: skip


async def complete(
    connection: AsyncConnection, notice: Notice, *, user_id: int, channel: str, content: str
) -> None:
    """Better text for a message that nobody has tried to send yet; it need not be held longer."""
    key = _key(notice.event_id, user_id, channel)
    await connection.execute(_COMPLETE, {**key, "kind": notice.kind.value, "content": content})


async def claim(engine: AsyncEngine, channel: str, limit: int) -> Sequence[Claimed]:
    """What is due, at most one message per person."""
    values = {"channel": channel, "limit": limit, "claim": timedelta(seconds=CLAIM_S)}
    values |= {"urgent": sorted(URGENT)}
    async with unit_of_work(engine) as connection:
        rows = (await connection.execute(_CLAIM, values)).all()
    return [
        Claimed(row.id, row.kind, row.content, row.attempts, row.age, _person(row)) for row in rows
    ]


async def mark(
    engine: AsyncEngine, claimed: Claimed, state: str, code: str | None, delay_s: float = 0.0
) -> None:
    """What came of the try: sent, failed, or pending again after `delay_s`."""
    values = {"id": claimed.id, "attempts": claimed.attempts, "state": state, "code": code}
    async with unit_of_work(engine) as connection:
        await connection.execute(_MARK, {**values, "delay": timedelta(seconds=delay_s)})


async def mark_waiting(engine: AsyncEngine, channel: str, code: str | None) -> None:
    """Show on all waiting messages of a channel what they wait for; None: for nothing any more."""
    async with unit_of_work(engine) as connection:
        await connection.execute(_WAITING, {"channel": channel, "code": code})


def _key(event_id: UUID, user_id: int, channel: str) -> dict[str, Any]:
    return {"event_id": event_id, "user_id": user_id, "channel": channel}


def _person(row: Any) -> Person:
    return Person(
        user_id=row.user_id,
        username=row.username,
        is_disabled=row.is_disabled,
        discord_user_id=row.discord_user_id,
        discord_dms_enabled=row.discord_dms_enabled,
        enabled=row.enabled,
        kinds=row.kinds,
    )
