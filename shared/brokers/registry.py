"""Which brokers there are. A new one is a folder beside this file and one line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random
from typing import Final

from shared.brokers.tradovate.adapter import TradovateBroker
from shared.brokers.tradovate.auth import TokenStore
from shared.brokers.tradovate.login import Login, Urls
from shared.ports.broker import Broker
from shared.ports.clock import Clock

Factory = Callable[[Login, Urls, Clock, TokenStore, Random], Broker]

BROKERS: Final[Mapping[str, Factory]] = {
    "tradovate": TradovateBroker,
}
