"""From a row of `broker_connections` to a broker: secrets opened, addresses chosen."""

from __future__ import annotations

from random import SystemRandom
from typing import Final, Literal

from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncEngine

from execution.ledger.auth_attempts import PostgresAttempts
from execution.settings import ExecutionSettings
from execution.tokens import TokenStore
from shared.brokers.registry import BROKERS
from shared.brokers.tradovate.egress import Egress
from shared.brokers.tradovate.login import Environment, Login, Urls, urls_for
from shared.brokers.tradovate.quota import MemoryAttempts, Quotas, TwoBooks
from shared.brokers.tradovate.spend import Spending
from shared.db.failures import DatabaseAway
from shared.db.request_spend import RequestSpend
from shared.domain.errors import CredentialsExpired
from shared.ports.broker import Broker
from shared.ports.clock import Clock
from shared.ports.ledger import LoginRow
from shared.vault import Opener, VaultError

_TABLE: Final = "broker_connections"
APP_ID: Final = "trade-manager"
APP_VERSION: Final = "1.0"


def make_egress(settings: ExecutionSettings, engine: AsyncEngine, clock: Clock) -> Egress:
    """What the logins of this process, and of others behind the same address, share."""
    quotas = Quotas(
        renewals_max=settings.broker_renewals_per_hour,
        renewals_kept=settings.broker_renewals_per_hour // 2,
        failed_logins_max=settings.broker_failed_logins_per_hour,
        login_spacing_s=settings.broker_login_spacing_s,
    )
    book = TwoBooks(MemoryAttempts(clock), PostgresAttempts(engine), DatabaseAway)
    return Egress(
        clock,
        SystemRandom(),
        quotas=quotas,
        book=book,
        spending=Spending(clock, RequestSpend(engine)),
        name=settings.egress_address,
    )


def make_broker(
    row: LoginRow,
    vault: Opener,
    tokens: TokenStore,
    settings: ExecutionSettings,
    clock: Clock,
    egress: Egress,
) -> Broker:
    """Raises `CredentialsExpired` when the stored password cannot be opened."""
    login = Login(
        name=row.login_name,
        password=open_secret(vault, row, "password_sealed") or SecretStr(""),
        app_id=APP_ID,
        app_version=APP_VERSION,
        device_id=row.device_id,
        cid=row.client_id,
        sec=open_secret(vault, row, "client_secret_sealed"),
    )
    urls = urls_of(row, settings)
    return BROKERS[row.broker](login, urls, clock, tokens, SystemRandom(), egress=egress)


def urls_of(row: LoginRow, settings: ExecutionSettings) -> Urls:
    """Where the login's environment is served."""
    return urls_in(Environment(row.environment), settings)


def urls_in(environment: Environment, settings: ExecutionSettings) -> Urls:
    """Where an environment is served."""
    base = {
        Environment.PAPER: settings.paper_url,
        Environment.DEMO: settings.tradovate_demo_url,
        Environment.LIVE: settings.tradovate_api_url,
    }[environment]
    return urls_for(environment, base)


def open_secret(
    vault: Opener, row: LoginRow, column: Literal["password_sealed", "client_secret_sealed"]
) -> SecretStr | None:
    """Raises `CredentialsExpired` when it is there and cannot be opened."""
    sealed: bytes | None = getattr(row, column)
    if sealed is None:
        return None
    try:
        plain = vault.open(sealed, table=_TABLE, row_id=row.connection_id, column=column)
    except VaultError as error:
        raise CredentialsExpired(
            "broker.credentials_unreadable", "The stored password cannot be opened."
        ) from error
    return SecretStr(plain.decode())
