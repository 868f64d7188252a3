"""Tests of broker logins, and what else is asked of one: carried out here, stored nowhere.

    a name nobody drives   secret taken (once) -> signed in -> accounts listed -> token kept in
                           memory for ten minutes, for the login that is added next
    a name we drive        the same secrets: its own session is asked; others: `broker.in_use`,
                           because a second sign-in would end a session that may be trading

A sign-in that was refused counts against the hour of our whole address, so each is asked for once.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from random import SystemRandom
from typing import Final

from pydantic import SecretStr, ValidationError

from execution.bell import Bell
from execution.brokers import APP_ID, APP_VERSION, open_secret, urls_in
from execution.ledger.trials import Held, Result, TrialBook
from execution.logins import Logins
from execution.rounds import Rounds
from execution.settings import ExecutionSettings
from execution.tokens import TokenStore
from execution.trial_report import Watch, refused, report
from shared.brokers.registry import BROKERS
from shared.brokers.tradovate.egress import Egress
from shared.brokers.tradovate.login import Environment, Login
from shared.contracts import logins as asked
from shared.contracts.logins import LoginDetail, LoginSecret, TestDetail
from shared.db.failures import is_outage
from shared.domain.errors import CredentialsExpired, TradeManagerError
from shared.domain.ids import CommandId, ConnectionId
from shared.ports.broker import Token
from shared.ports.clock import Clock
from shared.ports.ledger import Command, Ledger, LoginRow
from shared.runtime.logging import get_logger
from shared.vault import Opener, VaultError

_log = get_logger(__name__)

_SWEEP_EVERY_S: Final = 1.0
_AT_ONCE_MAX: Final = 4
_TRIAL_S_MAX: Final = 75.0  # a penalty of a minute is waited for
KEPT_S: Final = 600.0
_KEPT_MAX: Final = 200

_BROKER: Final = "tradovate"
_MALFORMED: Final = Result("refused", "command.malformed", "The command cannot be read.")
_GONE: Final = Result("failed", "command.expired", "It was not carried out in time; ask again.")
_DONE: Final = Result("done", "command.done", "Done.")
_IN_USE: Final = Result(
    "refused", asked.IN_USE, "This login is connected already, with other secrets or by another."
)
_STARTING: Final = Result("failed", "broker.starting", "This login is starting; ask again.")


@dataclass(frozen=True, slots=True)
class _Kept:
    secrets: bytes
    token: Token
    until_s: float


class _Memory:
    """The token store of a test: nothing of it reaches the record."""

    def __init__(self, watch: Watch, token: Token | None) -> None:
        self.token = token
        self._watch = watch

    async def load(self) -> Token | None:
        if self.token is not None:
            self._watch.signed_in()
        return self.token

    async def save(self, token: Token) -> None:
        self.token = token
        self._watch.signed_in()


class Trials:
    """`run` for as long as the process lives; kinds in `bells` wake it."""

    def __init__(
        self,
        ledger: Ledger,
        book: TrialBook,
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
        self._kept: dict[tuple[str, str], _Kept] = {}
        self._busy: dict[CommandId, asyncio.Task[None]] = {}
        self._rounds = Rounds("trials", _SWEEP_EVERY_S, self._round)
        kinds = (asked.TEST, asked.ACCOUNTS, asked.RESTART, asked.FORGET)
        self.bells: Mapping[str, Callable[[], None]] = dict.fromkeys(kinds, self._rounds.wake)

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            await self._rounds.run()

    async def hand_over(self, row: LoginRow, tokens: TokenStore) -> None:
        """The session of a test with the same secrets, once, to a login without a token."""
        if (row.environment, row.login_name.casefold()) not in self._kept:
            return
        token = self._known(row.environment, row.login_name, self._secrets_of(row))
        self._kept.pop((row.environment, row.login_name.casefold()))
        if token is not None and row.token_sealed is None:
            await tokens.save(token)

    def _known(self, environment: str, login_name: str, secrets: bytes) -> Token | None:
        found = self._kept.get((environment, login_name.casefold()))
        if found is None or found.until_s < self._clock.monotonic():
            return None
        return found.token if hmac.compare_digest(found.secrets, secrets) else None

    async def _round(self) -> None:
        for command in await self._book.left_over([*self.bells]):
            if command.id not in self._busy:
                self._bell(await self._book.finish(command, _GONE))
        for command in await self._ledger.commands():
            if command.kind in self.bells and command.id not in self._busy:
                if len(self._busy) >= _AT_ONCE_MAX:
                    return
                task = self._tasks.create_task(self._guarded(command))
                self._busy[command.id] = task
                task.add_done_callback(partial(self._ended, command.id))

    def _ended(self, command_id: CommandId, _: asyncio.Task[None]) -> None:
        self._busy.pop(command_id, None)

    async def _guarded(self, command: Command) -> None:
        try:
            result = await self._carry_out(command)
            if result is not None:
                _log.info("command_obeyed", command_id=command.id, code=result.code)
                self._bell(await self._book.finish(command, result))
        except Exception as error:
            if not is_outage(error):
                raise
            _log.warning("trial_postponed", command_id=command.id, error=type(error).__name__)

    async def _carry_out(self, command: Command) -> Result | None:
        """None: it is another process's, or there already."""
        try:
            if command.kind == asked.TEST:
                return await self._test(command, TestDetail.model_validate(dict(command.detail)))
            detail = LoginDetail.model_validate(dict(command.detail))
        except ValidationError:
            return _MALFORMED
        connection_id = ConnectionId(detail.connection_id)
        if command.kind == asked.FORGET:
            await self._book.forget(command, connection_id)
            return _DONE
        return await self._ask_ours(command, connection_id)

    async def _ask_ours(self, command: Command, connection_id: ConnectionId) -> Result | None:
        if not self._is_ours(command, connection_id):
            return None
        if command.kind == asked.RESTART:
            self._logins.restart(connection_id)
            return _DONE
        if self._logins.get(connection_id) is None:
            return None  # it is starting; the next sweep finds it
        return await self._ask_held(connection_id)

    def _is_ours(self, command: Command, connection_id: ConnectionId) -> bool:
        """Whether this process drives the login, and it belongs to who asks."""
        return any(
            lease.connection_id == connection_id and lease.user_id == command.user_id
            for lease in self._logins.leases()
        )

    async def _test(self, command: Command, detail: TestDetail) -> Result | None:
        held = await self._book.held(detail.environment, detail.login_name)
        if held is not None and held.user_id != command.user_id:
            return _IN_USE
        if held is not None and not self._is_ours(command, held.connection_id):
            return None
        sealed = await self._book.take_secret(command)
        if sealed is None:
            return None
        try:
            place = {"table": "command_secrets", "column": "sealed"}
            plain = self._vault.open(sealed, row_id=command.id, **place)
            secret = LoginSecret.model_validate_json(plain)
            environment = Environment(detail.environment)
        except (ValidationError, VaultError, ValueError):
            return _MALFORMED
        if held is not None:
            return await self._test_held(held, detail, secret)
        return await self._test_new(environment, detail, secret)

    async def _test_held(self, held: Held, detail: TestDetail, secret: LoginSecret) -> Result:
        row = await self._ledger.login(held.connection_id)
        given = _fingerprint(secret.password, detail.client_id, secret.client_secret)
        try:
            stored = self._secrets_of(row)
        except TradeManagerError:
            return _IN_USE  # what cannot be opened equals nothing
        if not hmac.compare_digest(given, stored):
            return _IN_USE
        return await self._ask_held(held.connection_id, held.reason)

    async def _ask_held(self, connection_id: ConnectionId, reason: str | None = None) -> Result:
        """`reason`: why it does not run, when it does not."""
        login, watch = self._logins.get(connection_id), Watch(self._clock)
        if login is None:
            return _STARTING if reason is None else refused(watch, CredentialsExpired(reason, ""))
        watch.signed_in()
        try:
            return report(watch, await login.broker.accounts())
        except TradeManagerError as error:
            return refused(watch, error)

    async def _test_new(
        self, environment: Environment, detail: TestDetail, secret: LoginSecret
    ) -> Result:
        sec = None if secret.client_secret is None else SecretStr(secret.client_secret)
        login = Login(
            name=detail.login_name,
            password=SecretStr(secret.password),
            app_id=APP_ID,
            app_version=APP_VERSION,
            device_id=detail.device_id,
            cid=detail.client_id,
            sec=sec,
        )
        watch = Watch(self._clock)
        secrets = _fingerprint(secret.password, detail.client_id, secret.client_secret)
        memory = _Memory(watch, self._known(environment, detail.login_name, secrets))
        urls = urls_in(environment, self._settings)
        rng = SystemRandom()
        broker = BROKERS[_BROKER](login, urls, self._clock, memory, rng, egress=self._egress)
        try:
            async with asyncio.timeout(_TRIAL_S_MAX):
                accounts = await broker.accounts()
        except TradeManagerError as error:
            return refused(watch, error)
        except TimeoutError:
            return refused(watch, TradeManagerError("broker.timeout", "It took too long."))
        finally:
            await broker.aclose()
            self._keep(detail, secrets, memory.token)
        return report(watch, accounts)

    def _keep(self, detail: TestDetail, secrets: bytes, token: Token | None) -> None:
        now_s = self._clock.monotonic()
        self._kept = {key: each for key, each in self._kept.items() if each.until_s > now_s}
        if token is None or len(self._kept) >= _KEPT_MAX:
            return
        key = (detail.environment, detail.login_name.casefold())
        self._kept[key] = _Kept(secrets, token, now_s + KEPT_S)

    def _secrets_of(self, row: LoginRow) -> bytes:
        """Raises `CredentialsExpired` when a stored secret cannot be opened."""
        password = open_secret(self._vault, row, "password_sealed")
        sec = open_secret(self._vault, row, "client_secret_sealed")
        return _fingerprint(
            "" if password is None else password.get_secret_value(),
            row.client_id,
            None if sec is None else sec.get_secret_value(),
        )


def _fingerprint(password: str, client_id: str | None, client_secret: str | None) -> bytes:
    """For comparing in constant time; kept in memory only."""
    parts = (password, client_id or "", client_secret or "")
    return hashlib.sha256("\0".join(parts).encode()).digest()
