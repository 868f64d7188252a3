"""The rows of one login, indexed the way the joins need them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from shared.brokers.tradovate import mapping, models
from shared.brokers.tradovate.rows import Recent, Rows, is_in_doubt, supersedes

KINDS: Final[Mapping[str, type[models.Entity]]] = {
    "contract": models.Contract,
    "order": models.Order,
    "orderVersion": models.OrderVersion,
    "command": models.Command,
    "commandReport": models.CommandReport,
    "executionReport": models.ExecutionReport,
    "fill": models.Fill,
    "fillFee": models.FillFee,
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
        self.rejections: Recent[int, str] = Recent()  # by order
        self.refused_commands: Recent[int, str] = Recent()  # by command
        self.doubts: set[tuple[str, int]] = set()  # kind and id, of rows that are to be asked for

    def put(self, row: models.Entity) -> bool:  # noqa: C901, PLR0911 - one branch a kind
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

    def version(self, order_id: int) -> models.OrderVersion | None:
        """The version of an order that is in force."""
        versions = self.versions.get(order_id)
        if versions is None:
            return None
        return mapping.effective_version(versions.as_dict(), self._commands(order_id).as_dict())

    def client_id(self, order_id: int) -> str | None:
        versions = self.versions.get(order_id)
        return mapping.client_id_of(versions or (), self._commands(order_id))

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


def _note(
    where: Recent[int, str], key: int, row: models.CommandReport | models.ExecutionReport
) -> bool:
    words = mapping.reject_words(row.reject_reason, row.text)
    if words is None or where.get(key) == words:
        return False
    where[key] = words
    return True
