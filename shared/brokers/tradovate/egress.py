"""What all logins of a process share because they leave by one address: gates and quotas.

request budgets   one for each user at the broker (`spend`)
connect gate      one for each host: 2 in flight, 3 s apart, one cool-down after a 429
sign-in quotas    one book of attempts (`quota`), in front of which nobody knocks
429 cool-down     one for each host's HTTP side
refused secrets   a login whose secrets were refused is not tried again with the same ones
"""

from __future__ import annotations

import hashlib
from random import Random
from typing import Final
from urllib.parse import urlsplit

from shared.brokers.tradovate import limits
from shared.brokers.tradovate.login import Login, Urls
from shared.brokers.tradovate.quota import (
    UNLIMITED,
    Ask,
    AttemptBook,
    Ending,
    MemoryAttempts,
    Quotas,
    Verb,
    Verdict,
)
from shared.brokers.tradovate.spend import Spending
from shared.ports.clock import Clock

CONNECT_SPACING_S: Final = 3.0
_DEFAULT_QUOTAS: Final = Quotas()


class Egress:
    """One for each process; `book` counts attempts over all processes of the address."""

    def __init__(
        self,
        clock: Clock,
        rng: Random,
        *,
        quotas: Quotas = _DEFAULT_QUOTAS,
        book: AttemptBook | None = None,
        spending: Spending | None = None,
        name: str = "default",
    ) -> None:
        self._clock = clock
        self._rng = rng
        self._quotas = quotas
        self._unmetered = MemoryAttempts(clock)
        self._book = MemoryAttempts(clock) if book is None else book
        self.spending = Spending(clock) if spending is None else spending
        self._name = name
        self._gates: dict[str, limits.ConnectGate] = {}
        self._cooldowns: dict[str, limits.Cooldown] = {}
        self._refused: dict[str, tuple[str, float]] = {}

    def gate(self, url: str, *, metered: bool) -> limits.ConnectGate:
        """The connect gate of a socket's host."""
        host = urlsplit(url).netloc
        if host not in self._gates:
            spacing_s = CONNECT_SPACING_S if metered else 0.0
            cooldown = limits.Cooldown(self._clock, self._rng)
            self._gates[host] = limits.ConnectGate(
                self._clock, spacing_s=spacing_s, cooldown=cooldown
            )
        return self._gates[host]

    def cooldown(self, url: str) -> limits.Cooldown:
        """The back-off after a 429 of a host's HTTP side."""
        host = urlsplit(url).netloc
        if host not in self._cooldowns:
            self._cooldowns[host] = limits.Cooldown(self._clock, self._rng)
        return self._cooldowns[host]

    def door(self, urls: Urls, login: Login) -> Door:
        """The sign-in door of an environment, as one login finds it."""
        # Demo and live count together: nobody promises that the broker counts them apart.
        scope = f"{self._name}/{urls.quota_host}"
        key = f"{login.name}@{urlsplit(urls.rest).netloc}"
        if urls.metered:
            return Door(self, self._book, scope, key, login, self._quotas)
        return Door(self, self._unmetered, scope, key, login, UNLIMITED)

    def refusal(self, secrets: str) -> str | None:
        """The code with which these secrets were refused lately."""
        code, until_s = self._refused.get(secrets, ("", float("-inf")))
        return code if self._clock.monotonic() < until_s else None

    def refuse(self, secrets: str, code: str, rest_s: float) -> None:
        now_s = self._clock.monotonic()
        self._refused = {key: each for key, each in self._refused.items() if each[1] > now_s}
        self._refused[secrets] = (code, now_s + rest_s)


class Door:
    """Where one login knocks for its token."""

    def __init__(
        self,
        egress: Egress,
        book: AttemptBook,
        scope: str,
        key: str,
        login: Login,
        quotas: Quotas,
    ) -> None:
        self._egress = egress
        self._book = book
        self._quotas = quotas
        self._scope = scope
        self._key = key
        self._secrets = _fingerprint(key, login)

    async def take(self, verb: Verb, *, at_risk: bool) -> Verdict:
        return await self._book.take(Ask(self._scope, verb, self._key, at_risk, self._quotas))

    async def settle(self, attempt_id: int, ending: Ending) -> None:
        await self._book.settle(attempt_id, ending)

    @property
    def refusal(self) -> str | None:
        return self._egress.refusal(self._secrets)

    def refuse(self, code: str) -> None:
        self._egress.refuse(self._secrets, code, self._quotas.refused_rest_s)


def _fingerprint(key: str, login: Login) -> str:
    """Changes with the secrets; kept in memory only."""
    sec = "" if login.sec is None else login.sec.get_secret_value()
    parts = (key, login.password.get_secret_value(), login.cid or "", sec)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
