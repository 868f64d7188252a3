"""What the API is made of, opened in `__main__` (or by a test) and passed down by constructor."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncEngine

from api.security.captcha import Captcha
from api.security.passwords import Passwords
from api.settings import ApiSettings
from shared.contracts.envelope import Envelope
from shared.domain.rules.prop import NewsWindow
from shared.ports.clock import Clock
from shared.runtime.readiness import Readiness


class Bell(Protocol):
    """Told of events after their commit. Costs the caller nothing; losing one costs a second."""

    def offer(self, envelopes: Iterable[Envelope]) -> None: ...


@dataclass(frozen=True, slots=True)
class Resources:
    """Shared by all requests. `random_bytes(n)` is unguessable.

    `news`: the installation's windows in which prop accounts do not enter.
    """

    settings: ApiSettings
    engine: AsyncEngine
    bell: Bell
    clock: Clock
    random_bytes: Callable[[int], bytes]
    passwords: Passwords
    captcha: Captcha
    readiness: Readiness
    news: tuple[NewsWindow, ...] = ()
