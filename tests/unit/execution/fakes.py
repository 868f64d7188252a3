"""Twins of execution's ports that remember what they were told."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import uuid4

from shared.contracts.envelope import Envelope
from shared.db.failures import DatabaseAway
from shared.domain.ids import AccountId, Cause, ConnectionId, IntentId, StrategyId, UserId
from shared.domain.order import Action, OrderIntent, OrderType, Role, TimeInForce
from shared.ports.broker import Accepted, Fact, Outcome, PlaceRequest, StrategyRequest
from shared.ports.ledger import AccountRef, Claimed


class FakeClock:
    """Time passes when somebody sleeps."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def now(self) -> datetime:
        return datetime(2026, 11, 2, 15, tzinfo=UTC) + timedelta(seconds=self.now_s)

    def monotonic(self) -> float:
        return self.now_s

    async def sleep(self, delay_s: float) -> None:
        self.now_s += delay_s


class FakeLedger:
    """Records outcomes and facts; `away` makes the next calls fail as an outage does."""

    def __init__(self) -> None:
        self.outcomes: list[tuple[IntentId, Outcome]] = []
        self.applied: list[Sequence[Fact]] = []
        self.away = 0

    def _outage(self) -> None:
        if self.away > 0:
            self.away -= 1
            raise DatabaseAway("db.unreachable", "The database is away.")

    async def record(self, intent: IntentId, outcome: Outcome) -> list[Envelope]:
        self._outage()
        self.outcomes.append((intent, outcome))
        return []

    async def apply(self, login: ConnectionId, told: Sequence[Fact]) -> list[Envelope]:
        self._outage()
        self.applied.append(tuple(told))
        return []


class FakeBroker:
    def __init__(self, outcome: Outcome | Exception | None = None) -> None:
        self.outcome = Accepted(1) if outcome is None else outcome
        self.placed: list[PlaceRequest] = []
        self.started: list[StrategyRequest] = []

    async def place(self, request: PlaceRequest) -> Outcome:
        self.placed.append(request)
        return self._answer()

    async def start(self, request: StrategyRequest) -> Outcome:
        self.started.append(request)
        return self._answer()

    def _answer(self) -> Outcome:
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


class FakeLogin:
    def __init__(self, broker: FakeBroker) -> None:
        self.broker = broker


class FakeLogins:
    def __init__(self, broker: FakeBroker | None) -> None:
        self._login = None if broker is None else FakeLogin(broker)

    def get(self, connection: ConnectionId) -> FakeLogin | None:
        return self._login


def claimed() -> Claimed:
    entry = OrderIntent(
        id=IntentId(uuid4()),
        user_id=UserId(1),
        account_id=AccountId(1),
        strategy_id=StrategyId(1),
        signal_id=None,
        cause=Cause.SIGNAL,
        cause_id=1,
        role=Role.ENTRY,
        leg="entry",
        attempt=1,
        action=Action.BUY,
        qty_contracts=2,
        order_type=OrderType.MARKET,
        contract="NQZ6",
        time_in_force=TimeInForce.DAY,
        price=None,
        stop_price=None,
        offset_ticks=None,
        reference_price=Decimal(20000),
        parent=None,
        after=None,
        expires_at=None,
    )
    account = AccountRef(AccountId(1), UserId(1), 900, "PAPER1")
    return Claimed(entry, (), ConnectionId(1), account, Decimal("0.25"))
