"""Authorisation codes: issued on the consent page, spent once at the token endpoint."""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from pydantic import SecretStr

CODE_LIFE: Final = timedelta(minutes=10)
_CODES_MAX: Final = 1_000


class GrantError(Exception):
    """`error` is the code of the answer, the text its description."""

    def __init__(self, error: str, text: str) -> None:
        super().__init__(text)
        self.error = error


@dataclass(frozen=True, slots=True)
class _Code:
    user_id: int
    client_id: str
    redirect_uri: str
    ends_at: datetime


@dataclass(slots=True)
class Grants:
    """Knows the clients: an operator's app or anybody's own id and secret.

    With no client configured any id with any secret is good, so that both kinds can be tried.
    """

    clients: dict[str, SecretStr]
    _codes: dict[str, _Code] = field(default_factory=dict)

    def knows(self, client_id: str) -> bool:
        return bool(client_id) and (not self.clients or client_id in self.clients)

    def issue(self, user_id: int, client_id: str, redirect_uri: str, now: datetime) -> str:
        if len(self._codes) >= _CODES_MAX:
            del self._codes[next(iter(self._codes))]
        code = secrets.token_urlsafe(32)
        self._codes[code] = _Code(user_id, client_id, redirect_uri, now + CODE_LIFE)
        return code

    def redeem(
        self, code: str, client_id: str, secret: str, redirect_uri: str, now: datetime
    ) -> int:
        """The user of a code, which is spent by asking. Raises GrantError."""
        if not self.is_right(client_id, secret):
            raise GrantError("invalid_client", "Client authentication failed")
        found = self._codes.pop(code, None)
        if found is None or found.ends_at <= now or found.client_id != client_id:
            raise GrantError("invalid_grant", "Authorization code is wrong or used")
        if found.redirect_uri != redirect_uri:
            raise GrantError("invalid_grant", "redirect_uri differs from the one asked with")
        return found.user_id

    def is_right(self, client_id: str, secret: str) -> bool:
        known = self.clients.get(client_id)
        if known is None:
            return bool(client_id and secret) and not self.clients
        return hmac.compare_digest(known.get_secret_value().encode(), secret.encode())
