"""What a user changes of herself: password, names, sessions; and how she leaves."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Row, delete, func, select, text, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from api import open_risk
from api.commands import service as commands
from api.connections import store as connections
from api.errors import SecondFactorNeeded
from api.resources import Resources
from api.security import sessions as live
from api.security import throttle
from api.security.sessions import SignedIn
from api.users import second_factor
from api.users.registration import unique
from api.users.schemas import AuditOut, MeOut, ProofIn, SessionOut
from api.wire import cursor_of, read_cursor
from shared.contracts.logins import FORGET, LoginDetail
from shared.db import audit
from shared.db.tables.accounts import accounts, broker_connections
from shared.db.tables.audit import audit_log
from shared.db.tables.jobs import job_parts
from shared.db.tables.people import (
    api_keys,
    invites,
    profiles,
    recovery_codes,
    sessions,
    users,
    ws_tickets,
)
from shared.db.tables.records import trade_notes
from shared.db.tables.strategies import strategies
from shared.db.uow import read_only, unit_of_work
from shared.domain.errors import NotAllowed, NotFound

_SESSIONS_MAX: Final = 200
_NO_PASSWORD: Final = "!"  # noqa: S105 - no hash: nobody can sign in with it
_FORGET_PERSON: Final = text("SELECT tm_forget_person(:pseudonym)")


async def me(connection: AsyncConnection, user: SignedIn) -> MeOut:
    row = await _row(connection, user)
    return MeOut(
        id=row.id,
        username=row.username,
        email=row.email,
        is_email_verified=row.is_email_verified,
        admin=row.admin,
        has_second_factor=row.totp_confirmed_at is not None,
        discord_id=row.discord_user_id,
        discord_dms_enabled=row.discord_dms_enabled,
        created_at=row.created_at,
        last_login_at=row.last_login_at,
    )


async def prove(resources: Resources, user: SignedIn, proof: ProofIn, address: str) -> None:
    """Password and, where there is one, second factor, asked for again.

    Raises NotAllowed `auth.wrong_password`, `SecondFactorNeeded`, and RateLimited: a browser left
    open must not become a place to guess at.
    """
    async with unit_of_work(resources.engine) as connection:
        attempt_id = await throttle.begin(connection, user.username, address)
    async with read_only(resources.engine, user.user_id) as connection:
        stored = (await _row(connection, user)).password_hash
    if not await resources.passwords.verify(proof.password.get_secret_value(), stored):
        raise NotAllowed("auth.wrong_password", "The password is not right.")
    async with unit_of_work(resources.engine, user.user_id) as connection:
        passed = await second_factor.passes(connection, resources, user.user_id, proof.otp)
    if not passed:
        raise SecondFactorNeeded(is_wrong=proof.otp is not None)
    async with unit_of_work(resources.engine, user.user_id) as connection:
        await throttle.succeed(connection, attempt_id, user.user_id)


async def change_password(resources: Resources, user: SignedIn, password: str) -> int:
    """Ends every other session, and its sockets within a second. Returns how many."""
    password_hash = await resources.passwords.hash(password)
    async with unit_of_work(resources.engine, user.user_id) as connection:
        await _set(connection, user, password_hash=password_hash)
        await audit.note(connection, user.user_id, user.username, "user.password", {})
        return await live.end_others(connection, user.user_id, user.session_id)


async def change_name(resources: Resources, user: SignedIn, username: str) -> int:
    """Ends every other session: their sockets were opened under the old name."""
    async with unit_of_work(resources.engine, user.user_id) as connection:
        with unique():
            await _set(connection, user, username=username)
        before = {"before": user.username}
        await audit.note(connection, user.user_id, username, "user.renamed", before)
        return await live.end_others(connection, user.user_id, user.session_id)


async def change_email(resources: Resources, user: SignedIn, email: str | None) -> None:
    """Another address is not verified."""
    async with unit_of_work(resources.engine, user.user_id) as connection:
        with unique():
            await _set(connection, user, email=email, is_email_verified=False)
        await audit.note(connection, user.user_id, user.username, "user.email", {})


async def list_sessions(connection: AsyncConnection, user: SignedIn) -> list[SessionOut]:
    """Last seen first."""
    query = (
        select(sessions)
        .where(sessions.c.ended_at.is_(None), sessions.c.expires_at > func.now())
        .order_by(sessions.c.last_seen_at.desc(), sessions.c.id.desc())
        .limit(_SESSIONS_MAX)
    )
    return [
        SessionOut(
            id=row.id,
            address=row.address,
            agent=row.agent,
            created_at=row.created_at,
            last_seen_at=row.last_seen_at,
            expires_at=row.expires_at,
            is_current=row.id == user.session_id,
        )
        for row in await connection.execute(query)
    ]


async def list_audit(
    connection: AsyncConnection, limit: int, after: str
) -> tuple[list[AuditOut], str | None]:
    """What the user did, newest first, and the cursor behind the last of them."""
    c = audit_log.c
    query = select(audit_log).order_by(c.created_at.desc(), c.id.desc()).limit(limit + 1)
    begin = read_cursor(after)
    if begin is not None:
        query = query.where(tuple_(c.created_at, c.id) < tuple_(*begin))
    rows = (await connection.execute(query)).all()
    shown = rows[:limit]
    more = cursor_of(shown[-1].created_at, shown[-1].id) if len(rows) > limit else None
    names = AuditOut.model_fields
    return [AuditOut(**{name: getattr(row, name) for name in names}) for row in shown], more


async def end_session(connection: AsyncConnection, session_id: int) -> None:
    """Raises NotFound `session.unknown`."""
    alive = sessions.c.id == session_id, sessions.c.ended_at.is_(None)
    if (await connection.execute(select(sessions.c.id).where(*alive))).first() is None:
        raise NotFound("session.unknown", "There is no such session.")
    await live.end(connection, session_id)


async def leave(resources: Resources, user: SignedIn) -> None:
    """The person goes, her secrets with her; ledger and audit stay under a number.

    Raises Conflict `account.open_position` while something is open in any account.
    """
    pseudonym = f"deleted-{user.user_id}"
    async with unit_of_work(resources.engine, user.user_id) as connection:
        under = await connection.execute(select(accounts.c.id).order_by(accounts.c.id))
        ids = [*under.scalars()]
        for account_id in ids:
            await open_risk.hold_decisions(connection, "account_id", account_id)
        for account_id in ids:
            await open_risk.settle(connection, user, "account_id", account_id, None, may_keep=False)
        bells = await _close_logins(connection, resources, user)
        await _forget_secrets(connection)
        await live.end_others(connection, user.user_id, None)
        await audit.note(connection, user.user_id, pseudonym, "user.deleted", {})
        await _set(
            connection,
            user,
            username=pseudonym,
            email=None,
            is_email_verified=False,
            password_hash=_NO_PASSWORD,
            admin=False,
            discord_user_id=None,
            discord_dms_enabled=False,
            totp_sealed=None,
            totp_confirmed_at=None,
            disabled_at=func.now(),
            deleted_at=func.now(),
        )
        await connection.execute(_FORGET_PERSON, {"pseudonym": pseudonym})
    resources.bell.offer(bells)


async def _close_logins(
    connection: AsyncConnection, resources: Resources, user: SignedIn
) -> list[Any]:
    query = select(broker_connections.c.id).where(broker_connections.c.deleted_at.is_(None))
    bells = []
    for connection_id in (await connection.execute(query)).scalars():
        await connections.remove(connection, connection_id)
        detail = LoginDetail(connection_id=connection_id).model_dump()
        bells.append((await commands.put(connection, resources, user, FORGET, detail)).bell)
    return bells


async def _forget_secrets(connection: AsyncConnection) -> None:
    """Keys open nothing any more, and no alert finds a strategy."""
    for table in (api_keys, recovery_codes, profiles, ws_tickets, job_parts, trade_notes):
        await connection.execute(delete(table))
    await connection.execute(delete(invites).where(invites.c.used_at.is_(None)))
    await connection.execute(
        update(strategies).values(
            active=False,
            deleted_at=func.coalesce(strategies.c.deleted_at, func.now()),
            webhook_prev_hash=None,
        )
    )
    where_from = {"address": None, "agent": None}
    await connection.execute(update(sessions).values(**where_from))


async def _row(connection: AsyncConnection, user: SignedIn) -> Row[Any]:
    return (await connection.execute(select(users).where(users.c.id == user.user_id))).one()


async def _set(connection: AsyncConnection, user: SignedIn, **values: Any) -> None:
    statement = update(users).where(users.c.id == user.user_id)
    await connection.execute(statement.values(updated_at=func.now(), **values))
