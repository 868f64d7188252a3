"""Enabling an account for real money."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import ConfigDict, Field

from api.schemas import Answer
from api.users.schemas import ProofIn
from api.wire import Line


class EnableIn(ProofIn):
    """The proof again, and the account's name as it is shown: deliberate, never in passing."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"password": "...", "otp": "123456", "account_name": "1234567"}]
        }
    )

    account_name: Annotated[Line, Field(min_length=1, max_length=200)]


class LiveOut(Answer):
    message: str
    id: int
    live_enabled: bool
    live_enabled_at: datetime | None
