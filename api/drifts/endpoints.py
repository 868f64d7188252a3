"""Differences between a strategy's book and the broker's: seen, and let go of by their owner.

What is done when books part is a rule of the strategy (`rules.drift`: alarm, block, follow, heal).
"""

from __future__ import annotations

from typing import Final

from fastapi import status

from api.access import SESSION, Router
from api.commands import service as commands
from api.deps import CurrentUser, ReadConn, Resources
from api.drifts import queries
from api.drifts.schemas import AskedOut, DriftOut, GiveIn
from api.security.sessions import SignedIn
from api.wire import PathId
from shared.db import audit
from shared.db.uow import unit_of_work

router = Router(SESSION, prefix="/api/drifts", tags=["drifts"])
ROUTERS: Final = (router,)


@router.get("/")
async def list_drifts(
    _: CurrentUser, connection: ReadConn, standing: bool = True
) -> list[DriftOut]:
    """Those that stand now; `standing=0` shows those that are over, too."""
    return await queries.list_drifts(connection, standing=standing)


@router.post("/{drift_id}/release/", status_code=status.HTTP_202_ACCEPTED)
async def release(user: CurrentUser, resources: Resources, drift_id: PathId) -> AskedOut:
    """Entries of the root may go again, until something else differs."""
    return await _ask(resources, user, "release_drift", drift_id, {})


@router.post("/{drift_id}/give/", status_code=status.HTTP_202_ACCEPTED)
async def give(user: CurrentUser, resources: Resources, drift_id: PathId, body: GiveIn) -> AskedOut:
    """What others hold there becomes the strategy's: its book follows, the account's stays."""
    more: dict[str, object] = {"strategy_id": body.strategy_id}
    return await _ask(resources, user, "give_external", drift_id, more)


async def _ask(
    resources: Resources, user: SignedIn, kind: str, drift_id: int, more: dict[str, object]
) -> AskedOut:
    """Committed with its audit row; another user's difference is as unknown as none."""
    detail = {"drift_id": drift_id, **more}
    async with unit_of_work(resources.engine, user.user_id) as connection:
        await queries.require(connection, drift_id)
        asked = await commands.put(connection, resources, user, kind, detail)
        await audit.note(connection, user.user_id, user.username, f"drift.{kind}", detail)
    resources.bell.offer([asked.bell])
    return AskedOut(message="It is being carried out.", command_id=asked.command_id)
