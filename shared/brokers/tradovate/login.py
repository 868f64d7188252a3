"""Who signs in, and where: one login at one Tradovate environment."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from pydantic import SecretStr

from shared.domain.errors import InvalidInput

RETRY_S_MAX: Final = 15.0
LOCAL_RETRY_S_MAX: Final = 1.0
# Hosts: Tradovate partner OpenAPI 2026-08 and API education site; one md host for both.
_OFFICIAL: Final = ".tradovateapi.com"
_VERSION: Final = "/v1"
_MD_SOCKET: Final = f"wss://md{_OFFICIAL}{_VERSION}/websocket"
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})


class Environment(StrEnum):
    """Each holds its own accounts; a login never falls back from one to another."""

    LIVE = "live"
    DEMO = "demo"
    PAPER = "paper"


@dataclass(frozen=True, slots=True)
class Login:
    """The secrets of one user at the broker; `cid` and `sec` belong to an API key."""

    name: str
    password: SecretStr
    app_id: str
    app_version: str
    device_id: str
    cid: str | None = None
    sec: SecretStr | None = None

    def __repr__(self) -> str:
        return f"Login(app_id={self.app_id!r})"


@dataclass(frozen=True, slots=True)
class Urls:
    """Addresses of one environment, without a slash at the end.

    `retry_s_max` is the longest pause between two tries to reach a socket: short for a venue of
    our own, which nobody harms by asking often.
    """

    rest: str
    socket: str
    md_socket: str
    retry_s_max: float = RETRY_S_MAX

    @classmethod
    def of(cls, base: str) -> Urls:
        """The three addresses that belong to a REST base.

        A venue serves all of them under its base; the broker has one md host for itself.
        """
        parts = urlsplit(base.rstrip("/"))
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise InvalidInput("broker.bad_url", "The broker's address must be an http(s) URL.")
        official = parts.hostname.endswith(_OFFICIAL)
        path = parts.path or (_VERSION if official else "")
        rest = urlunsplit((parts.scheme, parts.netloc, path, "", ""))
        ws = urlunsplit(("ws" + parts.scheme[4:], parts.netloc, path, "", ""))
        local = parts.hostname in _LOOPBACK
        return cls(
            rest=rest,
            socket=f"{ws}/websocket",
            md_socket=_MD_SOCKET if official else f"{ws}/md/websocket",
            retry_s_max=LOCAL_RETRY_S_MAX if local else RETRY_S_MAX,
        )

    @property
    def metered(self) -> bool:
        """Whether somebody counts what we ask for; a venue of our own does not."""
        return self.retry_s_max > LOCAL_RETRY_S_MAX

    @property
    def quota_host(self) -> str:
        """Hosts that count our attempts together have the same one."""
        parts = urlsplit(self.rest)
        official = (parts.hostname or "").endswith(_OFFICIAL)
        return _OFFICIAL.removeprefix(".") if official else parts.netloc


def urls_for(environment: Environment, base: str | None = None) -> Urls:
    """Addresses of an environment; `base` overrides the official one and is a must for paper."""
    if environment is not Environment.PAPER:
        return Urls.of(f"https://{environment.value}{_OFFICIAL}" if base is None else base)
    if base is None:
        raise InvalidInput("broker.bad_url", "The paper environment needs an address.")
    return replace(Urls.of(base), retry_s_max=LOCAL_RETRY_S_MAX)
