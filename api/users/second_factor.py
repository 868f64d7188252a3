"""The second factor: a code of the telephone, or in its place a recovery code.

    begin    a new secret, sealed, not yet asked for          -> secret and address, shown once
    confirm  a right code: from now on sign-in asks for one   -> ten recovery codes, shown once
    remove   password and code

A code is taken once: the step it belongs to is kept, and only a later one is good.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Any, Final

from sqlalchemy import Row, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from api.errors import SecondFactorNeeded
from api.resources import Resources
from api.security import second_key, totp
from api.security.sessions import SignedIn
from api.users.schemas import BegunOut, CodesOut
from shared.db import audit
from shared.db.tables.people import recovery_codes, users
from shared.domain.errors import Conflict
from shared.domain.ids import UserId

ISSUER: Final = "Trade Manager"
CODES: Final = 10
_CODE_BYTES: Final = 10  # 80 bits are 16 characters
_TABLE, _COLUMN = "users", "totp_sealed"


async def begin(connection: AsyncConnection, resources: Resources, user: SignedIn) -> BegunOut:
    """Raises Conflict `totp.is_on`: a factor that is asked for is removed first."""
    if (await _row(connection, user.user_id)).totp_confirmed_at is not None:
        raise Conflict("totp.is_on", "The second factor is on already.")
    secret = resources.random_bytes(totp.SECRET_BYTES)
    vault = second_key.opener(resources.settings)
    box = vault.seal(secret, table=_TABLE, row_id=user.user_id, column=_COLUMN)
    await _set(connection, user.user_id, totp_sealed=box, totp_step=None)
    url = totp.address(secret, ISSUER, user.username)
    return BegunOut(secret=totp.as_text(secret), url=url)


async def confirm(
    connection: AsyncConnection, resources: Resources, user: SignedIn, code: str
) -> CodesOut:
    """Raises Conflict `totp.not_begun` and `totp.is_on`, and `SecondFactorNeeded`."""
    row = await _row(connection, user.user_id)
    if row.totp_confirmed_at is not None:
        raise Conflict("totp.is_on", "The second factor is on already.")
    if row.totp_sealed is None:
        raise Conflict("totp.not_begun", "Begin first: there is no secret yet.")
    if not await _takes(connection, resources, row, code):
        raise SecondFactorNeeded(is_wrong=True)
    await _set(connection, user.user_id, totp_confirmed_at=func.now())
    await audit.note(connection, user.user_id, user.username, "user.totp_on", {})
    return await new_codes(connection, resources, user)


async def remove(connection: AsyncConnection, user: SignedIn) -> None:
    """The caller has asked for password and code."""
    await _set(connection, user.user_id, totp_sealed=None, totp_confirmed_at=None, totp_step=None)
    await connection.execute(delete(recovery_codes))
    await audit.note(connection, user.user_id, user.username, "user.totp_off", {})


async def new_codes(connection: AsyncConnection, resources: Resources, user: SignedIn) -> CodesOut:
    """Ten codes, shown once; those before them are good no more."""
    await connection.execute(delete(recovery_codes))
    codes = [
        base64.b32encode(resources.random_bytes(_CODE_BYTES)).decode().lower() for _ in range(CODES)
    ]
    rows = [
        {"user_id": user.user_id, "code_hash": _hash(resources, user.user_id, code)}
        for code in codes
    ]
    await connection.execute(insert(recovery_codes), rows)
    return CodesOut(recovery_codes=[f"{code[:8]}-{code[8:]}" for code in codes])


async def passes(
    connection: AsyncConnection, resources: Resources, user_id: UserId, code: str | None
) -> bool:
    """Whether the code, which is used up, lets the user in; True where none is asked for."""
    row = await _row(connection, user_id)
    if row.totp_confirmed_at is None:
        return True
    if not code:
        return False
    given = code.strip().lower().replace(" ", "").replace("-", "")
    if given.isdigit():
        return await _takes(connection, resources, row, given)
    spent = (
        update(recovery_codes)
        .where(
            recovery_codes.c.code_hash == _hash(resources, user_id, given),
            recovery_codes.c.used_at.is_(None),
        )
        .values(used_at=func.now())
    )
    return (await connection.execute(spent)).rowcount == 1


async def is_on(connection: AsyncConnection, user_id: UserId) -> bool:
    return (await _row(connection, user_id)).totp_confirmed_at is not None


async def _takes(
    connection: AsyncConnection, resources: Resources, row: Row[Any], code: str
) -> bool:
    vault = second_key.opener(resources.settings)
    secret = vault.open(bytes(row.totp_sealed), table=_TABLE, row_id=row.id, column=_COLUMN)
    step = totp.matching_step(secret, code, resources.clock.now(), row.totp_step)
    if step is None:
        return False
    await _set(connection, row.id, totp_step=step)
    return True


async def _row(connection: AsyncConnection, user_id: UserId) -> Row[Any]:
    """Locked: of two requests with the same code one is too late."""
    query = select(users).where(users.c.id == user_id).with_for_update()
    return (await connection.execute(query)).one()


async def _set(connection: AsyncConnection, user_id: UserId, **values: Any) -> None:
    await connection.execute(update(users).where(users.c.id == user_id).values(**values))


def _hash(resources: Resources, user_id: UserId, code: str) -> bytes:
    """Under the secret key: a copy of the table alone cannot be tried against."""
    message = b"recovery:%d:" % user_id + code.encode()
    return hmac.new(resources.settings.secret, message, hashlib.sha256).digest()
