"""The login's token at rest: sealed, in `broker_sessions`, so that a new owner need not sign in."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec

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
        sealed = (await self._ledger.login(self._login.connection_id)).token_sealed
        if sealed is None:
            return None
        try:
            plain = self._vault.open(
                sealed, table=_TABLE, row_id=self._login.connection_id, column=_COLUMN
            )
        except VaultError:
            return None
        said = msgspec.json.decode(plain)
        return Token(
            said["access"],
            said["market_data"],
            datetime.fromisoformat(said["expires_at"]),
            said["user_id"],
        )

    async def save(self, token: Token) -> None:
        plain = msgspec.json.encode(
            {
                "access": token.access,
                "market_data": token.market_data,
                "expires_at": token.expires_at.isoformat(),
                "user_id": token.user_id,
            }
        )
        sealed = self._vault.seal(
            plain, table=_TABLE, row_id=self._login.connection_id, column=_COLUMN
        )
        await self._ledger.save_token(self._login, sealed, token)
