"""What the watchman needs to know: a database, and nothing else."""

from __future__ import annotations

from pydantic import Field, SecretStr

from shared.runtime.settings import ServiceSettings


class SentinelSettings(ServiceSettings):
    """It has no use for Redis: what it reads is committed, what it says is a row."""

    redis_url: SecretStr = Field(SecretStr(""), description="not used by the sentinel")
