"""Broker logins. Secrets go in and never come out."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, ConfigDict, Field, SecretStr

from api.schemas import Answer, Body, example
from api.wire import BIGINT_MAX, Line
from shared.contracts.logins import Step

_ACCOUNTS_MAX: Final = 200
Environment = Literal["live", "demo", "paper"]


def _nothing(value: Any) -> Any:
    """A form sends an empty field for what was left out."""
    return None if value == "" else value


def _as_text(value: Any) -> Any:
    """The broker calls the id of an application a number."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


Name = Annotated[Line, Field(min_length=1, max_length=200)]
Password = Annotated[SecretStr, Field(min_length=1, max_length=1_024)]
ClientId = Annotated[
    Annotated[Line, Field(max_length=200)] | None,
    BeforeValidator(_as_text),
    BeforeValidator(_nothing),
]
ClientSecret = Annotated[
    Annotated[SecretStr, Field(max_length=1_024)] | None, BeforeValidator(_nothing)
]
Endpoint = Annotated[Annotated[str, Field(max_length=200)] | None, BeforeValidator(_nothing)]
Chosen = Annotated[
    list[Annotated[int, Field(ge=1, le=BIGINT_MAX)]], Field(max_length=_ACCOUNTS_MAX)
]


class LoginIn(Body):
    """`client_id` and `client_secret` are of an API key at the broker, where there is one.

    `api_endpoint` is taken only when it is the address of the environment: no other host is
    ever asked.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"username": "ada", "password": "***", "environment": "demo"}]
        }
    )

    username: Name
    password: Password
    client_id: ClientId = None
    client_secret: ClientSecret = None
    environment: Environment | None = None
    api_endpoint: Endpoint = None


class AddIn(LoginIn):
    """`accounts`: which of them trade, by the broker's number; all of them when left out."""

    name: Annotated[Line, Field(max_length=200)] = ""
    accounts: Chosen | None = None


class ChangeIn(Body):
    """Changes what is named and nothing else. Secrets can be replaced, not read."""

    model_config = example({"name": "My login", "enabled": True})

    name: Name | None = None
    enabled: bool | None = None
    password: Password | None = None
    client_id: ClientId = None
    client_secret: ClientSecret = None


class ConsentIn(Body):
    """A stored login by its id, or a new one by user name and environment."""

    model_config = example({"username": "ada", "environment": "demo"})

    connection_id: Annotated[int | None, Field(ge=1, le=BIGINT_MAX)] = None
    username: Name | None = None
    environment: Environment = "demo"
    name: Annotated[Line, Field(max_length=200)] = ""


class FoundOut(Answer):
    """An account as the broker lists it."""

    id: int
    name: str
    active: bool


class TestOut(Answer):
    """`success` false: `code`, `message` and the failed step say why.

    `command_id`: under which the result is found when it was not there in time (202).
    """

    __test__ = False  # no class of tests, whatever its name

    success: bool
    code: str
    message: str
    accounts: list[FoundOut]
    steps: list[Step]
    retry_after_s: int | None
    command_id: int


class AddedOut(Answer):
    success: bool
    message: str
    connection_id: int
    accounts: list[FoundOut]
    steps: list[Step]


class ConnectionOut(Answer):
    """`state` and `condition` tell how the login is doing, `status` the same in one sentence."""

    id: int
    name: str
    broker: str
    environment: str
    auth_type: str
    login_name: str
    client_id: str | None
    has_password: bool
    has_client_secret: bool
    enabled: bool
    state: str
    condition: str
    reason: str | None
    status: str
    since: datetime | None
    next_attempt_at: datetime | None
    token_expires_at: datetime | None
    accounts: int
    created_at: datetime
    updated_at: datetime


class ConnectionsOut(Answer):
    connections: list[ConnectionOut]


class ConsentOut(Answer):
    """Where to send the browser; it comes back by itself."""

    url: str
    connection_id: int


class DoneOut(Answer):
    message: str
    id: int
