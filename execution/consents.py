"""Signing in by consent: carries out `broker.oauth_exchange` for the logins this process drives.

    secret opened -> consent taken (once) -> code exchanged, no transaction open -> token sealed,
    result written, secret deleted in one transaction -> the login starts anew with its token

The consent is taken before the code is shown to the broker: a code is spent by asking, so after a
crash in between the person consents again, and nobody asks twice. A code is good only with the
state, the user, the login and the application it was asked for with.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from pydantic import SecretStr, ValidationError

from execution.bell import Bell
from execution.brokers import open_secret, urls_of
from execution.ledger.consents import Answer, Consent, ConsentBook, SealedToken
from execution.logins import Logins
from execution.rounds import Rounds
from execution.settings import ExecutionSettings
from execution.tokens import read_token, seal_token
from shared.brokers.tradovate.egress import Egress
from shared.brokers.tradovate.login import Urls
from shared.brokers.tradovate.oauth import Client, exchange
from shared.brokers.tradovate.rest import Rest
from shared.contracts.consent import KIND, ConsentDetail, ConsentSecret, state_hash
from shared.domain.errors import BrokerUnavailable, CredentialsExpired
from shared.domain.ids import ConnectionId
from shared.ports.broker import Token
from shared.ports.clock import Clock
from shared.ports.ledger import Command, Ledger, LoginRow
from shared.runtime.logging import get_logger
from shared.vault import Opener, VaultError

_log = get_logger(__name__)

_SWEEP_EVERY_S: Final = 1.0
_TABLE: Final = "command_secrets"
_COLUMN: Final = "sealed"

_DONE: Final = Answer("done", "command.done", "The broker signed us in.")
_MALFORMED: Final = Answer("refused", "command.malformed", "The command cannot be read.")
_GONE: Final = Answer("refused", "command.secret_gone", "It took too long; give the consent again.")
_UNKNOWN: Final = Answer(
    "refused",
    "broker.consent_unknown",
    "No such consent is open: it is used, too old, or was given for something else.",
)
_OTHER_APP: Final = Answer(
    "refused", "broker.consent_other_app", "The consent was for another application."
)
_OTHER_LOGIN: Final = Answer(
    "refused", "broker.consent_other_login", "Another user signed in at the broker."
)


@dataclass(frozen=True, slots=True)
class _Asked:
    """A command, read and opened."""

    connection_id: ConnectionId
    code: str
    state: str


class Consents:
    def __init__(
        self,
        ledger: Ledger,
        book: ConsentBook,
        logins: Logins,
        vault: Opener,
        settings: ExecutionSettings,
        egress: Egress,
        bell: Bell,
        clock: Clock,
    ) -> None:
        self._ledger = ledger
        self._book = book
        self._logins = logins
        self._vault = vault
        self._settings = settings
        self._egress = egress
        self._bell = bell
        self._clock = clock
        # A round of its own: an exchange may take the broker seconds, an exit must not wait.
        self.rounds = Rounds("consents", _SWEEP_EVERY_S, self.round)
        self.bells: Mapping[str, Callable[[], None]] = {KIND: self.rounds.wake}

    async def round(self) -> None:
        """Every open command of the kind, then what nobody came for."""
        for command in await self._ledger.commands():
            if command.kind == KIND:
                await self._obey(command)
        await self._book.sweep()

    async def _obey(self, command: Command) -> None:
        asked = await self._read(command)
        if isinstance(asked, Answer):
            self._bell(await self._book.finish(command, asked))
        elif self._is_ours(asked.connection_id):
            _log.info("command_taken", command_id=command.id, kind=command.kind)
            await self._carry_out(command, asked)

    async def _carry_out(self, command: Command, asked: _Asked) -> None:
        answer, token = await self._exchange(command, asked)
        told = await self._book.finish(command, answer, token)
        self._bell([*told])
        if told and token is not None:
            self._logins.restart(asked.connection_id)

    def _is_ours(self, connection_id: ConnectionId) -> bool:
        return any(lease.connection_id == connection_id for lease in self._logins.leases())

    async def _read(self, command: Command) -> _Asked | Answer:
        sealed = await self._book.secret(command)
        try:
            detail = ConsentDetail.model_validate(dict(command.detail))
            if sealed is None:
                return _GONE
            plain = self._vault.open(sealed, table=_TABLE, row_id=command.id, column=_COLUMN)
            secret = ConsentSecret.model_validate_json(plain)
        except (ValidationError, VaultError):
            return _MALFORMED
        return _Asked(ConnectionId(detail.connection_id), secret.code, secret.state)

    async def _exchange(self, command: Command, asked: _Asked) -> tuple[Answer, SealedToken | None]:
        row = await self._ledger.login(asked.connection_id)
        urls = urls_of(row, self._settings)
        wait_s = self._egress.cooldown(urls.rest).remaining_s
        if wait_s > 0:  # the consent stays good: the same code may be brought again
            return Answer("failed", "broker.rate_limited", "The broker asked us to wait."), None
        consent = await self._book.take(command, row.connection_id, state_hash(asked.state))
        if consent is None:
            return _UNKNOWN, None
        try:
            client = self._client(row, consent)
        except CredentialsExpired as error:  # the app's secret was sealed for another key
            return Answer("refused", error.code, error.message), None
        if client is None:
            return _OTHER_APP, None
        return await self._ask(row, urls, client, asked.code)

    async def _ask(
        self, row: LoginRow, urls: Urls, client: Client, code: str
    ) -> tuple[Answer, SealedToken | None]:
        rest = Rest(urls.rest)
        try:
            token = await exchange(rest, urls, client, code, self._clock, who=row.login_name)
        except CredentialsExpired as error:
            return Answer("refused", error.code, error.message), None
        except BrokerUnavailable as error:
            if error.code == "broker.rate_limited":
                self._egress.cooldown(urls.rest).refused()
            return Answer("failed", error.code, error.message), None
        finally:
            await rest.aclose()
        if self._is_another(row, token):
            return _OTHER_LOGIN, None
        sealed = seal_token(self._vault, row.connection_id, token)
        return _DONE, SealedToken(row, sealed, token.expires_at)

    def _is_another(self, row: LoginRow, token: Token) -> bool:
        """Whether the token we held so far was a different user's."""
        before = read_token(self._vault, row.connection_id, row.token_sealed)
        return before is not None and before.user_id != token.user_id

    def _client(self, row: LoginRow, consent: Consent) -> Client | None:
        """Our application by its id: the login's own, else the operator's."""
        secret: SecretStr | None = None
        if consent.client_id == row.client_id:
            secret = open_secret(self._vault, row, "client_secret_sealed")
        elif consent.client_id == self._settings.tradovate_oauth_client_id:
            secret = self._settings.tradovate_oauth_client_secret
        return None if secret is None else Client(consent.client_id, secret, consent.redirect_uri)
