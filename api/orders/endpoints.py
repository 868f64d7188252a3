"""Buying, selling and closing by hand, on the path that alerts take."""

from __future__ import annotations

from typing import Final

from fastapi import Response, status

from api import idempotency
from api.access import SESSION, Router
from api.deps import Bells, CurrentUser, Resources, WriteConn
from api.orders import service
from api.orders.schemas import CloseIn, ClosingOut, ManualIn, PlacedOut

router = Router(SESSION, prefix="/api/orders", tags=["orders"])
ROUTERS: Final = (router,)


@router.post("/manual/", status_code=status.HTTP_202_ACCEPTED)
async def place(
    user: CurrentUser,
    connection: WriteConn,
    resources: Resources,
    response: Response,
    bells: Bells,
    key: idempotency.Key,
    body: ManualIn,
) -> PlacedOut:
    """A signal of the strategy. The same key again is the same order, answered again."""
    placed = await idempotency.once(
        connection,
        user,
        key,
        body,
        response,
        lambda: service.place(connection, resources, user, body, bells),
    )
    return placed or await idempotency.again(connection, user, key, PlacedOut)


@router.post("/close/", status_code=status.HTTP_202_ACCEPTED)
async def close(
    user: CurrentUser,
    connection: WriteConn,
    resources: Resources,
    response: Response,
    bells: Bells,
    key: idempotency.Key,
    body: CloseIn,
) -> ClosingOut:
    """Ends entries that work and closes what is held, with its stops until then."""
    closing = await idempotency.once(
        connection,
        user,
        key,
        body,
        response,
        lambda: service.close(connection, resources, user, body, bells),
    )
    return closing or await idempotency.again(connection, user, key, ClosingOut)
