"""What execution needs to know."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr

from shared.runtime.settings import ServiceSettings


class ExecutionSettings(ServiceSettings):
    """Addresses of brokers and the limits of the order path."""

    vault_private_key: SecretStr = Field(description="opens sealed credentials (64 hex digits)")
    vault_previous_private_key: SecretStr = Field(
        SecretStr(""), description="the key before it, until `tm vault rotate` is through"
    )
    signal_max_age_s: float = Field(30.0, gt=0, description="an entry older than this is STALE")
    paper_url: str = Field("http://127.0.0.1:5010/v1", description="REST base of the paper venue")
    tradovate_api_url: str | None = Field(
        None, description="REST base of live accounts, when it is not Tradovate's own"
    )
    tradovate_demo_url: str | None = Field(
        None, description="REST base of demo accounts, when it is not Tradovate's own"
    )
    tradovate_oauth_client_id: str | None = Field(
        None, description="our application at Tradovate, for signing in by consent"
    )
    tradovate_oauth_client_secret: SecretStr | None = Field(
        None, description="the application's secret"
    )
    reconcile_every_s: float = Field(30.0, gt=0, description="full read of every login's lists")
    news_file: Path | None = Field(
        None,
        description="when prop accounts do not enter, a line each: date, start, stop, zone, what",
    )
    egress_address: str = Field(
        "default", description="name of the public address we leave by; its quotas are shared"
    )
    broker_renewals_per_hour: int = Field(
        12, ge=1, le=15, description="token renewals of one egress address (the broker allows 15)"
    )
    broker_failed_logins_per_hour: int = Field(
        4, ge=1, le=5, description="failed logins of one egress address (the broker bans at 5)"
    )
    broker_login_spacing_s: float = Field(
        15.0, ge=0, description="between two logins of one egress address"
    )
