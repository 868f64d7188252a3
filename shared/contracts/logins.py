"""What api asks execution about broker logins: kinds of commands, what they carry, what comes back.

api        commands          TEST, detail `TestDetail`; the others, detail `LoginDetail`
           command_secrets   of a TEST: `LoginSecret` as JSON, sealed for that command's id
execution  takes the secret (once), asks the broker, answers; the result's detail is a `TestReport`
"""

from __future__ import annotations

from typing import Final

from pydantic import BaseModel, ConfigDict, Field

TEST: Final = "broker.test_connection"  # sign in with these secrets and list the accounts
ACCOUNTS: Final = "broker.read_accounts"  # list the accounts of a login that is held
RESTART: Final = "broker.restart"  # its secrets are others now
FORGET: Final = "broker.forget"  # the login was deleted: its token goes too

IN_USE: Final = "broker.in_use"


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TestDetail(_Body):
    """`commands.detail` of a TEST: nothing secret."""

    __test__ = False  # no class of tests, whatever its name

    environment: str
    login_name: str
    device_id: str
    client_id: str | None = None


class LoginSecret(_Body):
    """What is sealed in `command_secrets.sealed` of a TEST."""

    password: str = Field(min_length=1, max_length=1_024, repr=False)
    client_secret: str | None = Field(None, max_length=1_024, repr=False)


class LoginDetail(_Body):
    """`commands.detail` of what is asked of a stored login."""

    connection_id: int


class Step(_Body):
    """One step of a test: `reach`, `sign_in` or `accounts`, with a code where it failed."""

    name: str
    ok: bool
    code: str | None = None
    message: str
    took_ms: int


class FoundAccount(_Body):
    """An account as the broker names it."""

    broker_account_id: int
    name: str
    active: bool


class TestReport(_Body):
    """`retry_after_s`: how long the broker, or our own care for its limits, makes us wait."""

    __test__ = False  # no class of tests, whatever its name

    steps: tuple[Step, ...] = ()
    accounts: tuple[FoundAccount, ...] = ()
    retry_after_s: int | None = None
