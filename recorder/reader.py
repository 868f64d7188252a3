"""Three GETs with somebody else's token: recorder never signs in and never renews."""

from __future__ import annotations

from typing import Final, Protocol, TypeVar

import msgspec

from recorder.drift import FillSeen, PositionSeen, Seen
from shared.brokers.tradovate import models
from shared.brokers.tradovate.outcomes import Answered
from shared.brokers.tradovate.rest import Rest
from shared.brokers.tradovate.wire import Garbled
from shared.domain.errors import BrokerUnavailable

_OK: Final = 200
REQUESTS: Final = 3  # of one look
_Row = TypeVar("_Row", bound=models.Entity)


class BrokerReader(Protocol):
    """Read-only, one look at a time."""

    async def look(self, token: str) -> Seen:
        """Raises BrokerUnavailable; a failed look proves nothing."""


class _OrderAccount(models.Entity, frozen=True, rename="camel", kw_only=True):
    """Of an order only whose it is: its status is none of our business here."""

    account_id: int


class TradovateReader:
    """Looks at one environment; `rest` is shared by the logins of it."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    async def look(self, token: str) -> Seen:
        try:
            return await self._look(token)
        except Garbled as error:
            raise BrokerUnavailable("broker.unreadable", str(error)) from error

    async def _look(self, token: str) -> Seen:
        # Positions first: a fill between two reads then shows as a fill that is still moving.
        positions = await self._rows("position/list", token, models.Position)
        fills = await self._rows("fill/list", token, models.Fill)
        orders = await self._rows("order/list", token, _OrderAccount)
        accounts = {order.id: order.account_id for order in orders}
        return Seen(
            fills=tuple(
                FillSeen(row.id, (accounts[row.order_id], row.contract_id), row.active, row.at)
                for row in fills
                if row.order_id in accounts
            ),
            positions=tuple(
                PositionSeen((row.account_id, row.contract_id), row.net_pos, row.at)
                for row in positions
            ),
        )

    async def _rows(self, path: str, token: str, kind: type[_Row]) -> list[_Row]:
        reply = await self._rest.get(path, token=token)
        if not isinstance(reply, Answered):
            raise BrokerUnavailable(reply.cause, "The broker did not answer.", path=path)
        if reply.status != _OK:
            raise BrokerUnavailable(
                "broker.read_failed", "The broker refused.", path=path, status=reply.status
            )
        try:
            return msgspec.convert(reply.body, list[kind])  # type: ignore[valid-type] # a type that is a value here
        except msgspec.ValidationError as error:
            raise BrokerUnavailable("broker.unreadable", str(error)[:200], path=path) from error
