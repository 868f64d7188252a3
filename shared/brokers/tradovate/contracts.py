"""Contracts by name and by id, asked of the broker once and kept for a day."""

from __future__ import annotations

import asyncio
from datetime import date

import msgspec

from shared.brokers.tradovate import models
from shared.brokers.tradovate.limits import CONTRACT_AGE_S_MAX
from shared.brokers.tradovate.reads import Reader
from shared.brokers.tradovate.wire import Garbled, instant
from shared.domain.calendar import CHICAGO
from shared.domain.errors import BrokerUnavailable
from shared.ports.broker import ContractInfo
from shared.ports.clock import Clock


class ContractBook:
    """`names` is shared with the entity stores: a name learned here helps a waiting fact there."""

    def __init__(self, reader: Reader, clock: Clock) -> None:
        self.names: dict[int, str] = {}
        self._reader = reader
        self._clock = clock
        self._infos: dict[str, tuple[float, ContractInfo]] = {}
        self._lock = asyncio.Lock()

    async def info(self, name: str) -> ContractInfo:
        """From contract over maturity to product. Raises NotFound, BrokerUnavailable."""
        async with self._lock:
            now = self._clock.monotonic()
            at, known = self._infos.get(name, (0.0, None))
            if known is not None and now - at < CONTRACT_AGE_S_MAX:
                return known
            info = await self._read(name)
            self._infos[name] = (now, info)
            self.names[info.contract_id] = info.name
            return info

    async def _read(self, name: str) -> ContractInfo:
        found = await self._reader.row("contract/find", name=name)
        try:
            contract = msgspec.convert(found, models.Contract)
            row = await self._reader.row(
                "contractMaturity/item", id=str(contract.contract_maturity_id)
            )
            maturity = msgspec.convert(row, models.ContractMaturity)
            row = await self._reader.row("product/item", id=str(maturity.product_id))
            product = msgspec.convert(row, models.Product)
        except msgspec.ValidationError as error:
            raise BrokerUnavailable("broker.unreadable", str(error)) from error
        return ContractInfo(
            contract_id=contract.id,
            name=contract.name,
            root=product.name,
            tick_size=product.tick_size,
            point_value_usd=product.value_per_point,
            expires_on=_day(maturity.expiration_date),
        )


def _day(text: str | None) -> date | None:
    """None as well for what is no time: nobody trades by it."""
    try:
        return None if text is None else instant(text).astimezone(CHICAGO).date()
    except Garbled:
        return None
