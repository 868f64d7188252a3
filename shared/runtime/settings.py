"""Settings: read once in an entry point, frozen, passed down.

Every name carries the prefix `TM_`. Some well-known names are accepted without it; setting both to
different values is an error, because nobody could say which one is meant. A secret may stand in a
file: `TM_SECRET_KEY_FILE=/run/secrets/key`.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

PREFIX: Final = "TM_"
ALIASES: Final = frozenset(
    {
        "DATABASE_URL",
        "REDIS_URL",
        "TRADOVATE_API_URL",
        "TRADOVATE_DEMO_URL",
        "DISCORD_BOT_TOKEN",
        "DISCORD_CLIENT_ID",
        "DISCORD_CLIENT_SECRET",
        "DISCORD_REDIRECT_URI",
        "SECRET_KEY",
    }
)

SECRET_LENGTH_MIN: Final = 32
_SECRET_VARIETY_MIN: Final = 10
_GIVEAWAYS: Final = ("change", "default", "example", "secret", "password", "insecure", "django")

Env = Literal["production", "local", "test"]


class SettingsError(ValueError):
    """The configuration contradicts itself; the message names variables, never values."""


class _Environment(PydanticBaseSettingsSource):
    """Names without prefix, and secrets in files. Stands before the usual environment."""

    def get_field_value(
        self,
        field: FieldInfo,  # noqa: ARG002 - the base class passes it
        field_name: str,
    ) -> tuple[Any, str, bool]:
        name = PREFIX + field_name.upper()
        sources = [name, f"{name}_FILE"]
        if field_name.upper() in ALIASES:
            sources.append(field_name.upper())
        found = {source: _read(source) for source in sources if os.environ.get(source)}
        if len(set(found.values())) > 1:
            raise SettingsError(f"{' and '.join(found)} are set to different values")
        return next(iter(found.values()), None), field_name, False

    def __call__(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for field_name, field in self.settings_cls.model_fields.items():
            value, _, _ = self.get_field_value(field, field_name)
            if value is not None:
                found[field_name] = self.prepare_field_value(
                    field_name, field, value, value_is_complex=self.field_is_complex(field)
                )
        return found


class ServiceSettings(BaseSettings):
    """What every service needs. A service adds fields in a subclass of its own."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        frozen=True,
        extra="ignore",
        hide_input_in_errors=True,
    )

    env: Env = Field(
        "production", description="production refuses weak secrets and undurable servers"
    )
    database_url: SecretStr = Field(description="postgresql://role@host/db of this service's role")
    redis_url: SecretStr = Field(description="redis://host:6379/0 or unix:///path/to.sock")
    health_host: str = Field("127.0.0.1", description="where health and metrics listen")
    health_port: int = Field(0, ge=0, le=65_535, description="0 turns the health page off")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["json", "console"] = "json"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the base class passes it
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the same
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, then the environment; no dotenv file is read behind anybody's back."""
        return init_settings, _Environment(settings_cls), env_settings

    @field_validator("database_url", "redis_url")
    @classmethod
    def _is_url(cls, value: SecretStr) -> SecretStr:
        if "://" not in value.get_secret_value():
            raise ValueError("is not a URL")
        return value


class SecretKeySettings(ServiceSettings):
    """For the services that sign something. The others are not given the key."""

    secret_key: SecretStr = Field(description="32 random characters or more; signs CSRF tokens")

    @model_validator(mode="after")
    def _secret_is_strong(self) -> SecretKeySettings:
        if self.env == "production":
            require_strong("TM_SECRET_KEY", self.secret_key)
        return self


def require_strong(name: str, secret: SecretStr) -> None:
    """Raises `ValueError` for a secret that is short, monotonous or out of somebody's example."""
    value = secret.get_secret_value()
    if len(value) < SECRET_LENGTH_MIN:
        raise ValueError(f"{name} is shorter than {SECRET_LENGTH_MIN} characters")
    if len(set(value)) < _SECRET_VARIETY_MIN:
        raise ValueError(f"{name} is too monotonous to be random")
    if any(word in value.lower() for word in _GIVEAWAYS):
        raise ValueError(f"{name} looks like an example; make a random one")


def describe(settings_classes: Sequence[type[BaseSettings]]) -> str:
    """The text of `.env.example`: every variable once, with what it is for and who reads it."""
    lines = ["# Every setting of every service. Generated from the settings classes."]
    for name, (field, readers) in _variables(settings_classes).items():
        lines += ["", *_described(name, field, readers)]
    return "\n".join(lines) + "\n"


def _variables(
    settings_classes: Sequence[type[BaseSettings]],
) -> dict[str, tuple[FieldInfo, list[str]]]:
    found: dict[str, tuple[FieldInfo, list[str]]] = {}
    for cls in settings_classes:
        reader = cls.__name__.removesuffix("Settings").lower()
        for field_name, field in cls.model_fields.items():
            found.setdefault(PREFIX + field_name.upper(), (field, []))[1].append(reader)
    return found


def _described(name: str, field: FieldInfo, readers: list[str]) -> list[str]:
    about = f"{field.description}. " if field.description else ""
    lines = [f"# {about}({', '.join(readers)})"]
    if field.is_required():
        return [*lines, f"{name}="]
    default = field.get_default(call_default_factory=True)
    shown = "" if default in {None, PydanticUndefined} else str(default)
    return [*lines, f"# {name}={shown}"]


def _read(source: str) -> str:
    value = os.environ[source]
    if not source.endswith("_FILE"):
        return value
    try:
        return Path(value).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise SettingsError(f"{source} names a file that cannot be read") from error
