"""What happens by the calendar: the record of it, as execution needs it.

Each operation is one transaction. What is due is computed by pure code from what stands there, and
every order and event carries an id computed from its cause: whoever looks again changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from shared.contracts.envelope import Envelope
from shared.contracts.registry import EventBody
from shared.domain.ids import AccountId, StrategyId, UserId
from shared.domain.order import IntentState, OrderIntent
from shared.domain.roll_orders import Distance
from shared.domain.rules import AccountRules, StrategyRules, Watchdog
from shared.ports.ledger import Lease


@dataclass(frozen=True, slots=True)
class Holding:
    """What a strategy holds in one contract of an account; 0 where only an entry works for it.

    `began_at` is when its newest entry that filled or may still fill was made; what the price alone
    asked for is nobody's word and does not count. `ruled_since` is when somebody last changed the
    strategy or the account.
    """

    user_id: UserId
    account_id: AccountId
    strategy_id: StrategyId
    contract: str
    root: str
    net_qty: int
    began_at: datetime
    symbol: str | None
    may_enter: bool
    rules: StrategyRules
    account_rules: AccountRules
    ruled_since: datetime


@dataclass(frozen=True, slots=True)
class RollExit:
    """The exit of a roll, once it has ended, and what has come after it.

    `held` counts what its owner holds in the root, `is_overtaken` that the strategy has heard an
    alert or something else has acted for it since. `distances` are of the legs that worked, from
    where the exit filled.
    """

    exit: OrderIntent
    root: str
    state: IntentState
    code: str | None
    filled_contracts: int
    ended_at: datetime
    entry_state: IntentState | None
    entry_code: str | None
    held: int
    is_overtaken: bool
    symbol: str | None
    may_enter: bool
    distances: tuple[Distance, ...]


@dataclass(frozen=True, slots=True)
class Watched:
    """A strategy whose owner wants to hear of silence."""

    id: StrategyId
    user_id: UserId
    symbol: str | None
    watchdog: Watchdog
    heard_at: datetime | None
    ruled_since: datetime


@dataclass(frozen=True, slots=True)
class News:
    """An event of a user; `key` makes its id, so that it is told once."""

    user_id: UserId
    body: EventBody
    key: str
    about: str


@dataclass(frozen=True, slots=True)
class Duty:
    """Orders of one account and what is told with them.

    Orders that exist are not made again, and then nothing is told either.
    """

    root: str = ""
    intents: tuple[OrderIntent, ...] = ()
    news: tuple[News, ...] = ()


@dataclass(frozen=True, slots=True)
class Kept:
    """What was written; `is_waiting` when a roll is not through yet."""

    events: tuple[Envelope, ...]
    has_planned: bool
    is_waiting: bool = False


class Agenda(Protocol):
    async def keep(self, held: Sequence[Lease], due: Callable[[Holding], Iterable[Duty]]) -> Kept:
        """Ask `due` of everything held or worked for in these logins, and write what it says."""

    async def follow(self, held: Sequence[Lease], after: Callable[[RollExit], Duty | None]) -> Kept:
        """Ask `after` of the rolls of these logins whose exits ended within a day."""

    async def watch(self, silent: Callable[[Watched], Iterable[News]]) -> list[Envelope]:
        """Ask `silent` of every strategy that is on and has a watchdog."""
