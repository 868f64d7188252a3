"""What the API is made of, opened in `__main__` (or by a test) and passed down by constructor."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final, Protocol

from sqlalchemy.ext.asyncio import AsyncEngine

from api.security.captcha import Captcha
from api.security.passwords import Passwords
from api.settings import ApiSettings
from shared.contracts.envelope import Envelope
from shared.domain.rules.prop import NewsWindow
from shared.ports.clock import Clock
from shared.runtime.readiness import Readiness

# Of figures made at once: Python lets one thread run at a time anyhow.
_THINKING_MAX: Final = 1


class Bell(Protocol):
    """Told of events after their commit. Costs the caller nothing; losing one costs a second."""

    def offer(self, envelopes: Iterable[Envelope]) -> None: ...


@dataclass(frozen=True, slots=True)
class Resources:
    """Shared by all requests. `random_bytes(n)` is unguessable.

    `news`: the installation's windows in which prop accounts do not enter. `thinking`: whoever
    makes figures of many rows takes its turn, in a thread, so that alerts are answered meanwhile.
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
    thinking: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_THINKING_MAX))
