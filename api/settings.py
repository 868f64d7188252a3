"""Settings of the API. Built once in `__main__`; no module holds an instance."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import NoDecode

from shared.runtime.settings import SecretKeySettings


class ApiSettings(SecretKeySettings):
    """What the API adds to every service's settings. Units stand last in the names."""

    api_host: str = Field("127.0.0.1", description="address to listen on")
    api_port: int = Field(5001, ge=1, le=65_535)
    api_pool_size: int = Field(20, ge=2, description="database connections of one API process")
    api_trusted_proxies: str = Field(
        "127.0.0.1", description="whose X-Forwarded-For is believed; * only on a private socket"
    )

    public_url: str = Field(
        "http://127.0.0.1:5001", description="what people type; https except on loopback"
    )
    public_ws_url: str = Field("ws://127.0.0.1:5000", description="where browsers find the gateway")
    allowed_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="more origins whose pages may write, separated by commas"
    )
    vault_public_key: str = Field("", description="seals broker credentials; cannot open them")

    tradovate_oauth_client_id: str | None = Field(
        None, description="our application at Tradovate, for signing in by consent"
    )
    tradovate_consent_url: str = Field(
        "https://trader.tradovate.com/oauth", description="the broker's page that asks for consent"
    )

    discord_client_id: str | None = Field(None, description="our application at Discord")
    discord_client_secret: SecretStr = Field(SecretStr(""), description="its secret")
    discord_redirect_uri: str | None = Field(
        None, description="as registered there; ends in /oauth/discord/callback/ by default"
    )
    discord_authorize_url: str = Field(
        "https://discord.com/oauth2/authorize", description="Discord's page that asks for consent"
    )
    discord_api_url: str = Field(
        "https://discord.com/api/v10", description="Discord's REST address, version included"
    )
    registration: Literal["closed", "invited", "open"] = Field(
        "closed", description="who may sign up; the first user always may"
    )
    second_factor_key: SecretStr = Field(
        SecretStr(""),
        description="seals TOTP secrets (64 hex digits); derived from the secret key when empty",
    )
    session_idle_s: int = Field(24 * 3600, gt=0, description="unused this long, a session ends")
    session_absolute_s: int = Field(30 * 24 * 3600, gt=0, description="no session lives longer")
    password_hashes_at_once: int = Field(2, ge=1, description="each takes 64 MiB for 0.1 s")
    captcha: Literal["off", "google"] = Field(
        "off", description="reCAPTCHA v2 at sign-in; off only in local and test"
    )
    captcha_secret: SecretStr = Field(SecretStr(""), description="the site's secret at Google")
    captcha_verify_url: str = Field(
        "https://www.google.com/recaptcha/api/siteverify", description="who says it was solved"
    )

    webhook_rate_per_s: float = Field(
        50, gt=0, description="alerts of one strategy in the long run; above, they are blocked"
    )
    webhook_burst: int = Field(2_000, ge=1, description="alerts of one strategy at once")

    # A preview knows the windows that execution decides with.
    news_file: Path | None = Field(
        None,
        description="when prop accounts do not enter, a line each: date, start, stop, zone, what",
    )

    @field_validator("allowed_origins", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        return tuple(part.strip().rstrip("/") for part in value.split(",") if part.strip())

    @field_validator("public_url", "public_ws_url")
    @classmethod
    def _without_slash(cls, value: str) -> str:
        return value.rstrip("/")

    @model_validator(mode="after")
    def _refuse_the_unsafe(self) -> Self:
        url = urlsplit(self.public_url)
        if url.scheme not in {"http", "https"} or not url.hostname:
            raise ValueError("TM_PUBLIC_URL has to be an http or https address")
        if url.scheme == "http" and not _is_loopback(url.hostname):
            raise ValueError("TM_PUBLIC_URL has to be https, except on a loopback address")
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
