"""The shapes of signing in. Some names are those that clients of the original know."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import ConfigDict, Field, SecretStr

from api.schemas import Answer, Body, example
from api.security.passwords import PASSWORD_LENGTH_MAX, PASSWORD_LENGTH_MIN
from api.wire import Line

USERNAME_LENGTH_MAX: Final = 60
# One @ with something on either side: whether it is somebody's, only a message could tell.
Email = Annotated[Line, Field(min_length=3, max_length=254, pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")]
NewPassword = Annotated[
    SecretStr, Field(min_length=PASSWORD_LENGTH_MIN, max_length=PASSWORD_LENGTH_MAX)
]


class LoginIn(Body):
    """`captchaToken` is needed where the installation asks for one.

    `otp` is the code of the second factor, or a recovery code, where the user has one.
    """

    model_config = example({"username": "ada", "password": "***", "captchaToken": "..."})

    username: Annotated[Line, Field(min_length=1, max_length=200)]
    password: Annotated[SecretStr, Field(min_length=1, max_length=PASSWORD_LENGTH_MAX)]
    captcha_token: Annotated[str | None, Field(alias="captchaToken", max_length=4_000)] = None
    otp: Annotated[str | None, Field(max_length=40)] = None


class RegisterIn(Body):
    """`inviteCode` is needed where one signs up by invitation."""

    model_config = example(
        {"username": "ada", "password": "correct horse battery", "email": "ada@example.org"}
    )

    username: Annotated[Line, Field(min_length=1, max_length=USERNAME_LENGTH_MAX)]
    password: NewPassword
    email: Email | None = None
    invite_code: Annotated[str | None, Field(alias="inviteCode", max_length=100)] = None
    captcha_token: Annotated[str | None, Field(alias="captchaToken", max_length=4_000)] = None


class SetupOut(Answer):
    """`needed`: there is no user yet, and the first one to come is the administrator."""

    needed: bool
    registration: str


class UserOut(Answer):
    username: str
    email: str | None
    admin: bool
    DiscordID: str | None
    # The original gates its pages by these two; here whoever has a user may use everything.
    access: bool = True
    signed: bool = True
    is_email_verified: bool


class LoginOut(Answer):
    user: UserOut


class UserWithSocketToken(UserOut):
    sessionId: str  # noqa: N815 - the name clients of the original know


class CheckAuthOut(UserWithSocketToken):
    """The user's fields stand twice: clients of the original read either place."""

    authenticated: bool = True
    user: UserWithSocketToken


class TicketOut(Answer):
    """`ticket` is AUTH's `token` once; after `expires_in_s` it is nothing."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"ticket": "wst_...", "user": "ada", "expires_in_s": 60}]}
    )

    ticket: str
    user: str
    expires_in_s: int


class MessageOut(Answer):
    message: str
