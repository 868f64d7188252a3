"""Kill, pause, resume and flatten: a strategy, an account, a user, the whole installation.

    POST /api/controls/{strategy|account}/<id>/{kill|pause|resume|flatten}/
    POST /api/controls/{user|system}/{kill|pause|resume|flatten}/

Committed when answered; what has to be closed is then a command that execution carries out, with
or without this process. A key may stop; only a person, in a browser, lets trade again.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from fastapi import status

from api.access import ADMIN, PERSON, SESSION, Router
from api.controls import queries, service
from api.controls.schemas import ControlsOut, SaidOut, WordIn
from api.deps import Admin, CurrentUser, Person, ReadConn, Resources
from api.wire import PathId
from shared.domain.controls import Word
from shared.domain.gates.controls import Scope

router = Router(SESSION, prefix="/api/controls", tags=["controls"])
person = Router(PERSON, prefix="/api/controls", tags=["controls"])
system = Router(ADMIN, prefix="/api/controls", tags=["controls"])
# Whoever resumes is asked for first: the words of the others stand for anything.
ROUTERS: Final = (person, router, system)


class Stop(StrEnum):
    """A word that stops, or `flatten`: close everything now and go on."""

    KILL = Word.KILL.value
    PAUSE = Word.PAUSE.value
    FLATTEN = service.FLATTEN


class Said(StrEnum):
    KILL = Word.KILL.value
    PAUSE = Word.PAUSE.value
    RESUME = Word.RESUME.value
    FLATTEN = service.FLATTEN


@person.post("/strategy/{strategy_id}/resume/", status_code=status.HTTP_202_ACCEPTED)
async def resume_strategy(
    user: Person, resources: Resources, strategy_id: PathId, body: WordIn
) -> SaidOut:
    """Entries are taken again, unless a wider scope is stopped."""
    return await service.speak(
        resources, user, Scope.STRATEGY, strategy_id, Said.RESUME, body.reason
    )


@person.post("/account/{account_id}/resume/", status_code=status.HTTP_202_ACCEPTED)
async def resume_account(
    user: Person, resources: Resources, account_id: PathId, body: WordIn
) -> SaidOut:
    """Entries are taken again, unless a wider scope is stopped."""
    return await service.speak(resources, user, Scope.ACCOUNT, account_id, Said.RESUME, body.reason)


@person.post("/user/resume/", status_code=status.HTTP_202_ACCEPTED)
async def resume_user(user: Person, resources: Resources, body: WordIn) -> SaidOut:
    """Entries are taken again, unless the whole installation is stopped."""
    return await service.speak(resources, user, Scope.USER, user.user_id, Said.RESUME, body.reason)


@router.get("/")
async def list_controls(_: CurrentUser, connection: ReadConn) -> ControlsOut:
    """What stops the user's trading now, and what was said before."""
    return await queries.list_controls(connection)


@router.post("/strategy/{strategy_id}/{word}/", status_code=status.HTTP_202_ACCEPTED)
async def say_to_strategy(
    user: CurrentUser, resources: Resources, strategy_id: PathId, word: Stop, body: WordIn
) -> SaidOut:
    """Ends only what the strategy holds."""
    return await service.speak(resources, user, Scope.STRATEGY, strategy_id, word, body.reason)


@router.post("/account/{account_id}/{word}/", status_code=status.HTTP_202_ACCEPTED)
async def say_to_account(
    user: CurrentUser, resources: Resources, account_id: PathId, word: Stop, body: WordIn
) -> SaidOut:
    """A kill or a flatten ends every owner in it, also what was entered by hand."""
    return await service.speak(resources, user, Scope.ACCOUNT, account_id, word, body.reason)


@router.post("/user/{word}/", status_code=status.HTTP_202_ACCEPTED)
async def say_to_user(user: CurrentUser, resources: Resources, word: Stop, body: WordIn) -> SaidOut:
    """All accounts and strategies of who asks."""
    return await service.speak(resources, user, Scope.USER, user.user_id, word, body.reason)


@system.post("/system/{word}/", status_code=status.HTTP_202_ACCEPTED)
async def say_to_system(user: Admin, resources: Resources, word: Said, body: WordIn) -> SaidOut:
    """Everybody's accounts and strategies."""
    return await service.speak(resources, user, Scope.SYSTEM, 0, word, body.reason)
