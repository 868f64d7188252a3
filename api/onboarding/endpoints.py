"""What a new user has done and has still to do."""

from __future__ import annotations

from typing import Final

from api.access import PERSON, Router
from api.deps import Person, ReadConn, WriteConn
from api.onboarding import service
from api.onboarding.schemas import MarkIn, OnboardingOut

router = Router(PERSON, prefix="/api/user/onboarding", tags=["user"])
ROUTERS: Final = (router,)


@router.get("/")
async def show(_: Person, connection: ReadConn) -> OnboardingOut:
    """Each step is done once what it asks for is there, by whatever way it came."""
    return await service.state(connection)


@router.post("/")
async def mark(user: Person, connection: WriteConn, body: MarkIn) -> OnboardingOut:
    return await service.mark(connection, user, body)
