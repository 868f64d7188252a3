"""A world over two records: whatever its processes ask the twin, PostgreSQL is asked, too.

    process -> MirroredLedger -> TwinLedger            both at the same instant, with the same
                              -> PostgresLedger        arguments; answers and refusals are compared
    api     -> MirroredStore  -> Store, and its tables in PostgreSQL

As long as every answer is equal the world's life is the same over PostgreSQL alone, and what its
oracle says of the twin it says of both. At its end all tables are compared. After a first
difference only the twin goes on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from execution.ledger import PostgresLedger
from shared.contracts.envelope import Envelope
from shared.domain.alert_signal import Signal
from shared.domain.controls import Word
from shared.domain.gates.controls import Scope
from shared.domain.ids import CommandId, SignalId, StrategyId, UserId
from tests.contract.ledger.history import differences
from tests.contract.ledger.plain import said
from tests.contract.ledger.twin_world import rows_of
from tests.contract.ledger.world import TABLES
from tests.simulation.store import Store
from tests.simulation.twin import TwinLedger
from tests.simulation.virtual_loop import VirtualClock
from tests.simulation.world.beside import Beside
from tests.simulation.world.house import House
from tests.simulation.world.life import Outcome, lived
from tests.simulation.world.plan import Plan
from tests.simulation.world.process import Build
from tests.simulation.world.street import Street

# Of these the port promises no order.
UNORDERED: Final = frozenset({"undecided", "naked"})
_SHOWN_MAX: Final = 1_500


@dataclass(slots=True)
class Mirror:
    """One world's; the house is used again by the next."""

    house: House
    beside: Beside
    twin: Callable[[Store], TwinLedger] = TwinLedger
    calls: Counter[str] = field(default_factory=Counter)
    _parted: list[str] = field(default_factory=list)
    _store: Store | None = None

    def lived(self, seed: int | Plan, kept_lines: int = 0) -> Outcome:
        """As `life.lived`; the same life, with how often each operation was compared."""
        build = Build(new_store=self._new_store, new_ledger=self._new_ledger, parted=self._ended)
        outcome = lived(seed, build, kept_lines)
        outcome.counts.update(self.calls)
        return outcome

    def _new_store(self, clock: VirtualClock) -> Store:
        return MirroredStore(clock, self)

    def _new_ledger(self, street: Street) -> Any:
        if self._store is None:
            self._store = street.store
            self.beside.run(self.house.begin(street.clock.now(), street.store))
        real = PostgresLedger(self.house.engine, street.clock)
        return MirroredLedger(self.twin(street.store), real, self)

    def _ended(self, _street: Street) -> list[str]:
        if not self._parted:
            self._compare_tables("at the end")
        return self._parted

    def compare(
        self, name: str, twins: Any, failed: Exception | None, call: Callable[[], Awaitable[Any]]
    ) -> None:
        """What PostgreSQL answers must be that; `failed`: it must refuse, too."""
        if self._store is None or self._parted:
            return
        real, real_failed = self._asked(call)
        self.calls[f"both {name}" if failed is None else f"both refused {name}"] += 1
        found, expected = said(twins), said(real)
        if name in UNORDERED and failed is None and real_failed is None:
            found, expected = sorted(found, key=str), sorted(expected, key=str)
        if (failed is None) == (real_failed is None) and found == expected:
            return
        self._part(f"parted: {name} twin {_shown(found, failed, expected)}")
        self._part(f"PostgreSQL {_shown(expected, real_failed, found)}")
        self._compare_tables(f"after {name}")

    def _asked(self, call: Callable[[], Awaitable[Any]]) -> tuple[Any, Exception | None]:
        assert self._store is not None
        try:
            return self.beside.run(self.house.at(self._store.clock.now(), call)), None
        except Exception as error:  # noqa: BLE001 - whatever one refuses, the other must refuse
            return None, error

    def _compare_tables(self, when: str) -> None:
        if self._store is None:
            return
        store, real = self._store, self.beside.run(self.house.tables())
        parted = differences({name: rows_of(store, name) for name in TABLES}, real)
        for table, (twins, reals, *_) in parted.items():
            self._part(f"parted: {table} {when}: twin {twins}, PostgreSQL {reals}")

    def _part(self, told: str) -> None:
        self._parted.append(told[:_SHOWN_MAX])


def _shown(answer: Any, failed: Exception | None, other: Any) -> str:
    """Of a list only what the other has not."""
    if failed is not None:
        return f"refused {failed!r}"
    if isinstance(answer, list) and isinstance(other, list):
        rest = [each for each in answer if each not in other]
        return f"{rest} of {len(answer)}" if rest else f"{answer} (another order)"
    return str(answer)


class MirroredLedger:
    """The twin, with each operation done in PostgreSQL as well. It grows with the port by itself.

    The real ledger asks the same callbacks again, from the other thread, while this one stands.
    """

    def __init__(self, twin: TwinLedger, real: PostgresLedger, mirror: Mirror) -> None:
        self._twin = twin
        self._real = real
        self._mirror = mirror

    def __getattr__(self, name: str) -> Any:
        twins, reals = getattr(self._twin, name), getattr(self._real, name)

        async def operation(*args: Any, **kwargs: Any) -> Any:
            answer, failed = None, None
            try:
                answer = await twins(*args, **kwargs)
            except Exception as error:  # noqa: BLE001 - whatever one refuses, the other must refuse
                failed = error
            self._mirror.compare(name, answer, failed, lambda: reals(*args, **kwargs))
            if failed is not None:
                raise failed
            return answer

        setattr(self, name, operation)
        return operation


class MirroredStore(Store):
    """What api does to the twin's tables it does to PostgreSQL's."""

    def __init__(self, clock: VirtualClock, mirror: Mirror) -> None:
        super().__init__(clock)
        self._mirror = mirror

    def accept_signal(self, strategy: StrategyId, signal: Signal) -> SignalId:
        key = super().accept_signal(strategy, signal)
        row, user = self.signals.one(key), self.strategies.one(strategy).strategy.user_id
        house = self._mirror.house
        self._mirror.compare("accept_signal", key, None, lambda: house.accept(row, user))
        return key

    def ask(self, user: UserId, kind: str, detail: Mapping[str, object]) -> CommandId:
        key = super().ask(user, kind, detail)
        row, house = self.commands.one(key), self._mirror.house
        self._mirror.compare("ask", key, None, lambda: house.ask(row))
        return key

    def say(
        self, user: UserId | None, scope: Scope, scope_id: int, word: Word, reason: str = "test"
    ) -> int:
        key = super().say(user, scope, scope_id, word, reason)
        house = self._mirror.house
        self._mirror.compare("say", key, None, lambda: house.say(user, scope, scope_id, word))
        return key

    def tell(self, event: Envelope) -> None:
        super().tell(event)
        house = self._mirror.house
        self._mirror.compare("tell", 1, None, lambda: house.tell(event))
