"""What a user is shown of herself, and changes. Secrets are shown once or never."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final

from pydantic import AwareDatetime, Field, SecretStr

from api.auth.schemas import USERNAME_LENGTH_MAX, Email, NewPassword
from api.schemas import Answer, Body, example
from api.security.api_keys import KeyScope
from api.security.passwords import PASSWORD_LENGTH_MAX
from api.wire import Line

_OTP_LENGTH_MAX: Final = 40
_NAME_LENGTH_MAX: Final = 100

Password = Annotated[SecretStr, Field(min_length=1, max_length=PASSWORD_LENGTH_MAX)]
Code = Annotated[str, Field(min_length=6, max_length=_OTP_LENGTH_MAX)]


class MeOut(Answer):
    id: int
    username: str
    email: str | None
    is_email_verified: bool
    admin: bool
    has_second_factor: bool
    discord_id: str | None
    discord_dms_enabled: bool
    created_at: datetime
    last_login_at: datetime | None


class ProofIn(Body):
    """What is asked again before something that would lock its owner out, or let another in."""

    model_config = example({"password": "***", "otp": "123456"})

    password: Password
    otp: Annotated[str | None, Field(max_length=_OTP_LENGTH_MAX)] = None


class PasswordIn(ProofIn):
    model_config = example(
        {"password": "***", "otp": "123456", "new_password": "correct horse battery"}
    )

    new_password: NewPassword


class NameIn(ProofIn):
    model_config = example({"password": "***", "username": "ada"})

    username: Annotated[Line, Field(min_length=1, max_length=USERNAME_LENGTH_MAX)]


class EmailIn(ProofIn):
    model_config = example({"password": "***", "email": "ada@example.org"})

    email: Email | None


class CodeIn(Body):
    model_config = example({"code": "123456"})

    code: Code


class BegunOut(Answer):
    """Shown once. `url` is what the square picture of an authenticator holds."""

    secret: str
    url: str


class CodesOut(Answer):
    """Shown once; each is good once, in place of the telephone's code."""

    recovery_codes: list[str]


class SessionOut(Answer):
    id: int
    address: str | None
    agent: str | None
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    is_current: bool


class SessionsOut(Answer):
    sessions: list[SessionOut]


class AuditOut(Answer):
    """`detail` never holds a secret."""

    id: int
    actor: str
    action: str
    detail: dict[str, Any]
    created_at: datetime


class AuditsOut(Answer):
    """`next` continues behind the last one, as `after`; None at the end."""

    audit: list[AuditOut]
    next: str | None


class EndedOut(Answer):
    message: str
    ended: int


class KeyIn(Body):
    """`read` opens what changes nothing, `trade` what changes something."""

    model_config = example({"name": "My program", "scopes": ["read"]})

    name: Annotated[Line, Field(min_length=1, max_length=_NAME_LENGTH_MAX)]
    scopes: Annotated[frozenset[KeyScope], Field(min_length=1)]
    expires_at: AwareDatetime | None = None


class KeyOut(Answer):
    id: int
    name: str
    hint: str
    scopes: list[str]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


class NewKeyOut(KeyOut):
    """`key` is shown once: `Authorization: Bearer <key>`."""

    key: str


class KeysOut(Answer):
    api_keys: list[KeyOut]


class InviteIn(Body):
    model_config = example({"note": "For Bob"})

    note: Annotated[Line, Field(max_length=_NAME_LENGTH_MAX)] = ""
    days: Annotated[int, Field(ge=1, le=90)] = 7


class InviteOut(Answer):
    """`code` is shown once."""

    id: int
    code: str
    expires_at: datetime


class PersonOut(Answer):
    """A user as an administrator sees one."""

    id: int
    username: str
    email: str | None
    admin: bool
    is_email_verified: bool
    has_second_factor: bool
    disabled_at: datetime | None
    last_login_at: datetime | None
    created_at: datetime


class PeopleOut(Answer):
    users: list[PersonOut]


class PersonIn(Body):
    """Changes what is named and nothing else."""

    model_config = example({"disabled": True})

    admin: bool | None = None
    disabled: bool | None = None
    is_email_verified: bool | None = None


class TogglesIn(Body):
    model_config = example({"enabled": True})

    enabled: bool


class TogglesOut(Answer):
    enabled: bool


class LinkOut(Answer):
    """Where to send the browser; it comes back by itself."""

    url: str
