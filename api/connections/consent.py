"""Signing in at the broker by consent: the way there, and the way back.

    start      a row of `broker_consents`; the browser is sent to the broker's page with a state
    callback   code and state come back -> a committed command -> execution exchanges the code

A login that is new is neither listed nor driven until somebody comes back with a code: a name is
nobody's for merely having been typed.

The state is random and carries a mark of the session that asked: brought back by another session,
it is refused before anything is looked for. Only its hash is stored, and it is good once.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Final
from urllib.parse import urlencode

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from api.commands import service as commands
from api.connections import service, store
from api.connections.schemas import ConsentIn, ConsentOut
from api.connections.secrets import device_id
from api.resources import Resources
from api.security.sessions import SignedIn
from api.wire import invalid
from shared.contracts.consent import KIND, ConsentDetail, ConsentSecret, state_hash
from shared.db.tables.accounts import broker_connections
from shared.db.tables.commands import broker_consents
from shared.db.uow import read_only, unit_of_work
from shared.domain.errors import Conflict, NotAllowed

CALLBACK: Final = "/oauth/tradovate/callback/"
_RANDOM_BYTES: Final = 24
_MARK_BYTES: Final = 16
_PAGE: Final = "/user/accounts"
_PENDING: Final = "command.pending"


async def begin(resources: Resources, user: SignedIn, body: ConsentIn) -> ConsentOut:
    """The address of the broker's page, for a login of the user's or a new one without a password.

    Raises Conflict `broker.no_application` where neither the login nor the operator has one, and
    NotFound for a login that is not there.
    """
    settings = resources.settings
    back = f"{settings.public_url}{CALLBACK}"
    state = _state(resources, user)
    async with unit_of_work(resources.engine, user.user_id) as connection:
        connection_id = await _login(connection, resources, user, body)
        own_app = select(broker_connections.c.client_id)
        found = await connection.execute(own_app.where(broker_connections.c.id == connection_id))
        client_id = found.scalar_one() or settings.tradovate_oauth_client_id
        if client_id is None:
            raise Conflict("broker.no_application", "No application at the broker is configured.")
        await connection.execute(
            insert(broker_consents).values(
                user_id=user.user_id,
                connection_id=connection_id,
                client_id=client_id,
                redirect_uri=back,
                state_hash=state_hash(state),
            )
        )
    fields = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": back,
        "state": state,
    }
    url = f"{settings.tradovate_consent_url}?{urlencode(fields)}"
    return ConsentOut(url=url, connection_id=connection_id)


async def finish(resources: Resources, user: SignedIn, code: str, state: str) -> str:
    """Where the browser goes on to; `code` in its query says what came of it.

    Raises NotAllowed `broker.consent_unknown` for a state of another session, or none of ours, and
    Conflict `broker.in_use`.
    """
    if not _is_of(resources, user, state):
        raise _unknown()
    async with read_only(resources.engine, user.user_id) as connection:
        query = select(broker_consents.c.connection_id)
        query = query.where(broker_consents.c.state_hash == state_hash(state))
        connection_id = (await connection.execute(query)).scalar()
    if connection_id is None:
        raise _unknown()
    secret = ConsentSecret(code=code, state=state).model_dump_json().encode()
    detail = ConsentDetail(connection_id=connection_id).model_dump()
    async with unit_of_work(resources.engine, user.user_id) as connection:
        is_new = await store.take_up(connection, connection_id)
    _, result = await commands.ask(resources, user, KIND, detail, secret)
    said = _PENDING if result is None else result.code
    if result is not None and result.status == "done":
        await service.refresh(resources, user, connection_id)
    elif result is not None and is_new:
        async with unit_of_work(resources.engine, user.user_id) as connection:
            await store.put_back(connection, connection_id)
    return f"{_PAGE}?{urlencode({'connection': connection_id, 'code': said})}"


async def _login(
    connection: AsyncConnection, resources: Resources, user: SignedIn, body: ConsentIn
) -> int:
    if body.connection_id is not None:
        return int((await store.find(connection, body.connection_id)).id)
    if body.username is None:
        raise invalid("connection.which", "Say which login: connection_id or username.", "username")
    name = body.username
    values = {
        "name": body.name or f"{name} ({body.environment})",
        "environment": body.environment,
        "auth_type": "api",
        "login_name": name,
        "device_id": device_id(resources.settings.secret, user.user_id, body.environment, name),
    }
    return await store.shelve(connection, user, values)


def _state(resources: Resources, user: SignedIn) -> str:
    random = resources.random_bytes(_RANDOM_BYTES)
    return base64.urlsafe_b64encode(random + _mark(resources, user, random)).decode().rstrip("=")


def _is_of(resources: Resources, user: SignedIn, state: str) -> bool:
    try:
        raw = base64.urlsafe_b64decode(state + "=" * (-len(state) % 4))
    except ValueError:
        return False
    random, mark = raw[:_RANDOM_BYTES], raw[_RANDOM_BYTES:]
    return hmac.compare_digest(mark, _mark(resources, user, random))


def _mark(resources: Resources, user: SignedIn, random: bytes) -> bytes:
    message = b"consent:%d:" % user.session_id + random
    return hmac.new(resources.settings.secret, message, hashlib.sha256).digest()[:_MARK_BYTES]


def _unknown() -> NotAllowed:
    return NotAllowed("broker.consent_unknown", "No such consent is open: give it again.")
