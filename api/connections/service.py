"""Connecting broker logins: tested by execution first, stored afterwards, secrets sealed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NoReturn

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from api.commands import service as commands
from api.commands.service import Result
from api.connections import store
from api.connections.schemas import AddedOut, AddIn, ChangeIn, DoneOut, FoundOut, LoginIn, TestOut
from api.connections.secrets import device_id, environment_of, sealed
from api.resources import Resources
from api.security.sessions import SignedIn
from shared.contracts import logins
from shared.contracts.logins import FoundAccount, LoginDetail, LoginSecret, TestDetail, TestReport
from shared.db.tables import commands as tables
from shared.db.uow import read_only, unit_of_work
from shared.domain.errors import BrokerRefused, BrokerUnavailable, Conflict, RateLimited

# Each may cost a failed sign-in, of which the broker allows our whole address five an hour.
_TESTS_MAX: Final = 10
_TESTS_WITHIN: Final = text("interval '10 minutes'")
_TESTS_WITHIN_S: Final = 600
_PENDING: Final = Result("pending", "command.pending", "The broker has not answered yet.", {})


async def test(resources: Resources, user: SignedIn, body: LoginIn) -> TestOut:
    """Nothing is stored. Raises RateLimited `connection.too_many_tests`."""
    command_id, result = await _ask(resources, user, body)
    found = _PENDING if result is None else result
    told = TestReport.model_validate(dict(found.detail))
    return TestOut(
        success=found.status == "done",
        code=found.code,
        message=found.message,
        accounts=[_found(each) for each in told.accounts],
        steps=list(told.steps),
        retry_after_s=told.retry_after_s,
        command_id=command_id,
    )


async def add(resources: Resources, user: SignedIn, body: AddIn) -> AddedOut | int:
    """The stored login; the command's id when the test takes longer than we wait.

    Nothing is stored unless the test went well. Adding a login of one's own again, with the same
    secrets, adds the accounts that are new.

    Raises BrokerRefused, BrokerUnavailable, RateLimited, and Conflict `broker.in_use`.
    """
    commands.sealer(resources)  # without a key nothing is asked at all
    command_id, result = await _ask(resources, user, body)
    if result is None:
        return command_id
    if result.status != "done":
        _refuse(result)
    told = TestReport.model_validate(dict(result.detail))
    async with unit_of_work(resources.engine, user.user_id) as connection:
        connection_id = await _store(connection, resources, user, body, told.accounts)
    return AddedOut(
        success=True,
        message="The login is connected.",
        connection_id=connection_id,
        accounts=[_found(each) for each in told.accounts],
        steps=list(told.steps),
    )


async def change(
    resources: Resources, user: SignedIn, connection_id: int, body: ChangeIn
) -> DoneOut:
    """Raises NotFound `connection.unknown`, and Conflict `account.open_position`."""
    named = {name: getattr(body, name) for name in body.model_fields_set}
    values: dict[str, Any] = {
        name: named[name]
        for name in ("name", "enabled", "client_id")
        if name in named and (named[name] is not None or name == "client_id")
    }
    secrets = body.password, body.client_secret
    if any(secrets):
        values |= sealed(commands.sealer(resources), connection_id, *secrets)
    async with unit_of_work(resources.engine, user.user_id) as connection:
        if values.get("enabled") is False:
            await store.require_quiet(connection, user, connection_id)
        await store.find(connection, connection_id, lock=True)
        await store.change(connection, connection_id, values)
        detail = LoginDetail(connection_id=connection_id).model_dump()
        asked = await commands.put(connection, resources, user, logins.RESTART, detail)
    resources.bell.offer([asked.bell])
    return DoneOut(message="Connection updated.", id=connection_id)


async def remove(resources: Resources, user: SignedIn, connection_id: int) -> DoneOut:
    """Raises NotFound `connection.unknown`, and Conflict `account.open_position`."""
    async with unit_of_work(resources.engine, user.user_id) as connection:
        await store.require_quiet(connection, user, connection_id)
        await store.find(connection, connection_id, lock=True)
        await store.remove(connection, connection_id)
        detail = LoginDetail(connection_id=connection_id).model_dump()
        asked = await commands.put(connection, resources, user, logins.FORGET, detail)
    resources.bell.offer([asked.bell])
    return DoneOut(message="Connection deleted.", id=connection_id)


async def refresh(resources: Resources, user: SignedIn, connection_id: int) -> TestOut:
    """Ask the broker for the login's accounts, and keep those that are new."""
    async with read_only(resources.engine, user.user_id) as connection:
        await store.find(connection, connection_id)
    detail = LoginDetail(connection_id=connection_id).model_dump()
    command_id, result = await commands.ask(resources, user, logins.ACCOUNTS, detail)
    found = _PENDING if result is None else result
    told = TestReport.model_validate(dict(found.detail))
    if found.status == "done":
        async with unit_of_work(resources.engine, user.user_id) as connection:
            await store.keep_accounts(connection, user.user_id, connection_id, told.accounts)
    return TestOut(
        success=found.status == "done",
        code=found.code,
        message=found.message,
        accounts=[_found(each) for each in told.accounts],
        steps=list(told.steps),
        retry_after_s=told.retry_after_s,
        command_id=command_id,
    )


async def _ask(resources: Resources, user: SignedIn, body: LoginIn) -> tuple[int, Result | None]:
    environment = environment_of(body)
    detail = TestDetail(
        environment=environment,
        login_name=body.username,
        client_id=body.client_id,
        device_id=device_id(resources.settings.secret, user.user_id, environment, body.username),
    )
    sec = None if body.client_secret is None else body.client_secret.get_secret_value()
    secret = LoginSecret(password=body.password.get_secret_value(), client_secret=sec)
    await _require_patience(resources, user)
    plain = secret.model_dump_json().encode()
    return await commands.ask(resources, user, logins.TEST, detail.model_dump(), plain)


async def _require_patience(resources: Resources, user: SignedIn) -> None:
    c = tables.commands.c
    recent = select(func.count()).where(
        c.kind == logins.TEST, c.created_at > func.now() - _TESTS_WITHIN
    )
    async with read_only(resources.engine, user.user_id) as connection:
        if (await connection.execute(recent)).scalar_one() < _TESTS_MAX:
            return
    raise RateLimited(
        "connection.too_many_tests",
        "That is enough tests for ten minutes: the broker locks who fails to sign in too often.",
        retry_after_s=_TESTS_WITHIN_S,
    )


async def _store(
    connection: AsyncConnection,
    resources: Resources,
    user: SignedIn,
    body: AddIn,
    found: Sequence[FoundAccount],
) -> int:
    """The row first, then its secrets: a box is sealed for the row's id."""
    environment = environment_of(body)
    values: Mapping[str, Any] = {
        "name": body.name or f"{body.username} ({environment})",
        "environment": environment,
        "auth_type": "credentials",
        "login_name": body.username,
        "client_id": body.client_id,
        "device_id": device_id(resources.settings.secret, user.user_id, environment, body.username),
    }
    connection_id = await store.save(connection, user, values)
    boxes = sealed(commands.sealer(resources), connection_id, body.password, body.client_secret)
    await store.change(connection, connection_id, boxes)
    await store.keep_accounts(connection, user.user_id, connection_id, found, body.accounts)
    return connection_id


def _refuse(result: Result) -> NoReturn:
    if result.code == logins.IN_USE:
        raise Conflict(result.code, result.message)
    if result.status == "refused":
        raise BrokerRefused(result.code, result.message)
    told = TestReport.model_validate(dict(result.detail))
    wait = {} if told.retry_after_s is None else {"retry_after_s": told.retry_after_s}
    raise BrokerUnavailable(result.code, result.message, **wait)


def _found(each: FoundAccount) -> FoundOut:
    return FoundOut(id=each.broker_account_id, name=each.name, active=each.active)
