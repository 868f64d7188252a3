"""How a person's consent at the broker travels from api to execution.

api        broker_consents   whose, for which login and app, the hash of the state   (begin)
browser    the broker's page -> back with code and state
api        commands          kind KIND, detail {"connection_id": n}                  (callback)
           command_secrets   `ConsentSecret` as JSON, sealed for that command's id
execution  takes the consent (it is good once), exchanges the code, keeps the token, answers
"""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

KIND: Final = "broker.oauth_exchange"
CONSENT_LIFE: Final = timedelta(minutes=10)  # as long as the broker's codes are good
SECRET_LIFE: Final = timedelta(seconds=60)  # a command not carried out by then never will be


class ConsentDetail(BaseModel):
    """`commands.detail`: nothing secret."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    connection_id: int


class ConsentSecret(BaseModel):
    """What is sealed in `command_secrets.sealed`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    code: str = Field(min_length=1, max_length=4_096, repr=False)
    state: str = Field(min_length=1, max_length=512, repr=False)


def state_hash(state: str) -> bytes:
    """All that is kept of a state; it has 160 random bits, so a plain hash is enough."""
    return hashlib.sha256(state.encode()).digest()
