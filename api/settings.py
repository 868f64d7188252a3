"""Settings of the API. Built once in `__main__`; no module holds an instance."""

from __future__ import annotations

import ipaddress
from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import AliasChoices, Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

SECRET_KEY_LENGTH_MIN: Final = 32

Environment = Literal["production", "local", "test"]


class ApiSettings(BaseSettings):
    """Prefix `TM_`. Units stand last in the names."""

    model_config = SettingsConfigDict(
        env_prefix="TM_", frozen=True, extra="ignore", hide_input_in_errors=True,
        populate_by_name=True,
    )  # fmt: skip

    env: Environment = "production"
    api_host: str = "127.0.0.1"
    api_port: int = 5001
    # Behind nginx on another host or a unix socket: whose X-Forwarded-For is believed.
    api_trusted_proxies: str = "127.0.0.1"

    database_url: SecretStr = Field(
        validation_alias=AliasChoices("TM_DATABASE_URL", "DATABASE_URL")
    )
    redis_url: SecretStr = Field(validation_alias=AliasChoices("TM_REDIS_URL", "REDIS_URL"))
    secret_key: SecretStr = Field(validation_alias=AliasChoices("TM_SECRET_KEY", "SECRET_KEY"))
    vault_public_key: str = ""
    api_pool_size: int = Field(default=20, ge=2)

    public_url: str = "http://127.0.0.1:5001"
    public_ws_url: str = "ws://127.0.0.1:5000"
    allowed_origins: Annotated[tuple[str, ...], NoDecode] = ()

    session_idle_s: int = Field(default=24 * 3600, gt=0)
    session_absolute_s: int = Field(default=30 * 24 * 3600, gt=0)
    login_concurrency: int = Field(default=2, ge=1)
    captcha: Literal["off", "google"] = "off"
    captcha_secret: SecretStr = SecretStr("")

    # Far above what TradingView sends for one alert; a leaked key cannot flood the database.
    webhook_rate_per_s: float = Field(default=50, gt=0)
    webhook_burst: int = Field(default=2000, ge=1)

    @field_validator("allowed_origins", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        return tuple(part.strip().rstrip("/") for part in value.split(",") if part.strip())

    @field_validator("public_url", "public_ws_url")
    @classmethod
    def _no_slash(cls, value: str) -> str:
        return value.rstrip("/")

    @model_validator(mode="after")
    def _refuse_the_unsafe(self) -> Self:
        url = urlsplit(self.public_url)
        if url.scheme not in {"http", "https"} or not url.hostname:
            raise ValueError("TM_PUBLIC_URL has to be an http or https address")
        if url.scheme == "http" and not _is_loopback(url.hostname):
            raise ValueError("TM_PUBLIC_URL has to be https, except on a loopback address")
        if len(self.secret_key.get_secret_value()) < SECRET_KEY_LENGTH_MIN:
            raise ValueError(f"SECRET_KEY needs at least {SECRET_KEY_LENGTH_MIN} characters")
        if self.captcha == "off" and self.env == "production":
            raise ValueError("TM_CAPTCHA=off is for TM_ENV=local and test; set google")
        if self.captcha == "google" and not self.captcha_secret.get_secret_value():
            raise ValueError("TM_CAPTCHA=google needs TM_CAPTCHA_SECRET")
        return self

    @property
    def secret(self) -> bytes:
        """The key under everything that is derived or signed."""
        return self.secret_key.get_secret_value().encode()

    @property
    def is_secure(self) -> bool:
        """Whether cookies carry `Secure`: exactly when the public address is https."""
        return self.public_url.startswith("https://")

    @property
    def origins(self) -> frozenset[str]:
        """Where a browser's unsafe request may come from."""
        url = urlsplit(self.public_url)
        found = {f"{url.scheme}://{url.netloc}", *self.allowed_origins}
        if self.env != "production":
            found |= {f"http://{host}:{self.api_port}" for host in ("127.0.0.1", "localhost")}
        return frozenset(found)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
