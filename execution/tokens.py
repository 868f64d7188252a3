"""The login's token at rest: sealed, in `broker_sessions`, so that a new owner need not sign in."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec

from shared.domain.ids import ConnectionId
from shared.ports.broker import Token
from shared.ports.ledger import Ledger, LoginRow
from shared.vault import Opener, VaultError

_TABLE: Final = "broker_sessions"
_COLUMN: Final = "token_sealed"


class TokenStore:
    """`load` gives None for what cannot be opened: signing in anew is always possible."""

    def __init__(self, ledger: Ledger, vault: Opener, login: LoginRow) -> None:
        self._ledger = ledger
        self._vault = vault
        self._login = login

    async def load(self) -> Token | None:
        login = self._login.connection_id
        return read_token(self._vault, login, (await self._ledger.login(login)).token_sealed)

    async def save(self, token: Token) -> None:
        sealed = seal_token(self._vault, self._login.connection_id, token)
        await self._ledger.save_token(self._login, sealed, token)


def read_token(vault: Opener, login: ConnectionId, sealed: bytes | None) -> Token | None:
    """None for what cannot be opened."""
    if sealed is None:
        return None
    try:
        plain = vault.open(sealed, table=_TABLE, row_id=login, column=_COLUMN)
    except VaultError:
        return None
    said = msgspec.json.decode(plain)
    return Token(
        said["access"],
        said["market_data"],
        datetime.fromisoformat(said["expires_at"]),
        said["user_id"],
    )


def seal_token(vault: Opener, login: ConnectionId, token: Token) -> bytes:
    plain = msgspec.json.encode(
        {
            "access": token.access,
            "market_data": token.market_data,
            "expires_at": token.expires_at.isoformat(),
            "user_id": token.user_id,
        }
    )
    return vault.seal(plain, table=_TABLE, row_id=login, column=_COLUMN)
