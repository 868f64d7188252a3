"""Signing in without a password: a person consents at the broker, a code comes back, a token of it.

    consent_url -> the broker's page -> redirect with ?code -> exchange -> Token -> renewed as any

The token endpoint is known with and without `/v1` (official samples and OpenAPI differ); a code is
good once, so the second spelling is tried only where the first does not exist. Failures come with
HTTP 200 and `error`. Sources: tradovate/example-api-oauth, partner OpenAPI (oauthtoken).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from urllib.parse import urlencode

from pydantic import SecretStr

from shared.brokers.tradovate.login import Urls
from shared.brokers.tradovate.outcomes import Answered, Reply, ticket_of
from shared.brokers.tradovate.rest import Rest
from shared.domain.errors import BrokerUnavailable, CredentialsExpired, TradeManagerError
from shared.ports.broker import Token
from shared.ports.clock import Clock

CONSENT_PAGE: Final = "https://trader.tradovate.com/oauth"
_PATH: Final = "auth/oauthtoken"
_OK, _NOT_FOUND, _TOO_MANY = 200, 404, 429
_WORDS_MAX: Final = 200


@dataclass(frozen=True, slots=True)
class Client:
    """Our application as the broker knows it."""

    client_id: str
    secret: SecretStr
    redirect_uri: str

    def __repr__(self) -> str:
        return f"Client(redirect_uri={self.redirect_uri!r})"


def consent_url(client: Client, state: str, page: str = CONSENT_PAGE) -> str:
    """Where the browser is sent; `state` comes back with the code and must be compared."""
    fields = {
        "response_type": "code",
        "client_id": client.client_id,
        "redirect_uri": client.redirect_uri,
        "state": state,
    }
    return f"{page}?{urlencode(fields)}"


async def exchange(
    rest: Rest, urls: Urls, client: Client, code: str, clock: Clock, *, who: str = ""
) -> Token:
    """The token of a code, which is spent by asking. `who` is the user who must have signed in.

    Raises CredentialsExpired when somebody else did, or when the broker refuses it (the person
    must consent again), and BrokerUnavailable when it did not answer, after which the code may be
    spent as well.
    """
    fields = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": client.redirect_uri,
        "client_id": client.client_id,
        "client_secret": client.secret.get_secret_value(),
    }
    asked_at = clock.now()
    reply = await rest.form(f"{urls.rest}/{_PATH}", fields)
    if isinstance(reply, Answered) and reply.status == _NOT_FOUND:
        reply = await rest.form(f"{urls.rest.removesuffix('/v1')}/{_PATH}", fields)
    match reply:
        case Answered(200, {"access_token": str(access), "expires_in": int(life_s)}) if access:
            expires_at = asked_at + timedelta(seconds=life_s)
            return Token(access, None, expires_at, await _user_id(rest, access, who))
        case _:
            raise _refused(reply)


async def _user_id(rest: Rest, access: str, who: str) -> int:
    match await rest.get("auth/me", token=access):
        case Answered(200, {"name": str(name)}) if who and name.casefold() != who.casefold():
            raise CredentialsExpired(
                "broker.consent_other_login", "Another user signed in at the broker."
            )
        case Answered(200, {"userId": int(user_id)}) if user_id > 0:
            return user_id
        case _:
            raise BrokerUnavailable("broker.me_failed", "The broker did not say who signed in.")


def _refused(reply: Reply) -> TradeManagerError:
    if isinstance(reply, Answered) and isinstance(reply.body, Mapping) and reply.body.get("error"):
        words = str(reply.body.get("error_description") or reply.body["error"])[:_WORDS_MAX]
        return CredentialsExpired(
            "broker.consent_refused", "The broker refused the consent; give it again.", words=words
        )
    if isinstance(reply, Answered) and reply.status == _TOO_MANY:
        return BrokerUnavailable("broker.rate_limited", "The broker asked us to wait.")
    if isinstance(reply, Answered) and ticket_of(reply.body) is not None:
        return BrokerUnavailable("broker.penalty", "The broker asked us to wait.")
    return BrokerUnavailable("broker.sign_in_failed", "The broker did not exchange the code.")
