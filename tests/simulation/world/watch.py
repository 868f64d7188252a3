"""What an onlooker measures while a world lives: at the venue, and in the record's open ends.

Times count only while nothing disturbs the login: whoever drives it has been there, with its
network and a venue that answers, for as long as a recovery may take.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any, Final

from paper import rows
from shared.domain.ids import AccountId, IntentId
from shared.domain.order import IntentState
from tests.simulation.world.owners import Owned, Owners
from tests.simulation.world.street import Seat, Street

RECOVERY_S: Final = 10.0
NAKED_S_MAX: Final = 3.5  # three seconds of the promise, and the way there and back
ORPHAN_S_MAX: Final = 3.5
UNEVEN_S_MAX: Final = 3.5
UNKNOWN_S_MAX: Final = 32.0
STUCK_S_MAX: Final = 45.0
EVERY_S: Final = 0.25
FINAL: Final = frozenset({"Canceled", "Completed", "Expired", "Filled", "Rejected"})

Key = tuple[int, int, int]  # venue's account, venue's contract, strategy


@dataclass(frozen=True, slots=True)
class Live:
    """An order of ours that may still trade."""

    order_id: int
    owner: Owned
    contract: int
    sign: int
    kind: str
    left: int
    works: bool  # shown to the market: not one that waits for its parent

    @property
    def closes(self) -> bool:
        return not self.owner.is_entry


@dataclass(slots=True)
class Spells:
    """How long each thing has lasted undisturbed; the longest ends are kept by name."""

    limit_s: float
    what: str
    lasting: dict[Any, float] = field(default_factory=dict)
    worst_s: float = 0.0

    def take(self, now: set[Any], passed_s: float, calm: Any) -> list[Any]:
        """Those that pass the limit by this step."""
        over = []
        lasting = {}
        for key in sorted(now, key=str):
            before_s = self.lasting.get(key, 0.0)
            if not calm(key):
                lasting[key] = 0.0
                continue
            lasting[key] = before_s + (passed_s if key in self.lasting else 0.0)
            self.worst_s = max(self.worst_s, lasting[key])
            if before_s <= self.limit_s < lasting[key]:
                over.append(key)
        self.lasting = lasting
        return over


class Watch:
    def __init__(self, street: Street) -> None:
        self._street = street
        self.owners = Owners(street.venue, street.store)
        self.meddled_in: set[int] = set()  # accounts in which others traded or took fills back
        self._calm_from_s: defaultdict[str, float] = defaultdict(lambda: RECOVERY_S / 2)
        self._drives: dict[str, tuple[str, int]] = {}
        self._live: dict[int, set[int]] = {each.venue_account: set() for each in street.seats}
        self._newest: Counter[int] = Counter()
        self._net: Counter[Key] = Counter()
        self._fills_seen: Counter[int] = Counter()
        self._seat_of = {each.venue_account: each for each in street.seats}
        self._naked = Spells(NAKED_S_MAX, "without its stop")
        self._orphans = Spells(ORPHAN_S_MAX, "flat, and an exit works")
        self._uneven = Spells(UNEVEN_S_MAX, "covered by more than is held")
        self._unknown = Spells(UNKNOWN_S_MAX, "in doubt")
        self._stuck = Spells(STUCK_S_MAX, "neither sent nor ended")
        self._doubted: set[IntentId] = set()
        self._recorded = 0
        self._looked_s = street.clock.monotonic()
        street.journal.onlookers.append(self._stirred)
        self._task = asyncio.create_task(self._run())

    def close(self) -> None:
        self._task.cancel()
        told = self._street.told
        for spells in (self._naked, self._orphans, self._uneven, self._unknown):
            if spells.worst_s > 0:
                told[f"ms worst {spells.what}"] = round(spells.worst_s * 1000)

    # ---- what disturbs

    def disturbed(self, what: str, for_s: float) -> None:
        until_s = self._street.clock.monotonic() + for_s + RECOVERY_S
        self._calm_from_s[what] = max(self._calm_from_s[what], until_s)

    def healed(self) -> None:
        """Recovery of everything begins now."""
        now_s = self._street.clock.monotonic()
        for what in [*self._calm_from_s]:
            self._calm_from_s[what] = min(self._calm_from_s[what], now_s + RECOVERY_S)

    def meddled(self, account: int) -> None:
        self.meddled_in.add(account)
        self.disturbed(f"account {account}", 0.0)

    def _is_calm(self, account: int) -> bool:
        now_s, seat = self._street.clock.monotonic(), self._seat_of[account]
        lease = self._street.store.leases.get(self._street.connections[seat.login])
        if lease is None or lease.expires_at <= self._street.clock.now():
            return False
        machine = lease.holder.partition("-")[0]
        if now_s < self._street.notes.resting.get(seat.login, now_s):
            return False
        return all(
            self._calm_from_s[what] <= now_s
            for what in ("venue", machine, seat.login, f"account {account}")
        )

    def _note_disturbances(self) -> None:
        street = self._street
        if street.venue.faults.are_armed:
            self.disturbed("venue", -2.0)
        for login, connection in street.connections.items():
            lease = street.store.leases.get(connection)
            if lease is None:
                continue
            drives = (lease.holder, lease.epoch)
            if self._drives.get(login) != drives:
                if login in self._drives:
                    street.told["lease moves"] += 1
                self._drives[login] = drives
                self.disturbed(login, 0.0)

    # ---- looking

    async def _run(self) -> None:
        while True:
            await self._street.clock.sleep(EVERY_S)
            self._note_disturbances()
            self._look_at_time()
            self._look_at_record()

    def _stirred(self, account: int) -> None:
        if account in self._live:
            self._read(account)
            self._check_limit(account)

    def _read(self, account: int) -> None:
        """Take in new orders and fills of the venue."""
        store, live = self._street.venue.store, self._live[account]
        newest = self._newest[account]
        for order in reversed(list(store.of_account(rows.Order, account))):
            if order.id <= newest:
                break
            live.add(order.id)
            self._newest[account] = max(self._newest[account], order.id)
        live -= {each for each in live if store.must(rows.Order, each).ord_status in FINAL}
        fills = list(store.of_account(rows.Fill, account))
        if account in self.meddled_in:
            for key in [key for key in self._net if key[0] == account]:
                del self._net[key]
            self._fills_seen[account] = 0
        for fill in fills[self._fills_seen[account] :]:
            owner = self.owners.of(fill.order_id)
            if owner is not None and fill.active:
                key = (account, fill.contract_id, owner.strategy)
                signed = fill.qty if fill.action == "Buy" else -fill.qty
                if not owner.is_entry and signed * self._net[key] >= 0:
                    self._check_flip(key)
                self._net[key] += signed
        self._fills_seen[account] = len(fills)

    def _check_flip(self, key: Key) -> None:
        """Two legs may stand for one contract for a call, or until a dead process is replaced.

        Where fills come in parts, until the rest of one moment has come, too.
        """
        if self._street.plan.partial is not None:
            return
        lasted_s = self._uneven.lasting.get(key, 0.0)
        if lasted_s >= EVERY_S and self._is_calm(key[0]) and key[0] not in self.meddled_in:
            self._found(f"O7 {self._name(key)} was flipped, covered twice for {lasted_s:.2f} s")

    def _orders(self, account: int) -> list[Live]:
        store, scribe = self._street.venue.store, self._street.venue.trading.scribe
        found = []
        for order_id in sorted(self._live[account]):
            order, owner = store.must(rows.Order, order_id), self.owners.of(order_id)
            if owner is None or order.ord_status in FINAL:
                continue
            version = scribe.version_of(order_id)
            found.append(
                Live(
                    order_id,
                    owner,
                    order.contract_id,
                    1 if order.action == "Buy" else -1,
                    version.order_type,
                    version.order_qty - scribe.filled_qty(order_id),
                    order.ord_status != "Suspended",
                )
            )
        return found

    def works(self) -> bool:
        """Whether any order of ours is left."""
        return any(self._orders(account) for account in self._live)

    def net_of(self, account: int) -> dict[Key, int]:
        return {key: net for key, net in self._net.items() if key[0] == account and net}

    def _check_limit(self, account: int) -> None:
        """No position beyond what the account may hold, however it came about."""
        seat = self._seat_of[account]
        limits = self._street.plan.seats[self._street.seats.index(seat)].rules.limits
        most = limits.max_position_contracts
        if most is None or account in self.meddled_in:
            return
        by_contract: Counter[int] = Counter()
        for (_, contract, _), net in self.net_of(account).items():
            by_contract[contract] += net
        held = sum(abs(net) for net in by_contract.values())
        if held > most:
            self._found(f"O10 {seat.name} holds {held} where {most} are allowed")

    def _look_at_time(self) -> None:
        now_s = self._street.clock.monotonic()
        passed_s, self._looked_s = now_s - self._looked_s, now_s
        naked: set[Key] = set()
        orphans: set[tuple[int, int]] = set()
        uneven: set[Key] = set()
        for account in self._live:
            orders = self._orders(account)
            nets = self.net_of(account)
            for key, net in nets.items():
                covered = self._covered(orders, key, net)
                leaving = self._leaving(orders, key, net)
                if (
                    covered + leaving < abs(net)
                    and self._wants_stop(key)
                    and account not in self.meddled_in
                ):
                    naked.add(key)
                if covered > abs(net) + self._entering(orders, key):
                    uneven.add(key)
            orphans |= {
                (account, each.order_id)
                for each in orders
                if each.closes
                and each.works
                and not nets.get((account, each.contract, each.owner.strategy))
                and not self._entering(orders, (account, each.contract, each.owner.strategy))
            }
        for spells, now in ((self._naked, naked), (self._orphans, orphans), (self._uneven, uneven)):
            for key in spells.take(now, passed_s, lambda key: self._is_calm(key[0])):
                self._found(f"{_CODES[spells.what]} {self._name(key)} is {spells.what}")

    def _covered(self, orders: list[Live], key: Key, net: int) -> int:
        return sum(
            each.left
            for each in orders
            if each.closes
            and each.works
            and each.kind in ("Stop", "TrailingStop")
            and (each.contract, each.owner.strategy) == key[1:]
            and each.sign * net < 0
        )

    def _entering(self, orders: list[Live], key: Key) -> int:
        """What an entry may still add: the legs of one that fills in parts work for all of it."""
        return sum(
            each.left
            for each in orders
            if each.owner.is_entry and (each.contract, each.owner.strategy) == key[1:]
        )

    def _leaving(self, orders: list[Live], key: Key, net: int) -> int:
        """What an exit at the venue is about to close: it has no stop any more, and needs none."""
        return sum(
            each.left
            for each in orders
            if each.closes
            and each.kind == "Market"
            and (each.contract, each.owner.strategy) == key[1:]
            and each.sign * net < 0
        )

    def _wants_stop(self, key: Key) -> bool:
        """A strategy with a stop; an exit that is at the broker already has taken it away."""
        strategy = self._street.store.strategies.one(_strategy(key)).strategy
        if strategy.rules.bracket.stop is None:
            return False
        return not any(
            row.role.ends
            and row.state in (IntentState.SENDING, IntentState.UNKNOWN)
            and row.intent.strategy_id == key[2]
            for row in self._street.store.intents.open()
        )

    def _look_at_record(self) -> None:
        """Open ends of the record, and that nothing recorded is ever lost again."""
        store, passed_s = self._street.store, EVERY_S
        doubt, stuck = set(), set()
        for row in store.intents.open():
            if row.state is IntentState.UNKNOWN and not row.is_leg:
                doubt.add((self._venue_account(row.account_id), row.id))
            if row.state is IntentState.SENDING:
                stuck.add((self._venue_account(row.account_id), row.id))
        self._note_doubt(doubt)
        for spells, now in ((self._unknown, doubt), (self._stuck, stuck)):
            for key in spells.take(now, passed_s, lambda key: self._is_calm(key[0])):
                if not self._is_quarantined(key[0]):
                    self._found(f"O6 intent {key[1]} has been {spells.what} for too long")
        if len(store.fills) < self._recorded:
            self._found("R5 a recorded fill is gone")
        self._recorded = len(store.fills)

    def _note_doubt(self, doubt: set[tuple[int, IntentId]]) -> None:
        """Counts what came into doubt, and how each doubt ended."""
        told = self._street.told
        now = {key for _, key in doubt}
        told["unknown"] += len(now - self._doubted)
        for key in self._doubted - now:
            told[f"unknown -> {self._street.store.intents.one(key).state}"] += 1
        self._doubted = now

    def _is_quarantined(self, account: int) -> bool:
        risk = self._street.store.risk.get(self._seat_of[account].account)
        return risk is not None and risk.quarantined_at is not None

    def _venue_account(self, account: AccountId) -> int:
        return self._street.store.accounts.one(account).broker_account_id

    def _name(self, key: tuple[int, ...]) -> str:
        seat: Seat = self._seat_of[key[0]]
        return f"{seat.name} {key[1:]}"

    def _found(self, what: str) -> None:
        at_s = self._street.clock.monotonic()
        self._street.found.append(f"{what} at {at_s:.2f} s")


_CODES: Final = {
    "without its stop": "O9",
    "flat, and an exit works": "O8",
    "covered by more than is held": "O8",
}


def _strategy(key: Key) -> Any:
    return key[2]
