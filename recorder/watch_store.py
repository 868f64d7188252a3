"""What the watcher reads of connections and books, and the one command it may write."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sqlalchemy import and_, exists, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from recorder.drift import Books, Difference, Held, Place
from shared.contracts.commands import CommandRequested
from shared.contracts.envelope import Envelope
from shared.db import outbox
from shared.db.tables.accounts import accounts, broker_connections
from shared.db.tables.commands import command_results, commands
from shared.db.tables.trading import broker_sessions, contracts, fills, positions
from shared.domain.ids import event_id

KIND: Final = "reconcile"
WATCHED: Final = ("demo", "paper")
# The same differences are not asked about again sooner: reconciling them did not help, and the
# account is quarantined meanwhile.
REPEAT_AFTER: Final = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Watched:
    """A login whose token is alive, by the database's clock."""

    connection_id: int
    user_id: int
    environment: str
    login_name: str
    token_sealed: bytes


async def watched(connection: AsyncConnection) -> list[Watched]:
    query = (
        select(
            broker_connections.c.id,
            broker_connections.c.user_id,
            broker_connections.c.environment,
            broker_connections.c.login_name,
            broker_sessions.c.token_sealed,
        )
        .join(broker_sessions, broker_sessions.c.connection_id == broker_connections.c.id)
        .where(
            broker_connections.c.enabled,
            broker_connections.c.environment.in_(WATCHED),
            broker_sessions.c.token_sealed.is_not(None),
            broker_sessions.c.token_expires_at > func.now(),
        )
        .order_by(broker_connections.c.id)
    )
    rows = await connection.execute(query)
    return [Watched(*row) for row in rows]


async def books_of(connection: AsyncConnection, login: Watched, fill_ids: Collection[int]) -> Books:
    """Accounts under the login, which of these fills we hold, and our net by broker's ids."""
    held = select(accounts.c.id, accounts.c.broker_account_id).where(
        accounts.c.connection_id == login.connection_id
    )
    known = {row.id: row.broker_account_id for row in await connection.execute(held)}
    mine = select(fills.c.broker_fill_id, fills.c.active).where(
        fills.c.account_id.in_(known), fills.c.broker_fill_id.in_(fill_ids)
    )
    rows = (await connection.execute(mine)).all()
    return Books(
        accounts=frozenset(known.values()),
        fills={row.broker_fill_id: row.active for row in rows},
        positions=await _nets(connection, login, known),
    )


async def _nets(
    connection: AsyncConnection, login: Watched, known: dict[int, int]
) -> dict[Place, Held]:
    """A contract whose broker's id we have not learned cannot be compared and stays out."""
    query = (
        select(
            positions.c.account_id,
            contracts.c.broker_contract_id,
            func.sum(positions.c.net_qty).label("net_qty"),
            func.max(positions.c.updated_at).label("changed_at"),
        )
        .join(
            contracts,
            and_(
                contracts.c.environment == login.environment,
                contracts.c.name == positions.c.contract,
            ),
        )
        .where(positions.c.account_id.in_(known))
        .group_by(positions.c.account_id, contracts.c.broker_contract_id)
    )
    return {
        (known[row.account_id], row.broker_contract_id): Held(row.net_qty, row.changed_at)
        for row in await connection.execute(query)
    }


async def ask_to_reconcile(
    connection: AsyncConnection, login: Watched, found: list[Difference]
) -> Envelope | None:
    """Write the command and its bell; None when one is open, or asked the same just now."""
    lock = func.hashtextextended(f"recorder:watch:{login.connection_id}", 0)
    await connection.execute(select(func.pg_advisory_xact_lock(lock)))
    detail = {"connection_id": login.connection_id, "differences": found}
    answered = exists().where(command_results.c.command_id == commands.c.id)
    repeats = and_(commands.c.detail == detail, commands.c.created_at > func.now() - REPEAT_AFTER)
    standing = (
        select(commands.c.id)
        .where(
            commands.c.user_id == login.user_id,
            commands.c.kind == KIND,
            commands.c.detail["connection_id"].as_integer() == login.connection_id,
            ~answered | repeats,
        )
        .limit(1)
    )
    if (await connection.execute(standing)).first() is not None:
        return None
    statement = (
        insert(commands)
        .values(user_id=login.user_id, kind=KIND, detail=detail, requested_by="recorder")
        .returning(commands.c.id, commands.c.created_at)
    )
    command_id, at = (await connection.execute(statement)).one()
    added = await outbox.add(
        connection,
        CommandRequested(command_id=command_id),
        event_id=event_id(CommandRequested.type, str(command_id)),
        correlation_id=f"command:{command_id}",
        user_id=login.user_id,
        aggregate=f"command:{command_id}",
        occurred_at=at,
    )
    return added.envelope
