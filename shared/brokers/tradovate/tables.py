"""The rows of one login, indexed the way the joins need them. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from shared.brokers.tradovate import mapping, models
from shared.brokers.tradovate.rows import Recent, Rows, is_in_doubt, supersedes
from shared.brokers.tradovate.strategies import OrderStrategy, OrderStrategyLink, Strategies

KINDS: Final[Mapping[str, type[models.Entity]]] = {
    "contract": models.Contract,
    "order": models.Order,
    "orderVersion": models.OrderVersion,
    "command": models.Command,
    "commandReport": models.CommandReport,
    "executionReport": models.ExecutionReport,
    "fill": models.Fill,
    "fillFee": models.FillFee,
    "orderStrategy": OrderStrategy,
    "orderStrategyLink": OrderStrategyLink,
    "position": models.Position,
    "cashBalance": models.CashBalance,
}


class Tables:
    """`names` maps contract ids to names; it may be shared between logins, names do not change."""

    def __init__(self, names: dict[int, str]) -> None:
        self.names = names
        self.orders: Rows[models.Order] = Rows()
        self.fills: Rows[models.Fill] = Rows()
        self.fees: Rows[models.FillFee] = Rows()
        self.positions: Rows[models.Position] = Rows()
        self.balances: Rows[models.CashBalance] = Rows()
        self.versions: Recent[int, Rows[models.OrderVersion]] = Recent()  # by order
        self.commands: Recent[int, Rows[models.Command]] = Recent()  # by order
        self.fills_of: Recent[int, set[int]] = Recent()  # by order
        self.order_of_command: Recent[int, int] = Recent()
        self.strategies = Strategies()
        self.rejections: Recent[int, str] = Recent()  # by order
        self.refused_commands: Recent[int, str] = Recent()  # by command
        self.doubts: set[tuple[str, int]] = set()  # kind and id, of rows that are to be asked for

    def put(self, row: models.Entity) -> bool:  # noqa: C901, PLR0911, PLR0912 - one branch a kind
        """Keep a row; False when a later copy of it is known already."""
        match row:
            case models.Order():
                return self.orders.put(row)
            case models.OrderVersion():
                return self.versions.group(row.order_id, Rows).put(row)
            case models.Command():
                self.order_of_command[row.id] = row.order_id
                return self.commands.group(row.order_id, Rows).put(row)
            case models.CommandReport():
                return _note(self.refused_commands, row.command_id, row)
            case models.ExecutionReport():
                return _note(self.rejections, row.order_id, row)
            case models.Fill():
                self.fills_of.group(row.order_id, set).add(row.id)
                return self.fills.put(row)
            case models.FillFee():
                return self.fees.put(row)
            case OrderStrategy():
                return self.strategies.put(row)
            case OrderStrategyLink():
                return self.strategies.link(row)
            case models.Position():
                self._weigh("position", row, self.positions.get(row.id))
                return self.positions.put(row)
            case models.CashBalance():
                self._weigh("cashBalance", row, self.balances.get(row.id))
                return self.balances.put(row)
            case models.Contract():
                fresh = self.names.get(row.id) != row.name
                self.names[row.id] = row.name
                return fresh
            case _:
                return False

    def settle(self, row: models.Entity) -> bool:
        """Keep a row that was asked for because of a doubt; False when it says nothing new."""
        match row:
            case models.Position():
                return self.positions.settle(row)
            case models.CashBalance():
                return self.balances.settle(row)
            case _:
                return False

    def _weigh(self, kind: str, row: models.Entity, known: models.Entity | None) -> None:
        if known is None or row == known:
            return
        if is_in_doubt(row, known):
            self.doubts.add((kind, row.id))
        elif supersedes(row, known):
            self.doubts.discard((kind, row.id))  # later than either of those

    def of_order(self, order_id: int) -> Iterator[models.Entity]:
        """The order, its versions, commands and fills, as far as they are known.

        Not the fees: these carry no time, so that none tells which of two is the later one.
        """
        yield from _known(self.orders.get(order_id))
        yield from self.versions.get(order_id, ())
        yield from self._commands(order_id)
        for fill_id in self.fills_of.get(order_id, ()):
            yield from _known(self.fills.get(fill_id))

    def version(self, order_id: int) -> models.OrderVersion | None:
        """The version of an order that is in force."""
        versions = self.versions.get(order_id)
        if versions is None:
            return None
        return mapping.effective_version(versions.as_dict(), self._commands(order_id).as_dict())

    def client_id(self, order_id: int) -> str | None:
        """Its own, or that of the order strategy whose entry it is."""
        versions = self.versions.get(order_id)
        given = mapping.client_id_of(versions or (), self._commands(order_id))
        if given is not None:
            return given
        order, strategy = self.orders.get(order_id), self.strategies.of(order_id)
        is_entry = strategy is not None and order is not None and order.action is strategy.action
        return strategy.uuid if is_entry and strategy is not None else None

    def strategy(self, order_id: int) -> str | None:
        """The client id of the order strategy whose exit this order is."""
        order, strategy = self.orders.get(order_id), self.strategies.of(order_id)
        if strategy is None or order is None or order.action is strategy.action:
            return None
        return strategy.uuid

    def is_unclaimed(self, order: models.Order) -> bool:
        """Whether a strategy of ours may still say that this order is its own."""
        named = self.client_id(order.id) is not None or self.strategies.of(order.id) is not None
        if named or order.contract_id is None:
            return False
        contract = self.names.get(order.contract_id, "")
        return self.strategies.works_at(order.account_id, order.contract_id, contract)

    def reject_reason(self, order_id: int) -> str | None:
        """Why an order was rejected: said by the exchange's report or by its New command's."""
        told = self.rejections.get(order_id)
        if told is not None:
            return told
        commands = self._commands(order_id)
        found = (self.refused_commands.get(row.id) for row in commands if row.command_type == "New")
        return next((words for words in found if words is not None), None)

    def _commands(self, order_id: int) -> Rows[models.Command]:
        return self.commands.get(order_id) or Rows()


def _known(row: models.Entity | None) -> Iterator[models.Entity]:
    return iter(() if row is None else (row,))


def _note(
    where: Recent[int, str], key: int, row: models.CommandReport | models.ExecutionReport
) -> bool:
    words = mapping.reject_words(row.reject_reason, row.text)
    if words is None or where.get(key) == words:
        return False
    where[key] = words
    return True
