"""Signing in and out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import func, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from api.auth.schemas import CheckAuthOut, LoginIn, UserOut, UserWithSocketToken
from api.errors import SecondFactorNeeded, WrongCredentials
from api.resources import Resources
from api.security import sessions, socket_token, throttle
from api.security.sessions import LiveSession, NewSession, Place
from api.users import second_factor
from shared.db.tables.people import users
from shared.db.uow import read_only, unit_of_work
from shared.domain.errors import NotAllowed
from shared.domain.ids import UserId

_FIND_LOGIN: Final = text(
    "SELECT user_id, password_hash, disabled_at FROM tm_find_login(:username)"
)


@dataclass(frozen=True, slots=True)
class Entered:
    """A finished sign-in: the cookie's value and the CSRF secret exist only here."""

    session: NewSession
    user: UserOut


async def login(
    resources: Resources, body: LoginIn, place: Place, previous: LiveSession | None
) -> Entered:
    """Raises `RateLimited`, `NotAllowed` (captcha), `WrongCredentials` or `SecondFactorNeeded`.

    An unknown name costs the same work and gets the same answer as a wrong password. The session
    this browser had before ends, whoever's it was.
    """
    async with unit_of_work(resources.engine) as connection:
        attempt_id = await throttle.begin(connection, body.username, place.address)
    if not await resources.captcha.is_solved(body.captcha_token, place.address):
        raise NotAllowed("auth.captcha", "The captcha was not solved.")
    user_id, rehashed = await _verify(resources, body)
    async with unit_of_work(resources.engine, user_id) as connection:
        # In a transaction of its own: a code that was shown is used up, whatever comes after.
        passed = await second_factor.passes(connection, resources, user_id, body.otp)
    if not passed:
        raise SecondFactorNeeded(is_wrong=body.otp is not None)
    if previous is not None:
        await logout(resources, previous)
    async with unit_of_work(resources.engine, user_id) as connection:
        await throttle.succeed(connection, attempt_id, user_id)
        await _note_login(connection, user_id, rehashed)
        session = await sessions.start(
            connection, user_id, resources.settings, resources.random_bytes, place
        )
        return Entered(session, await read_user(connection, user_id))


async def logout(resources: Resources, live: LiveSession) -> None:
    async with unit_of_work(resources.engine, live.who.user_id) as connection:
        await sessions.end(connection, live.who.session_id)


async def check(resources: Resources, live: LiveSession) -> CheckAuthOut:
    """The user and the current socket token."""
    async with unit_of_work(resources.engine, live.who.user_id) as connection:
        token = await socket_token.current(
            connection, resources.settings.secret, live.who.session_id, live.csrf_secret
        )
        user = await read_user(connection, live.who.user_id)
    fields = user.model_dump()
    inner = UserWithSocketToken(**fields, sessionId=token)
    return CheckAuthOut(**fields, sessionId=token, user=inner)


async def read_user(connection: AsyncConnection, user_id: UserId) -> UserOut:
    """The user as the wire shows one."""
    row = (await connection.execute(select(users).where(users.c.id == user_id))).one()
    return UserOut(
        username=row.username,
        email=row.email,
        admin=row.admin,
        DiscordID=row.discord_user_id,
        is_email_verified=row.is_email_verified,
    )


async def _verify(resources: Resources, body: LoginIn) -> tuple[UserId, str | None]:
    """The user, and a new hash when the stored one was made with older costs."""
    async with read_only(resources.engine) as connection:
        row = (await connection.execute(_FIND_LOGIN, {"username": body.username.strip()})).first()
    passwords, given = resources.passwords, body.password.get_secret_value()
    matches = await passwords.verify(given, None if row is None else row.password_hash)
    if row is None or not matches or row.disabled_at is not None:
        raise WrongCredentials
    is_old = passwords.needs_update(row.password_hash)
    return UserId(row.user_id), await passwords.hash(given) if is_old else None


async def _note_login(connection: AsyncConnection, user_id: UserId, rehashed: str | None) -> None:
    statement = update(users).where(users.c.id == user_id).values(last_login_at=func.now())
    if rehashed is not None:
        statement = statement.values(password_hash=rehashed)
    await connection.execute(statement)
