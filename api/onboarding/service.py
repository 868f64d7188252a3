"""Steps are seen in what there is, not in what was clicked; only skipping is remembered."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import exists, select
from sqlalchemy.ext.asyncio import AsyncConnection

from api.onboarding.schemas import MarkIn, OnboardingOut, RefusedOut, State, Step, StepOut
from api.profiles import service as profiles
from api.security.sessions import SignedIn
from api.wire import invalid
from shared.db.tables.accounts import accounts, broker_connections
from shared.db.tables.records import trades
from shared.db.tables.signals import alerts
from shared.db.tables.strategies import strategies

_PAPER: Final = "paper"
_KEY: Final = "onboarding"


async def state(connection: AsyncConnection) -> OnboardingOut:
    seen = await _seen(connection)
    said = await profiles.remembered(connection, _KEY)
    steps = [StepOut(step=step, state=_state(step, seen, said)) for step in Step]
    return OnboardingOut(
        steps=steps,
        is_over=all(each.state is not State.OPEN for each in steps),
        last_refused=await _last_refused(connection),
    )


async def mark(connection: AsyncConnection, user: SignedIn, body: MarkIn) -> OnboardingOut:
    """Raises InvalidInput `onboarding.not_seen` for a step that is done when it is seen."""
    if body.state is State.DONE and body.step is not Step.ALERT_COPIED:
        raise invalid("onboarding.not_seen", "This step is done when it is seen.", "state")
    said = await profiles.remembered(connection, _KEY)
    said[body.step.value] = body.state.value
    await profiles.remember(connection, user, _KEY, said)
    return await state(connection)


def _state(step: Step, seen: set[Step], said: dict[str, Any]) -> State:
    return State.DONE if step in seen else State(said.get(step.value, State.OPEN))


async def _seen(connection: AsyncConnection) -> set[Step]:
    c = broker_connections.c
    on_paper = trades.join(accounts, accounts.c.id == trades.c.account_id).join(
        broker_connections, c.id == accounts.c.connection_id
    )
    there = {
        Step.PAPER_TRADE: exists(select(trades.c.id).select_from(on_paper).where(
            c.environment == _PAPER
        )),
        Step.STRATEGY_SAVED: exists().where(strategies.c.deleted_at.is_(None)),
        Step.SIGNAL_RECEIVED: exists().where(alerts.c.signal_id.is_not(None)),
        Step.ACCOUNT_CONNECTED: exists().where(c.environment != _PAPER, c.deleted_at.is_(None)),
    }  # fmt: skip
    row = (await connection.execute(select(*there.values()))).one()
    return {Step.PASSWORD_SET} | {step for step, found in zip(there, row, strict=True) if found}


async def _last_refused(connection: AsyncConnection) -> RefusedOut | None:
    query = select(alerts).order_by(alerts.c.received_at.desc(), alerts.c.id.desc()).limit(1)
    row = (await connection.execute(query)).first()
    if row is None or row.verdict != "refused":
        return None
    return RefusedOut(
        at=row.received_at, strategy_id=row.strategy_id, code=row.code, message=row.message or ""
    )
