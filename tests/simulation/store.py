"""All tables of a simulated house, and what api does to its own: people, logins, signals."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from uuid import UUID

from shared.contracts.controls import ControlSaid
from shared.contracts.envelope import Envelope
from shared.db.outbox import envelope_of
from shared.domain.alert_signal import Signal
from shared.domain.controls import Said, Word
from shared.domain.gates.controls import Scope
from shared.domain.ids import (
    AccountId,
    CommandId,
    ConnectionId,
    SignalId,
    StrategyId,
    UserId,
    event_id,
)
from shared.domain.rules import StrategyRules
from shared.domain.rules.bracket import plain_bracket
from shared.domain.signal_json import signal_to_json
from shared.domain.strategy import SizeFrom, Strategy
from shared.ports.broker import ContractInfo
from shared.ports.clock import Clock
from shared.ports.ledger import Command
from tests.simulation.rows import (
    AccountRow,
    BalanceRow,
    CommandRow,
    ConnectionRow,
    ControlRow,
    DecisionRow,
    DriftRow,
    LeaseRow,
    LinkRow,
    OrderRow,
    PositionRow,
    PriceRow,
    ResultRow,
    RiskRow,
    SessionRow,
    SignalRow,
    StandingRow,
    StrategyRow,
    ValueRow,
)
from tests.simulation.tables import Fills, Intents, Numbers, Table, Undo


class Store:
    """One instance is one database; it outlives the processes of a simulation."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.undo = undo = Undo()
        self.users: list[UserId] = []
        self.connections: Table[ConnectionId, ConnectionRow] = Table(undo)
        self.accounts: Table[AccountId, AccountRow] = Table(undo)
        self.strategies: Table[StrategyId, StrategyRow] = Table(undo)
        self.links: Table[tuple[StrategyId, AccountId], LinkRow] = Table(undo)
        self.signals: Table[SignalId, SignalRow] = Table(undo)
        self.commands: Table[CommandId, CommandRow] = Table(undo)
        self.controls: Table[int, ControlRow] = Table(undo)
        self.decisions: Table[tuple[SignalId, AccountId], DecisionRow] = Table(undo)
        self.decided: Table[SignalId, bool] = Table(undo)
        self.intents = Intents(undo)
        self.orders: Table[tuple[AccountId, int], OrderRow] = Table(undo)
        self.fills = Fills(undo)
        self.positions: Table[tuple[AccountId, str, int], PositionRow] = Table(undo)
        self.balances: Table[AccountId, BalanceRow] = Table(undo)
        self.drifts: Table[int, DriftRow] = Table(undo)
        self.risk: Table[AccountId, RiskRow] = Table(undo)
        self.standings: Table[tuple[str, int], StandingRow] = Table(undo)
        self.prices: Table[tuple[ConnectionId, str], PriceRow] = Table(undo)
        self.values: Table[AccountId, ValueRow] = Table(undo)
        self.leases: Table[ConnectionId, LeaseRow] = Table(undo)
        self.sessions: Table[ConnectionId, SessionRow] = Table(undo)
        self.contracts: Table[tuple[str, str], ContractInfo] = Table(undo)
        self.results: Table[CommandId, ResultRow] = Table(undo)
        self.outbox: Table[UUID, Envelope] = Table(undo)
        self._numbers = {name: Numbers() for name in ("user", "connection", "account")}
        self._numbers |= {name: Numbers() for name in ("strategy", "signal", "command", "control")}
        self._numbers |= {"drift": Numbers()}

    def savepoint(self) -> Callable[[], None]:
        """Returns what takes back everything from here on, numbers included; one at a time."""
        numbers = {name: each.last for name, each in self._numbers.items()}
        take_back = self.undo.savepoint()

        def all_back() -> None:
            take_back()
            for name, last in numbers.items():
                self._numbers[name].last = last

        return all_back

    def _next(self, what: str) -> int:
        return self._numbers[what].next()

    def add_user(self) -> UserId:
        self.users.append(UserId(self._next("user")))
        return self.users[-1]

    def add_connection(
        self, user: UserId, login_name: str = "ann", environment: str = "paper"
    ) -> ConnectionId:
        key = ConnectionId(self._next("connection"))
        self.connections.put(key, ConnectionRow(key, user, environment, login_name))
        return key

    def add_account(self, connection: ConnectionId, broker_account_id: int, name: str) -> AccountId:
        key = AccountId(self._next("account"))
        user = self.connections.one(connection).user_id
        self.accounts.put(key, AccountRow(key, user, connection, broker_account_id, name))
        return key

    def add_strategy(
        self,
        user: UserId,
        name: str,
        *,
        symbol: str | None = "NQ1!",
        take_profit_ticks: int | None = None,
        stop_loss_ticks: int | None = None,
    ) -> StrategyId:
        key = StrategyId(self._next("strategy"))
        strategy = Strategy(
            id=key,
            user_id=user,
            name=name,
            symbol=symbol,
            active=True,
            position_size=1,
            position_add=1,
            size_from=SizeFrom.SIGNAL,
            rules=StrategyRules(bracket=plain_bracket(take_profit_ticks, stop_loss_ticks)),
        )
        self.strategies.put(key, StrategyRow(strategy))
        return key

    def link(
        self, strategy: StrategyId, account: AccountId, multiplier: Decimal | None = None
    ) -> None:
        self.links.put((strategy, account), LinkRow(strategy, account, multiplier=multiplier))

    def switch_login(self, connection: ConnectionId, *, enabled: bool) -> None:
        row = self.connections.one(connection)
        self.connections.put(connection, replace(row, enabled=enabled))

    def accept_signal(self, strategy: StrategyId, signal: Signal) -> SignalId:
        """As the webhook leaves it: committed and undecided. Ringing the bell is the caller's."""
        key = SignalId(self._next("signal"))
        content = signal_to_json(signal)
        self.signals.put(key, SignalRow(key, strategy, key, content, self.clock.now()))
        return key

    def tell(self, event: Envelope) -> None:
        """An event of api's, committed with what it tells of."""
        self.outbox.put(event.id, event)

    def ask(self, user: UserId, kind: str, detail: Mapping[str, object]) -> CommandId:
        """A committed wish, as api and the command line write it."""
        return self._wish(user, kind, detail)

    def _wish(self, user: UserId, kind: str, detail: Mapping[str, object]) -> CommandId:
        key = CommandId(self._next("command"))
        row = CommandRow(Command(key, user, kind, dict(detail)), self.clock.now())
        self.commands.put(key, row)
        return key

    def say(
        self, user: UserId | None, scope: Scope, scope_id: int, word: Word, reason: str = "test"
    ) -> int:
        """As `shared.db.controls.say`: a kill asks for everything in its scope to be closed."""
        key = self._next("control")
        said = Said(scope, scope_id, word, reason, self.clock.now())
        self.controls.put(key, ControlRow(key, user, said))
        if word is Word.KILL:
            narrowed = {Scope.ACCOUNT: "account_id", Scope.STRATEGY: "strategy_id"}
            detail: dict[str, object] = {narrowed[scope]: scope_id} if scope in narrowed else {}
            if scope is not Scope.STRATEGY:
                detail["every_owner"] = True
            trading = {row.user_id for row in self.accounts.rows()}
            for owner in (
                [each for each in self.users if each in trading] if user is None else [user]
            ):
                self._wish(owner, "close", detail)
        self._tell_control(key, user, said)
        return key

    def _tell_control(self, key: int, user: UserId | None, said: Said) -> None:
        body = ControlSaid(
            control_id=key,
            scope=said.scope.value,
            scope_id=said.scope_id,
            word=said.word.value,
            reason=said.reason,
            said_by="test",
            at=said.at,
        )
        event = envelope_of(
            body,
            event_id=event_id(body.type, str(key)),
            correlation_id=f"control:{key}",
            user_id=user,
            aggregate=f"control:{key}",
            occurred_at=said.at,
        )
        self.outbox.put(event.id, event)

    def next_drift(self) -> int:
        return self._next("drift")

    def connection_of(self, account: AccountId) -> ConnectionId:
        return self.accounts.one(account).connection_id
