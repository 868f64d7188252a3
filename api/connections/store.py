"""Rows of broker logins and of the accounts under them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

from sqlalchemy import Row, delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from api import open_risk
from api.security.sessions import SignedIn
from shared.contracts.logins import IN_USE, FoundAccount
from shared.db.tables.accounts import accounts, broker_connections
from shared.db.tables.strategies import strategy_accounts
from shared.domain.errors import Conflict, NotFound
from shared.domain.ids import UserId

CONNECTIONS_MAX: Final = 50
_UNIQUE: Final = "uq_broker_connections_login"
_c = broker_connections.c
# Of two requests that connect the same login one waits for the other.
_LOCK: Final = text("SELECT pg_advisory_xact_lock(11, CAST(:user AS integer))")


async def find(connection: AsyncConnection, connection_id: int, *, lock: bool = False) -> Row[Any]:
    """Raises NotFound `connection.unknown`: also for another user's, and for a deleted one."""
    query = select(broker_connections).where(_c.id == connection_id, _c.deleted_at.is_(None))
    found = (await connection.execute(query.with_for_update() if lock else query)).first()
    if found is None:
        raise NotFound("connection.unknown", "There is no such connection.")
    return found


async def named(connection: AsyncConnection, environment: str, login_name: str) -> Row[Any] | None:
    """The user's own login of that name, also a deleted one; the living one first."""
    query = (
        select(broker_connections)
        .where(
            _c.environment == environment,
            func.lower(_c.login_name) == func.lower(login_name),
        )
        .order_by(_c.deleted_at.is_not(None), _c.id.desc())
        .limit(1)
    )
    return (await connection.execute(query)).first()


async def save(connection: AsyncConnection, user: SignedIn, values: Mapping[str, Any]) -> int:
    """The login's row: a new one, or a deleted one back with its accounts and their history.

    Raises Conflict `broker.in_use` for another user's and `connection.too_many`. A living login
    of the user's own is left as it is.
    """
    await connection.execute(_LOCK, {"user": user.user_id})
    known = await named(connection, values["environment"], values["login_name"])
    if known is not None and known.deleted_at is None:
        return int(known.id)
    count = select(func.count()).select_from(broker_connections).where(_c.deleted_at.is_(None))
    if (await connection.execute(count)).scalar_one() >= CONNECTIONS_MAX:
        raise Conflict("connection.too_many", f"{CONNECTIONS_MAX} logins are the limit.")
    with _unique():
        if known is not None:
            back = {"deleted_at": None, "enabled": True, "updated_at": func.now()}
            statement = update(broker_connections).where(_c.id == known.id)
            await connection.execute(statement.values({**values, **back}))
            return int(known.id)
        made = insert(broker_connections).values(user_id=user.user_id, **values).returning(_c.id)
        return int((await connection.execute(made)).scalar_one())


async def shelve(connection: AsyncConnection, user: SignedIn, values: Mapping[str, Any]) -> int:
    """The row of a login that nobody has proven to be his.

    It is not listed, not driven, and keeps its name from nobody. A login of the user's own that is
    there already stays as it is.
    """
    await connection.execute(_LOCK, {"user": user.user_id})
    known = await named(connection, values["environment"], values["login_name"])
    if known is not None:
        return int(known.id)
    off = {"enabled": False, "deleted_at": func.now()}
    made = insert(broker_connections).values(user_id=user.user_id, **values, **off)
    return int((await connection.execute(made.returning(_c.id))).scalar_one())


async def put_back(connection: AsyncConnection, connection_id: int) -> None:
    """Off the list again."""
    await change(connection, connection_id, {"enabled": False, "deleted_at": func.now()})


async def take_up(connection: AsyncConnection, connection_id: int) -> bool:
    """Drive a login from now on; False where it is driven already.

    Raises Conflict `broker.in_use` when its name is another's by now.
    """
    back = {"enabled": True, "deleted_at": None, "updated_at": func.now()}
    statement = update(broker_connections).where(_c.id == connection_id, _c.deleted_at.is_not(None))
    with _unique():
        return (await connection.execute(statement.values(back))).rowcount == 1


async def change(
    connection: AsyncConnection, connection_id: int, values: Mapping[str, Any]
) -> None:
    statement = update(broker_connections).where(_c.id == connection_id)
    await connection.execute(statement.values({**values, "updated_at": func.now()}))


async def keep_accounts(
    connection: AsyncConnection,
    user_id: UserId,
    connection_id: int,
    found: Sequence[FoundAccount],
    chosen: Collection[int] | None = None,
) -> None:
    """Accounts of the broker's list. One that is known keeps its settings; none is taken away.

    A live account begins locked (`api/live`) as every one does. `max_contracts` begins at 0,
    which is no cap.
    """
    if not found:
        return
    rows = [
        {
            "user_id": user_id,
            "connection_id": connection_id,
            "broker_account_id": each.broker_account_id,
            "name": each.name,
            "enabled": each.active and (chosen is None or each.broker_account_id in chosen),
        }
        for each in found
    ]
    fresh = insert(accounts).values(rows)
    await connection.execute(
        fresh.on_conflict_do_update(
            index_elements=[accounts.c.connection_id, accounts.c.broker_account_id],
            set_={"name": fresh.excluded.name, "updated_at": func.now()},
        )
    )


async def require_quiet(connection: AsyncConnection, user: SignedIn, connection_id: int) -> None:
    """Raises Conflict `account.open_position` while something is open under the login.

    No signal is decided for its accounts before we commit.
    """
    query = select(accounts.c.id).where(accounts.c.connection_id == connection_id)
    ids = sorted((await connection.execute(query)).scalars())
    for account_id in ids:
        await open_risk.hold_decisions(connection, "account_id", account_id)
    for account_id in ids:
        await open_risk.settle(connection, user, "account_id", account_id, None, may_keep=False)


async def remove(connection: AsyncConnection, connection_id: int) -> None:
    """Secrets and links go; what was traded stays on record."""
    under = select(accounts.c.id).where(accounts.c.connection_id == connection_id)
    await connection.execute(
        delete(strategy_accounts).where(strategy_accounts.c.account_id.in_(under))
    )
    # Connected again, real money waits for its owner's word again.
    nothing_on = {"enabled": False, "live_enabled_at": None, "live_enabled_home": None}
    await connection.execute(
        update(accounts).where(accounts.c.connection_id == connection_id).values(**nothing_on)
    )
    nothing = {"password_sealed": None, "client_secret_sealed": None, "enabled": False}
    await change(connection, connection_id, {**nothing, "deleted_at": func.now()})


@contextmanager
def _unique() -> Iterator[None]:
    """Another user's row is invisible here, and its name taken all the same."""
    try:
        yield
    except IntegrityError as error:
        if _UNIQUE not in str(error.orig):
            raise
        raise Conflict(IN_USE, "This login is connected already.") from error
