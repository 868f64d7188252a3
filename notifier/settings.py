"""Settings of the notifier. Built once in `__main__`; no module holds an instance."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import NoDecode

from shared.runtime.settings import ServiceSettings


class NotifierSettings(ServiceSettings):
    """What the notifier adds to every service's settings."""

    notifier_pool_size: int = Field(5, ge=2, description="database connections of one notifier")
    notifier_channels: Annotated[tuple[str, ...], NoDecode] = Field(
        ("discord",), description="where messages go, separated by commas: discord, log"
    )
    discord_bot_token: SecretStr = Field(
        SecretStr(""), description="of the bot that sends DMs; without it they wait"
    )
    discord_api_url: str = Field(
        "https://discord.com/api/v10", description="Discord's REST address, version included"
    )

    @field_validator("notifier_channels", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        return tuple(part.strip() for part in value.split(",") if part.strip())

    @field_validator("discord_api_url")
    @classmethod
    def _without_slash(cls, value: str) -> str:
        return value.rstrip("/")
