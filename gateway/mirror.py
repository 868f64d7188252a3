"""What is true of one user now: a snapshot from the database, carried on by events. Pure.

Every client of the user starts from this mirror, so the hundredth tab costs the database nothing
and all of them count the same frames.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from gateway.frames import recast, told
from shared.contracts.accounts import AccountQuarantined, BalanceChanged, ConnectionChanged
from shared.contracts.orders import OrderChanged
from shared.contracts.positions import PositionChanged
from shared.contracts.records import (
    PositionOpened,
    PositionResized,
    PositionVoided,
    TradeClosed,
)
from shared.contracts.registry import EventBody
from shared.contracts.settings import AccountEdited
from shared.contracts.ws import (
    AccountData,
    BalanceData,
    ConnectionData,
    FrameType,
    OrderData,
    PositionData,
    RecordOpenedData,
    SnapshotData,
)

PositionKey = tuple[int, str, int]  # account, contract, strategy
Told = tuple[FrameType, EventBody]

# What the broker calls an order that can trade no more.
FINAL_STATUSES: Final = frozenset({"Canceled", "Completed", "Expired", "Filled", "Rejected"})


def key_of(position: PositionChanged) -> PositionKey:
    return position.account_id, position.contract, position.strategy_id


@dataclass(slots=True)
class Mirror:
    """`record_versions` also holds records that closed lately, so a late event cannot reopen one.

    `connection_times` says when a connection's state was last told of, `edit_times` when an account
    was last edited.
    """

    accounts: dict[int, AccountData] = field(default_factory=dict)
    positions: dict[PositionKey, PositionChanged] = field(default_factory=dict)
    orders: dict[tuple[int, int], OrderData] = field(default_factory=dict)
    records: dict[int, RecordOpenedData] = field(default_factory=dict)
    record_versions: dict[int, int] = field(default_factory=dict)
    connections: dict[int, ConnectionData] = field(default_factory=dict)
    connection_times: dict[int, datetime] = field(default_factory=dict)
    edit_times: dict[int, datetime] = field(default_factory=dict)

    def apply(self, body: EventBody, at: datetime) -> Told | None:
        """Carry the state on; what to tell, or None for old news and things nobody is told of.

        Events of an account must come in the order of their numbers.
        """
        match body:
            case OrderChanged():
                self._order(body)
            case PositionChanged():
                self._position(body)
            case BalanceChanged() | AccountQuarantined():
                self._account(body)
            case ConnectionChanged():
                if not self._connection(body, at):
                    return None
            case AccountEdited():
                if not self._edited(body):
                    return None
            case PositionOpened() | PositionResized() | TradeClosed() | PositionVoided():
                if not self._record(body):
                    return None
            case _:
                pass
        return told(body)

    def snapshot(self) -> SnapshotData:
        return SnapshotData.model_construct(
            accounts=list(self.accounts.values()),
            positions=[recast(PositionData, each) for each in self.positions.values()],
            orders=list(self.orders.values()),
            records=list(self.records.values()),
            connections=list(self.connections.values()),
        )

    def held(self, contracts: Iterable[str]) -> list[PositionChanged]:
        """Open positions in these contracts."""
        wanted = frozenset(contracts)
        return [each for each in self.positions.values() if each.contract in wanted]

    def _order(self, body: OrderChanged) -> None:
        key = body.account_id, body.order_id
        if body.status in FINAL_STATUSES:
            self.orders.pop(key, None)
        else:
            self.orders[key] = recast(OrderData, body)

    def _position(self, body: PositionChanged) -> None:
        if body.net_qty == 0:
            self.positions.pop(key_of(body), None)
        else:
            self.positions[key_of(body)] = body

    def _account(self, body: BalanceChanged | AccountQuarantined) -> None:
        account = self.accounts.get(body.account_id)
        if account is None:
            return
        change = (
            {"balance": recast(BalanceData, body)}
            if isinstance(body, BalanceChanged)
            else {"quarantine_code": body.code}
        )
        self.accounts[body.account_id] = account.model_copy(update=change)

    def _edited(self, body: AccountEdited) -> bool:
        known = self.edit_times.get(body.account_id)
        if known is not None and body.at < known:
            return False
        self.edit_times[body.account_id] = body.at
        account = self.accounts.get(body.account_id)
        if account is not None:
            now = {"name": body.name, "enabled": body.enabled}
            self.accounts[body.account_id] = account.model_copy(update=now)
        return True

    def _connection(self, body: ConnectionChanged, at: datetime) -> bool:
        known = self.connection_times.get(body.connection_id)
        if known is not None and at < known:
            return False
        self.connection_times[body.connection_id] = at
        self.connections[body.connection_id] = recast(ConnectionData, body)
        return True

    def _record(
        self, body: PositionOpened | PositionResized | TradeClosed | PositionVoided
    ) -> bool:
        row_id = body.recorded_position_id
        if body.version <= self.record_versions.get(row_id, 0):
            return False
        self.record_versions[row_id] = body.version
        if isinstance(body, TradeClosed | PositionVoided):
            self.records.pop(row_id, None)
        else:
            self.records[row_id] = open_record(body)
        return True


def open_record(body: PositionOpened | PositionResized) -> RecordOpenedData:
    """As the snapshot shows it: how large it is now and where it began."""
    shared = {name: getattr(body, name) for name in PositionOpened.model_fields}
    return RecordOpenedData.model_construct(**shared)
