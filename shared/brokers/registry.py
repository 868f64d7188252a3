"""Which brokers there are. A new one is a folder beside this file and one line here."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Final, Protocol

from shared.brokers.tradovate.adapter import TradovateBroker
from shared.brokers.tradovate.auth import TokenStore
from shared.brokers.tradovate.egress import Egress
from shared.brokers.tradovate.login import Login, Urls
from shared.ports.broker import Broker
from shared.ports.clock import Clock


class Closable(Broker, Protocol):
    """A broker that may also be asked without being held."""

    async def aclose(self) -> None:
        """For whoever only read: close every connection. The end of `run` does it too."""


class Factory(Protocol):
    """What makes the broker of one login; `egress` is shared by all logins of the process."""

    def __call__(
        self,
        login: Login,
        urls: Urls,
        clock: Clock,
        token_store: TokenStore,
        rng: Random,
        *,
        egress: Egress | None = None,
    ) -> Closable: ...


BROKERS: Final[Mapping[str, Factory]] = {
    "tradovate": TradovateBroker,
}
