"""Who becomes a user: the first one, by invitation, or anybody; as the setting says."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from sqlalchemy import insert, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from api.auth import service as auth
from api.auth.schemas import RegisterIn, SetupOut
from api.auth.service import Entered
from api.resources import Resources
from api.security import sessions, throttle
from api.security.sessions import Place, SignedIn
from api.users.schemas import InviteIn, InviteOut
from shared.db import audit
from shared.db.tables.people import invites, users
from shared.db.uow import read_only, unit_of_work
from shared.domain.errors import Conflict, NotAllowed
from shared.domain.ids import UserId

_NEXT_ID: Final = text("SELECT nextval('users_id_seq')")
_HAS_USERS: Final = text("SELECT tm_has_users()")
_USE_INVITE: Final = text("SELECT tm_use_invite(:hash)")
# Of two people who set up an empty installation at once one is the second.
_LOCK_SETUP: Final = text("SELECT pg_advisory_xact_lock(12, 1)")
_INVITE_BYTES: Final = 20
_TAKEN: Final = {
    "uq_users_username_lower": ("user.name_taken", "This user name is taken."),
    "uq_users_email_lower": ("user.email_taken", "This address is another user's."),
}


async def state(resources: Resources) -> SetupOut:
    async with read_only(resources.engine) as connection:
        has_users = (await connection.execute(_HAS_USERS)).scalar_one()
    return SetupOut(needed=not has_users, registration=resources.settings.registration)


async def first(resources: Resources, body: RegisterIn, place: Place) -> Entered:
    """Raises Conflict `setup.closed` once there is a user."""
    if not (await state(resources)).needed:  # before a hash is spent on it
        raise _closed()
    user_id, password_hash = await _prepare(resources, body)
    async with unit_of_work(resources.engine, user_id) as connection:
        await connection.execute(_LOCK_SETUP)
        if (await connection.execute(_HAS_USERS)).scalar_one():
            raise _closed()
        return await _enter(connection, resources, body, place, user_id, password_hash, admin=True)


async def join(resources: Resources, body: RegisterIn, place: Place) -> Entered:
    """Raises NotAllowed `auth.registration_closed`, `auth.captcha` and `auth.invite`.

    And Conflict for a name or address that is taken, and RateLimited: a try counts as one to
    sign in from the same address.
    """
    settings = resources.settings
    if settings.registration == "closed":
        raise NotAllowed("auth.registration_closed", "Nobody can sign up here.")
    async with unit_of_work(resources.engine) as connection:
        attempt_id = await throttle.begin(connection, f"new:{body.username}", place.address)
    if not await resources.captcha.is_solved(body.captcha_token, place.address):
        raise NotAllowed("auth.captcha", "The captcha was not solved.")
    user_id, password_hash = await _prepare(resources, body)
    async with unit_of_work(resources.engine, user_id) as connection:
        entered = await _enter(
            connection, resources, body, place, user_id, password_hash, admin=False
        )
        if settings.registration == "invited":
            await _use_invite(connection, body.invite_code or "")
        await throttle.succeed(connection, attempt_id, user_id)
        return entered


async def invite(
    connection: AsyncConnection, resources: Resources, user: SignedIn, body: InviteIn
) -> InviteOut:
    code = base64.b32encode(resources.random_bytes(_INVITE_BYTES)).decode().lower()
    until = text("now() + make_interval(days => :days)").bindparams(days=body.days)
    statement = insert(invites).values(
        user_id=user.user_id, code_hash=_hash(code), note=body.note, expires_at=until
    )
    row = (await connection.execute(statement.returning(invites.c.id, invites.c.expires_at))).one()
    await audit.note(connection, user.user_id, user.username, "user.invited", {"invite": row.id})
    return InviteOut(id=row.id, code=code, expires_at=row.expires_at)


@contextmanager
def unique() -> Iterator[None]:
    """Names and addresses are compared over all users, whom nobody can see."""
    try:
        yield
    except IntegrityError as error:
        for index, said in _TAKEN.items():
            if index in str(error.orig):
                raise Conflict(*said) from error
        raise


async def _prepare(resources: Resources, body: RegisterIn) -> tuple[UserId, str]:
    password_hash = await resources.passwords.hash(body.password.get_secret_value())
    async with unit_of_work(resources.engine) as connection:
        user_id: int = (await connection.execute(_NEXT_ID)).scalar_one()
    return UserId(user_id), password_hash


async def _enter(
    connection: AsyncConnection,
    resources: Resources,
    body: RegisterIn,
    place: Place,
    user_id: UserId,
    password_hash: str,
    *,
    admin: bool,
) -> Entered:
    """The row, and a session for it."""
    with unique():
        await connection.execute(
            insert(users).values(
                id=user_id,
                username=body.username,
                email=body.email,
                password_hash=password_hash,
                admin=admin,
            )
        )
    await audit.note(connection, user_id, body.username, "user.registered", {"admin": admin})
    session = await sessions.start(
        connection, user_id, resources.settings, resources.random_bytes, place
    )
    return Entered(session, await auth.read_user(connection, user_id))


async def _use_invite(connection: AsyncConnection, code: str) -> None:
    used = await connection.execute(_USE_INVITE, {"hash": _hash(code.strip().lower())})
    if used.scalar() is None:
        raise NotAllowed("auth.invite", "This invitation is unknown, used or too old.")


def _hash(code: str) -> bytes:
    return hashlib.sha256(code.encode()).digest()


def _closed() -> Conflict:
    return Conflict("setup.closed", "This installation is set up already.")
