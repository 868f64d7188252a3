"""Commands: rows that ask, and the one row that answers each."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from shared.contracts.commands import CommandAnswered
from shared.contracts.envelope import Envelope
from shared.ports.ledger import Command
from tests.simulation.ledger import protection
from tests.simulation.ledger.journal import tell_user
from tests.simulation.rows import ResultRow
from tests.simulation.store import Store

_LOOK_BACK: Final = timedelta(days=1)
_AT_ONCE: Final = 50


def open_commands(store: Store, now: datetime) -> list[Command]:
    rows = [row for row in store.commands.rows() if row.created_at > now - _LOOK_BACK]
    unanswered = [row.command for row in rows if row.command.id not in store.results]
    return sorted(unanswered, key=lambda command: command.id)[:_AT_ONCE]


def close_all(store: Store, command: Command, now: datetime) -> list[Envelope]:
    """The answer first: whoever gives it carries the command out, and nobody else."""
    told = answer(store, command, "done", "command.done", "Exits are on their way.", now)
    return [*protection.close_all(store, command, now), *told] if told else []


def answer(
    store: Store, command: Command, status: str, code: str, message: str, now: datetime
) -> list[Envelope]:
    if command.id in store.results:
        return []
    store.results.put(command.id, ResultRow(status, code, message))
    body = CommandAnswered(command_id=command.id, status=status, code=code)
    about = f"command:{command.id}"
    return tell_user(store, command.user_id, body, str(command.id), about, now)
