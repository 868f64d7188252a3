"""Whose Discord account is whose: linked by consent, so that messages find their reader.

    start      a random state, of which the session keeps the hash, and a PKCE challenge
    callback   state compared and used up -> code exchanged -> the id read -> the token thrown away

Nothing of Discord's is kept but the id. The verifier is derived from the state under our secret
key, so it need not be stored. Sources: Discord, "OAuth2"; RFC 7636.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from sqlalchemy import func, text, update

from api.resources import Resources
from api.security.sessions import SignedIn
from shared.db import audit
from shared.db.tables.people import sessions, users
from shared.db.uow import unit_of_work
from shared.domain.errors import Conflict, NotAllowed, Unavailable

if TYPE_CHECKING:  # 0.2 s of start-up that most processes never need
    import httpx

CALLBACK: Final = "/oauth/discord/callback/"
TIMEOUT_S: Final = 5.0
_SCOPE: Final = "identify"
_STATE_BYTES: Final = 24
_LIFE: Final = text("interval '10 minutes'")
_PAGE: Final = "/user/settings/notifications"
_ID_LENGTH_MAX: Final = 20
_OK: Final = 200


@dataclass(frozen=True, slots=True)
class _App:
    client_id: str
    secret: str
    redirect_uri: str


async def begin(resources: Resources, user: SignedIn) -> str:
    """The address of Discord's page. Raises Conflict `discord.no_application`."""
    app = _app(resources)
    random = resources.random_bytes(_STATE_BYTES)
    state = base64.urlsafe_b64encode(random).decode()
    async with unit_of_work(resources.engine, user.user_id) as connection:
        await connection.execute(
            update(sessions)
            .where(sessions.c.id == user.session_id)
            .values(discord_state_hash=_hash(state), discord_state_at=func.now())
        )
    challenge = hashlib.sha256(_verifier(resources, state).encode()).digest()
    fields = {
        "response_type": "code",
        "client_id": app.client_id,
        "redirect_uri": app.redirect_uri,
        "scope": _SCOPE,
        "state": state,
        "code_challenge": base64.urlsafe_b64encode(challenge).decode().rstrip("="),
        "code_challenge_method": "S256",
    }
    return f"{resources.settings.discord_authorize_url}?{urlencode(fields)}"


async def finish(resources: Resources, user: SignedIn, code: str | None, state: str) -> str:
    """Where the browser goes on to; `code` in its query says what came of it.

    Raises NotAllowed `discord.state` for a state that this session did not ask with, that is too
    old, or that was used.
    """
    app = _app(resources)
    await _use_up(resources, user, state)
    if not code:  # the person said no
        return f"{_PAGE}?{urlencode({'code': 'discord.refused'})}"
    try:
        discord_id = await _ask(resources, app, code, _verifier(resources, state))
    except Unavailable as error:
        return f"{_PAGE}?{urlencode({'code': error.code})}"
    await _save(resources, user, discord_id)
    return f"{_PAGE}?{urlencode({'code': 'discord.linked'})}"


async def unlink(resources: Resources, user: SignedIn) -> None:
    """Messages wait for nobody: none is sent any more."""
    await _save(resources, user, None)


async def _use_up(resources: Resources, user: SignedIn, state: str) -> None:
    statement = (
        update(sessions)
        .where(
            sessions.c.id == user.session_id,
            sessions.c.discord_state_hash == _hash(state),
            sessions.c.discord_state_at > func.now() - _LIFE,
        )
        .values(discord_state_hash=None, discord_state_at=None)
    )
    async with unit_of_work(resources.engine, user.user_id) as connection:
        if (await connection.execute(statement)).rowcount == 0:
            raise NotAllowed("discord.state", "This link was not begun here, or is used.")


async def _save(resources: Resources, user: SignedIn, discord_id: str | None) -> None:
    action = "user.discord_unlinked" if discord_id is None else "user.discord_linked"
    async with unit_of_work(resources.engine, user.user_id) as connection:
        statement = update(users).where(users.c.id == user.user_id)
        await connection.execute(
            statement.values(discord_user_id=discord_id, updated_at=func.now())
        )
        await audit.note(connection, user.user_id, user.username, action, {})


async def _ask(resources: Resources, app: _App, code: str, verifier: str) -> str:
    """The id of who consented. Raises Unavailable `discord.unavailable`: begin anew."""
    import httpx

    base = resources.settings.discord_api_url.rstrip("/")
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": app.redirect_uri,
        "client_id": app.client_id,
        "client_secret": app.secret,
        "code_verifier": verifier,
    }
    try:
        async with httpx.AsyncClient(timeout=TIMEOUT_S, trust_env=False) as client:
            told = _read(await client.post(f"{base}/oauth2/token", data=form))
            bearer = {"Authorization": f"Bearer {told.get('access_token', '')}"}
            me = _read(await client.get(f"{base}/users/@me", headers=bearer))
    except (httpx.HTTPError, ValueError) as error:
        raise _away() from error
    found = str(me.get("id", ""))
    if not (found.isascii() and found.isdigit() and len(found) <= _ID_LENGTH_MAX):
        raise _away()
    return found


def _read(answer: httpx.Response) -> dict[str, Any]:
    """Raises ValueError for what is no answer."""
    body = answer.json() if answer.status_code == _OK else None
    if not isinstance(body, dict):
        raise ValueError("no answer of Discord's")  # noqa: TRY004 - as a body that is no JSON
    return body


def _app(resources: Resources) -> _App:
    settings = resources.settings
    secret = settings.discord_client_secret.get_secret_value()
    if not settings.discord_client_id or not secret:
        raise Conflict("discord.no_application", "Discord is not configured by the operator.")
    back = settings.discord_redirect_uri or f"{settings.public_url}{CALLBACK}"
    return _App(settings.discord_client_id, secret, back)


def _verifier(resources: Resources, state: str) -> str:
    tag = hmac.new(resources.settings.secret, b"discord:" + state.encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(tag.digest()).decode().rstrip("=")


def _hash(state: str) -> bytes:
    return hashlib.sha256(state.encode()).digest()


def _away() -> Unavailable:
    return Unavailable("discord.unavailable", "Discord did not say who you are; try again.")
