"""Where logins are served, what a device is called, and sealing: what the API may know of secrets.

The API holds the public half of the vault's key only: what is sealed here it cannot open again.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Final
from uuid import UUID

from pydantic import SecretStr

from api.connections.schemas import Environment, LoginIn
from api.wire import invalid
from shared.domain.ids import UserId
from shared.vault import Sealer

_TABLE: Final = "broker_connections"
_DEFAULT: Final[Environment] = "demo"
# An enumeration: no address that a request names is ever asked. Hosts: Tradovate, "API basics".
_ENDPOINTS: Final[dict[str, Environment]] = {
    "https://live.tradovateapi.com": "live",
    "https://live.tradovateapi.com/v1": "live",
    "https://demo.tradovateapi.com": "demo",
    "https://demo.tradovateapi.com/v1": "demo",
}


def environment_of(body: LoginIn) -> Environment:
    """Demo unless said otherwise. Raises InvalidInput `broker.endpoint_unknown`."""
    if body.api_endpoint is None:
        return body.environment or _DEFAULT
    found = _ENDPOINTS.get(body.api_endpoint.rstrip("/"))
    if found is None or body.environment not in {None, found}:
        raise invalid(
            "broker.endpoint_unknown",
            "This is not the address of that environment; leave it out.",
            "api_endpoint",
        )
    return found


def device_id(secret: bytes, user_id: UserId, environment: str, login_name: str) -> str:
    """The same for every sign-in of a login, so that the broker sees one device."""
    message = f"device:{user_id}:{environment}:{login_name.casefold()}".encode()
    return UUID(bytes=hmac.new(secret, message, hashlib.sha256).digest()[:16]).hex


def sealed(
    sealer: Sealer, connection_id: int, password: SecretStr | None, secret: SecretStr | None
) -> dict[str, bytes]:
    """Columns of what was given."""
    given = {"password_sealed": password, "client_secret_sealed": secret}
    return {
        column: sealer.seal(
            value.get_secret_value().encode(), table=_TABLE, row_id=connection_id, column=column
        )
        for column, value in given.items()
        if value is not None
    }
