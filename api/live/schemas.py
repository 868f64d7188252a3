"""Enabling an account for real money."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import ConfigDict, Field, SecretStr

from api.schemas import Answer, Body
from api.security.passwords import PASSWORD_LENGTH_MAX
from api.wire import Line


class EnableIn(Body):
    """The password again, and the account's name as it is shown: deliberate, never in passing."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"password": "...", "account_name": "1234567"}]}
    )

    password: Annotated[SecretStr, Field(min_length=1, max_length=PASSWORD_LENGTH_MAX)]
    account_name: Annotated[Line, Field(min_length=1, max_length=200)]


class LiveOut(Answer):
    message: str
    id: int
    live_enabled: bool
    live_enabled_at: datetime | None
