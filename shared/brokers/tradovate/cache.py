"""Everything the broker told us about one login, joined into facts. Pure: no I/O, no clock.

    Order + effective OrderVersion (+ New Command) + contract name  -> OrderFact
    Fill + its Order + contract name                                -> FillFact, then its FeeFact
    Position + contract name                                        -> PositionFact
    CashBalance in USD                                              -> BalanceFact

A fact waits here until all its parts are known, and is told again when a part changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import msgspec

from shared.brokers.tradovate import mapping, models
from shared.brokers.tradovate.rows import Recent, is_final
from shared.brokers.tradovate.strategies import OrderStrategy, OrderStrategyLink, Strategies
from shared.brokers.tradovate.tables import KINDS, Tables
from shared.brokers.tradovate.wire import Garbled
from shared.domain.order import BrokerStatus
from shared.ports.broker import BalanceFact, FeeFact, FillFact, OrderFact, PositionFact
from shared.runtime.logging import get_logger

log = get_logger(__name__)

_STATUSES: Final = frozenset(status.value for status in BrokerStatus)
_AT_WORK: Final = frozenset(
    {
        BrokerStatus.WORKING,
        BrokerStatus.SUSPENDED,
        BrokerStatus.PENDING_NEW,
        BrokerStatus.PENDING_CANCEL,
        BrokerStatus.PENDING_REPLACE,
        BrokerStatus.UNKNOWN,
    }
)
_Told = OrderFact | FillFact | FeeFact | PositionFact | BalanceFact


@dataclass(frozen=True, slots=True)
class Missing:
    """Ids of rows that others refer to and that nobody has sent."""

    contracts: frozenset[int]
    orders: frozenset[int]
    versions: frozenset[int]  # of these orders

    def __bool__(self) -> bool:
        return bool(self.contracts or self.orders or self.versions)

    def still(self, before: Missing) -> Missing:
        """What is worth fetching: all names, but of the rest only what was missing before too."""
        orders, versions = self.orders & before.orders, self.versions & before.versions
        return Missing(self.contracts, orders, versions)


class EntityStore:
    """Rows in, facts out; order and number of arrivals do not matter."""

    def __init__(self, names: dict[int, str]) -> None:
        self._tables = Tables(names)
        self._told: dict[str, Recent[object, _Told]] = {}
        # Set when a fact waits for the name of a contract; whoever fetches it clears this.
        self.needs_name = False
        self.rows_taken = 0  # so many rows were news: unchanged, nothing new can be missing
        self._fee_taken_at: dict[int, int] = {}  # by fill: `rows_taken` of then

    # --- taking in ----------------------------------------------------------------------------
    def apply(self, kind: str, rows: object) -> list[_Told]:
        """Take the row or rows of an event in; tell what is a new fact. Raises Garbled.

        A kind that is of no use here is ignored.
        """
        told: list[_Told] = []
        for row in self._take(kind, rows):
            told += [fact for fact in self._touched(row) if self._is_news(fact)]
        return told

    def load(self, kind: str, rows: object) -> None:
        """Take rows of a snapshot in, silently; `facts` tells them afterwards. Raises Garbled.

        An order in a status we have never heard of is kept as Unknown and logged: one strange
        row must not keep a login from ever being in sync.
        """
        if kind == "order":
            rows = [_with_known_status(row) for row in _listed(rows)]
        for _ in self._take(kind, rows):
            pass

    def catch_up(self, other: EntityStore) -> None:
        """Take over what `other` knows of the orders held here, silently.

        Rows of a read are as old as its request; meanwhile others may have brought later ones.
        """
        for order in self._tables.orders:
            if is_final(order.ord_status):
                continue  # read before its versions and fills, which are all here
            for row in other._tables.of_order(order.id):
                self._tables.put(row)

    def catch_up_fees(self, stream: EntityStore, since_row: int) -> None:
        """Take over the fees that the stream took after its first `since_row` rows.

        A fee carries no time of its own: of two, only who told them when says which is the later.
        """
        for known in list(self._tables.fees):
            fee = stream._tables.fees.get(known.id)
            if fee is not None and stream._fee_taken_at[fee.id] > since_row:
                self._tables.put(fee)

    def _take(self, kind: str, rows: object) -> Iterator[models.Entity]:
        for row in _converted(kind, rows):
            if self._tables.put(row):
                self.rows_taken += 1
                if isinstance(row, models.FillFee):
                    self._fee_taken_at[row.id] = self.rows_taken
                yield row

    # --- doubts -------------------------------------------------------------------------------
    @property
    def in_doubt(self) -> frozenset[str]:
        """The kinds of which rows differ without saying which is the later one."""
        return frozenset(kind for kind, _ in self._tables.doubts)

    def take_doubts(self, kind: str) -> frozenset[int]:
        """The ids of such rows; whoever takes them asks the broker, then `settle`s."""
        ids = frozenset(id_ for doubted, id_ in self._tables.doubts if doubted == kind)
        self._tables.doubts -= {(kind, id_) for id_ in ids}
        return ids

    def doubt(self, kind: str, ids: Iterable[int]) -> None:
        """The broker could not be asked about these."""
        self._tables.doubts |= {(kind, id_) for id_ in ids}

    def settle(self, kind: str, rows: object) -> list[_Told]:
        """Take in what the broker answered about a doubt; the new facts. Raises Garbled."""
        settled = [row for row in _converted(kind, rows) if self._tables.settle(row)]
        return [fact for row in settled for fact in self._touched(row) if self._is_news(fact)]

    # --- telling ------------------------------------------------------------------------------
    def facts(self) -> list[_Told]:
        """Every fact that can be told, orders before their fills, fills before their fees."""
        facts = self._all()
        for fact in facts:
            self._is_news(fact)
        return facts

    def _all(self) -> list[_Told]:
        tables = self._tables
        facts: list[_Told] = []
        for order in tables.orders:
            facts += self._order(order.id)
        for fill in tables.fills:
            facts += self._fill(fill.id)
        facts += [FeeFact(fee.id, fee.total) for fee in tables.fees]
        for position in tables.positions:
            facts += self._position(position)
        for balance in tables.balances:
            facts += _balance(balance)
        return facts

    @property
    def unexplained(self) -> bool:
        """Whether an order was rejected and no report has told why."""
        tables = self._tables
        return any(
            order.ord_status is BrokerStatus.REJECTED and tables.reject_reason(order.id) is None
            for order in tables.orders
        )

    @property
    def anonymous(self) -> bool:
        """Whether an order has no client id: an order strategy may have placed it."""
        return any(self._tables.client_id(order.id) is None for order in self._tables.orders)

    @property
    def strategies(self) -> Strategies:
        return self._tables.strategies

    @property
    def at_risk(self) -> bool:
        """Whether anything is held or works; yes while nobody has told us a single row."""
        return bool(self.held) or not any(True for _ in self._tables.balances)

    @property
    def held(self) -> frozenset[int]:
        """Accounts in which something is held or works."""
        positions, orders = self._tables.positions, self._tables.orders
        holding = {row.account_id for row in positions if row.net_pos != 0}
        return frozenset(holding | {row.account_id for row in orders if row.ord_status in _AT_WORK})

    def status(self, order_id: int) -> BrokerStatus | None:
        order = self._tables.orders.get(order_id)
        return None if order is None else order.ord_status

    def missing(self) -> Missing:
        tables = self._tables
        orders = {row.id: row.contract_id for row in tables.orders if row.contract_id is not None}
        held = {row.contract_id for row in (*tables.fills, *tables.positions)}
        held.update(orders.values())
        return Missing(
            contracts=frozenset(held - tables.names.keys()),
            orders=frozenset(id_ for id_ in tables.fills_of if tables.orders.get(id_) is None),
            versions=frozenset(id_ for id_ in orders if tables.versions.get(id_) is None),
        )

    def _is_news(self, fact: _Told) -> bool:
        told = self._told.setdefault(type(fact).__name__, Recent())
        key = _key(fact)
        if told.get(key) == fact:
            return False
        told[key] = fact
        return True

    # --- joining ------------------------------------------------------------------------------
    def _touched(self, row: models.Entity) -> list[_Told]:  # noqa: PLR0911 - a branch for each kind
        match row:
            case models.Order():
                return self._order(row.id) + self._fills_and_fees(row.id)
            case models.OrderVersion() | models.Command() | models.ExecutionReport():
                return self._order(row.order_id)
            case models.CommandReport():
                order_id = self._tables.order_of_command.get(row.command_id)
                return [] if order_id is None else self._order(order_id)
            case models.Fill() | models.FillFee():
                return self._fill_and_fee(row.id)
            case OrderStrategyLink():
                return self._order(row.order_id) + self._fills_and_fees(row.order_id)
            case OrderStrategy():
                orders = self._tables.strategies.orders(row.id)
                return [f for id_ in orders for f in self._order(id_) + self._fills_and_fees(id_)]
            case models.Position():
                return self._position(row)
            case models.CashBalance():
                return _balance(row)
            case models.Contract():
                return self._all()  # rare: a contract is named once, and facts may wait for it
            case _:
                return []

    def _order(self, order_id: int) -> list[_Told]:
        tables = self._tables
        order = tables.orders.get(order_id)
        version = tables.version(order_id)
        if order is None or version is None or order.contract_id is None:
            return []
        contract = self._name(order.contract_id)
        if contract is None:
            return []
        return [
            mapping.order_fact(
                order,
                version,
                contract,
                tables.client_id(order_id),
                tables.reject_reason(order_id),
                tables.strategy(order_id),
                unclaimed=tables.is_unclaimed(order),
            )
        ]

    def _fills_and_fees(self, order_id: int) -> list[_Told]:
        fills = sorted(self._tables.fills_of.get(order_id, ()))
        return [fact for fill_id in fills for fact in self._fill_and_fee(fill_id)]

    def _fill_and_fee(self, fill_id: int) -> list[_Told]:
        facts, fee = self._fill(fill_id), self._tables.fees.get(fill_id)
        if facts and fee is not None:
            facts.append(FeeFact(fill_id, fee.total))
        return facts

    def _fill(self, fill_id: int) -> list[_Told]:
        fill = self._tables.fills.get(fill_id)
        order = None if fill is None else self._tables.orders.get(fill.order_id)
        if fill is None or order is None:
            return []  # parked: a fill knows its account only through its order
        contract = self._name(fill.contract_id)
        return [] if contract is None else [mapping.fill_fact(fill, order.account_id, contract)]

    def _position(self, position: models.Position) -> list[_Told]:
        contract = self._name(position.contract_id)
        return [] if contract is None else [mapping.position_fact(position, contract)]

    def _name(self, contract_id: int) -> str | None:
        name = self._tables.names.get(contract_id)
        if name is None:
            self.needs_name = True
        return name


def _balance(balance: models.CashBalance) -> list[_Told]:
    return [mapping.balance_fact(balance)] if balance.currency_id == mapping.USD else []


def _key(fact: _Told) -> object:
    match fact:
        case OrderFact():
            return fact.order_id
        case FillFact() | FeeFact():
            return fact.fill_id
        case PositionFact():
            return (fact.account, fact.contract_id)
        case BalanceFact():
            return fact.account


def _converted(kind: str, rows: object) -> Iterator[models.Entity]:
    """Rows of a kind that matters here, one by one. Raises Garbled."""
    model = KINDS.get(kind)
    for raw in () if model is None else _listed(rows):
        try:
            row: models.Entity = msgspec.convert(raw, model)
            _ = row.at  # a time that is none would be found out later
        except ValueError as error:  # also msgspec's: a field is missing or of another type
            raise Garbled(f"{kind}: {error}") from error
        yield row


def _listed(rows: object) -> list[object]:
    return rows if isinstance(rows, list) else [rows]


def _with_known_status(raw: object) -> object:
    if not isinstance(raw, dict) or raw.get("ordStatus") in _STATUSES:
        return raw
    log.error("broker_order_status_unknown", order=raw.get("id"), status=raw.get("ordStatus"))
    return raw | {"ordStatus": BrokerStatus.UNKNOWN.value}
