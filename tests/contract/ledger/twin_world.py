"""The world over the twin."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from shared.contracts.envelope import Envelope
from shared.domain.alert_signal import Signal
from shared.domain.controls import Word
from shared.domain.gates.controls import Scope
from shared.domain.ids import StrategyId
from shared.domain.rules import FREE_ACCOUNT, AccountRules, StrategyRules
from shared.ports.ledger import Command
from tests.contract.ledger.clock import StandingClock
from tests.contract.ledger.plain import plain
from tests.contract.ledger.world import (
    BROKER_ACCOUNTS,
    STOP_LOSS_TICKS,
    STRATEGIES,
    TAKE_PROFIT_TICKS,
    Row,
    World,
)
from tests.simulation.rows import CommandRow, ControlRow, DriftRow, IntentRow
from tests.simulation.store import Store
from tests.simulation.tables import Table
from tests.simulation.twin import TwinLedger


class TwinWorld(World):
    def __init__(self) -> None:
        super().__init__()
        self.clock = StandingClock()
        self.store = Store(self.clock)
        self.ledger = TwinLedger(self.store)
        self.user = self.store.add_user()
        self.connection = self.store.add_connection(self.user)
        self.accounts = [
            self.store.add_account(self.connection, number, f"PAPER{index}")
            for index, number in enumerate(BROKER_ACCOUNTS)
        ]
        self.strategies = [self._strategy(name) for name in STRATEGIES]
        for strategy in self.strategies:
            for account in self.accounts:
                self.store.link(strategy, account)

    def _strategy(self, name: str) -> StrategyId:
        return self.store.add_strategy(
            self.user,
            name,
            take_profit_ticks=TAKE_PROFIT_TICKS,
            stop_loss_ticks=STOP_LOSS_TICKS,
        )

    async def accept(self, signal: Signal, strategy: int = 0) -> int:
        return self.store.accept_signal(self.strategies[strategy], signal)

    async def ask(self, kind: str, detail: Mapping[str, object]) -> Command:
        return self.store.commands.one(self.store.ask(self.user, kind, detail)).command

    async def switch_login(self, *, enabled: bool) -> None:
        self.store.switch_login(self.connection, enabled=enabled)

    async def say(self, scope: Scope, scope_id: int, word: Word) -> None:
        self.store.say(None if scope is Scope.SYSTEM else self.user, scope, scope_id, word)

    async def set_rules(self, rules: StrategyRules, strategy: int = 0) -> None:
        self._change(strategy, rules=rules)

    async def set_account(
        self, rules: AccountRules = FREE_ACCOUNT, *, exclusive: bool = True, account: int = 0
    ) -> None:
        row = self.store.accounts.one(self.accounts[account])
        self.store.accounts.put(row.id, replace(row, rules=rules, exclusive=exclusive))

    async def switch_strategy(self, strategy: int = 0, *, active: bool) -> None:
        self._change(strategy, active=active)

    def _change(self, strategy: int, **change: Any) -> None:
        key = self.strategies[strategy]
        row = self.store.strategies.one(key)
        self.store.strategies.put(key, replace(row, strategy=replace(row.strategy, **change)))

    async def keep_hours(self) -> None:
        row = self.store.connections.one(self.connection)
        self.store.connections.put(row.id, replace(row, environment="demo"))

    async def go_live(self, *, enabled: bool) -> None:
        login = self.store.connections.one(self.connection)
        self.store.connections.put(login.id, replace(login, environment="live"))
        for row in self.store.accounts.rows():
            self.store.accounts.put(row.id, replace(row, live_enabled=enabled))

    async def advance(self, seconds: float) -> None:
        self.clock.advance(seconds)

    async def table(self, name: str) -> list[Row]:
        return rows_of(self.store, name)


def rows_of(store: Store, name: str) -> list[Row]:
    """All rows of one of `TABLES`, as `World.table` gives them."""
    made = _MADE.get(name)
    if made is not None:
        return made(store)
    table: Table[Any, Any] = getattr(store, _NAMED.get(name, name))
    return [plain(row) for row in table.rows()]


def _event(event: Envelope) -> Row:
    row: Row = plain(event)
    return {"event_id": row.pop("id"), **row}


def _control(row: ControlRow) -> Row:
    out: Row = plain(row)
    said = out.pop("said")
    said["created_at"] = said.pop("at")
    return {**out, **said}


def _drift(row: DriftRow) -> Row:
    out: Row = plain(row)
    drift = out.pop("drift")
    drift["code"] = drift.pop("kind")
    compared = plain(dict(row.drift.compared))
    return {**out, **drift, "compared": compared, "message": row.drift.message}


def _command(row: CommandRow) -> Row:
    out: Row = plain(row)
    return {"created_at": out["created_at"], **out["command"]}


_RENAMED = {"qty_contracts": "qty", "parent": "parent_id", "after": "after_id"}


def _intent(row: IntentRow) -> Row:
    out: dict[str, Any] = plain(row)
    intent = out.pop("intent")
    return {**out, **{_RENAMED.get(name, name): each for name, each in intent.items()}}


_NAMED: Final = {
    "signal_decisions": "decisions",
    "risk_state": "risk",
    "risk_standings": "standings",
    "risk_prices": "prices",
    "risk_values": "values",
    "account_balances": "balances",
}
_MADE: Final[dict[str, Callable[[Store], list[Row]]]] = {
    "intents": lambda store: [_intent(row) for row in store.intents.rows()],
    "drifts": lambda store: [_drift(row) for row in store.drifts.rows()],
    "controls": lambda store: [_control(row) for row in store.controls.rows()],
    "commands": lambda store: [_command(row) for row in store.commands.rows()],
    "outbox": lambda store: [_event(event) for event in store.outbox.rows()],
}
