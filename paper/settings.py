"""The venue's own settings; it knows of no database and of no other service."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from paper.policy import DEFAULT_POLICY, Policy

ACCOUNTS_MAX = 64


class Login(BaseModel):
    """One more login: `TM_PAPER_LOGINS=[{"user": "...", "password": "...", "accounts": 3}]`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    user: str = Field(min_length=1, max_length=64)
    password: SecretStr
    accounts: Annotated[int, Field(ge=0, le=ACCOUNTS_MAX)] = 2
    prefix: str | None = Field(None, pattern=r"^[A-Z0-9_]{1,48}$")


class Client(BaseModel):
    """An application: `TM_PAPER_CLIENTS=[{"id": "...", "secret": "..."}]`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(min_length=1, max_length=64)
    secret: SecretStr


class PaperSettings(BaseSettings):
    model_config = SettingsConfigDict(
        env_prefix="TM_", frozen=True, extra="ignore", hide_input_in_errors=True
    )

    env: Literal["production", "local", "test"] = "production"
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["json", "console"] = "json"

    paper_host: str = Field("127.0.0.1", description="where the venue listens")
    paper_port: int = Field(5010, ge=0, le=65_535)
    paper_user: str = Field("paper", min_length=1, max_length=64)
    paper_password: SecretStr = Field(description="of the first login")
    paper_accounts: int = Field(2, ge=0, le=ACCOUNTS_MAX, description="of the first login")
    paper_logins: tuple[Login, ...] = Field((), description="more logins, as JSON")
    paper_start_usd: Decimal = Field(Decimal("100000.00"), ge=0, description="of each account")
    paper_token_life_s: float = Field(4800, gt=0)
    paper_data: Path | None = Field(None, description="folder of the journal; without, no memory")
    paper_prices: Path | None = Field(None, description="CSV of bars to replay")
    paper_speed: float = Field(1.0, ge=0, description="of prices against real time; 0 is paused")
    paper_seed: int = Field(1, description="of made-up prices and of every even chance")
    paper_heartbeat_s: float = Field(2.5, gt=0)
    paper_silence_s: float = Field(
        10.0, gt=0, description="without a client frame, or unauthorised"
    )
    paper_clock: Literal["wall", "manual"] = "wall"
    paper_clock_start: datetime | None = Field(None, description="of the manual clock")
    paper_clients: tuple[Client, ...] = Field(
        (), description="of OAuth and API keys, as JSON; without, any will do"
    )
    paper_policy: Policy = Field(DEFAULT_POLICY, description="what it insists on, as JSON")
    paper_control_port: int | None = Field(None, ge=0, le=65_535, description="local and test only")

    @model_validator(mode="after")
    def _controls_are_for_tests(self) -> PaperSettings:
        controlled = self.paper_control_port is not None or self.paper_clock == "manual"
        if self.env == "production" and controlled:
            raise ValueError("the control port and the manual clock need TM_ENV local or test")
        if self.paper_clock_start is not None and self.paper_clock_start.utcoffset() is None:
            raise ValueError("TM_PAPER_CLOCK_START needs a zone")
        return self

    def logins(self) -> tuple[Login, ...]:
        """Every login, the first one first; raises ValueError when a name or prefix repeats."""
        first = Login(
            user=self.paper_user, password=self.paper_password, accounts=self.paper_accounts
        )
        logins = (first, *self.paper_logins)
        if len({login.user for login in logins}) < len(logins):
            raise ValueError("two paper logins have the same name")
        prefixes = [login.prefix for login in logins if login.prefix is not None]
        if len(set(prefixes)) < len(prefixes):
            raise ValueError("two paper logins have the same prefix")
        return logins
