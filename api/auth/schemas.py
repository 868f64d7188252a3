"""The shapes of signing in. Some names are those that clients of the original know."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, SecretStr

from api.schemas import Answer, Body
from api.security.passwords import PASSWORD_LENGTH_MAX


class LoginIn(Body):
    """`captchaToken` is needed where the installation asks for one."""

    username: Annotated[str, Field(min_length=1, max_length=200)]
    password: Annotated[SecretStr, Field(min_length=1, max_length=PASSWORD_LENGTH_MAX)]
    captcha_token: Annotated[str | None, Field(alias="captchaToken", max_length=4_000)] = None


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


class MessageOut(Answer):
    message: str
