"""How a difference between two books is shown."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field

from api.schemas import Answer, Body, example
from api.wire import BIGINT_MAX


class DriftOut(Answer):
    """`strategy_id` None: no single strategy's. `compared` holds the values behind `message`.

    `holds_entries`: no entry of `root` in the account is taken now because of it.
    """

    id: int
    account_id: int
    strategy_id: int | None
    root: str
    contract: str
    code: str
    message: str
    compared: dict[str, str]
    policy: str
    holds_entries: bool
    found_at: datetime
    released_at: datetime | None
    ended_at: datetime | None
    ending: str | None


class GiveIn(Body):
    """A strategy of the same user that trades the account."""

    model_config = example({"strategy_id": 7})

    strategy_id: Annotated[int, Field(ge=1, le=BIGINT_MAX)]


class AskedOut(Answer):
    """What became of it is told by `GET /api/commands/{command_id}/`."""

    message: str
    command_id: int
