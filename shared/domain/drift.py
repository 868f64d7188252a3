"""Two books of one contract in one account, and a name for each way in which they part.

What our owners believe is the sum of the fills of their own orders; trades of others stand beside
them as EXTERNAL; the broker's net is the truth about the sum. A drift has a kind, the compared
values and a plain sentence. The same difference is the same value at every look.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from shared.domain.ids import AccountId, StrategyId
from shared.domain.rules.drift import DriftPolicy

NOBODY: Final = StrategyId(0)
# So many looks without it in a row, and a difference is over.
CLEAN_LOOKS: Final = 2
CLEAN_EVERY: Final = timedelta(seconds=1)


class DriftKind(StrEnum):
    """The public code of a drift."""

    MANUAL_EXIT = "drift.manual_exit"
    MANUAL_ENTRY = "drift.manual_entry"
    QUANTITY = "drift.quantity"
    UNKNOWN_POSITION = "drift.unknown_position"
    FILL_BUSTED = "drift.fill_busted"
    TARGET_MISSED = "drift.target_missed"
    FOREIGN_ORDER = "drift.foreign_order"

    @property
    def holds_entries(self) -> bool:
        """Whether no entry of the root is taken under the mildest policy already.

        A target that was missed is mended by the strategy's next alert, which must not be held up;
        an order of somebody else has not traded yet.
        """
        return self not in (DriftKind.TARGET_MISSED, DriftKind.FOREIGN_ORDER)


_SAYS: Final = {
    DriftKind.MANUAL_EXIT: "{closed} of {book} {contract} were closed by somebody else's order; "
    "{left} are left.",
    DriftKind.MANUAL_ENTRY: "Somebody else's orders hold {external} {contract} in this account.",
    DriftKind.QUANTITY: "The broker holds {broker} {contract}, our fills sum to {books}.",
    DriftKind.UNKNOWN_POSITION: "The broker holds {broker} {contract}, and we know of no fill.",
    DriftKind.FILL_BUSTED: "The broker took {busted} filled {contract} back; {book} are left.",
    DriftKind.TARGET_MISSED: "The last alert asked to be {asked}, and the book of the strategy "
    "holds {book} {contract}.",
    DriftKind.FOREIGN_ORDER: "{orders} orders that are not ours work in {contract}.",
}


@dataclass(frozen=True, slots=True)
class OwnBook:
    """What one strategy believes. `target_side` is 1, 0 or -1 as its last alert asked.

    None: the last alert did not say, has not been carried out yet, or something of our own (a
    stop, a guard, a person's command) has traded since.
    """

    strategy_id: StrategyId
    net_qty: int
    policy: DriftPolicy = DriftPolicy.ALARM
    busted_qty: int = 0
    target_side: int | None = None


@dataclass(frozen=True, slots=True)
class TwoBooks:
    """Of one contract in one account. `broker_qty` None: it is not known at this instant."""

    account_id: AccountId
    contract: str
    root: str
    owners: tuple[OwnBook, ...]
    external_qty: int
    broker_qty: int | None = None
    foreign_orders: int = 0

    @property
    def sum_qty(self) -> int:
        return self.external_qty + sum(owner.net_qty for owner in self.owners)


@dataclass(frozen=True, slots=True)
class Drift:
    """`strategy_id` 0: no single strategy's. `compared` says all there is to know of it."""

    kind: DriftKind
    account_id: AccountId
    contract: str
    root: str
    strategy_id: StrategyId
    policy: DriftPolicy
    compared: tuple[tuple[str, str], ...]

    @property
    def message(self) -> str:
        return _SAYS[self.kind].format(contract=self.contract, **dict(self.compared))

    @property
    def place(self) -> tuple[AccountId, str, StrategyId, DriftKind]:
        """Of one of these there is one at a time."""
        return self.account_id, self.contract, self.strategy_id, self.kind

    @property
    def holds_entries(self) -> bool:
        return self.kind.holds_entries or self.policy is DriftPolicy.BLOCK


def drifts_of(books: TwoBooks) -> tuple[Drift, ...]:
    """Every difference that shows, in a stable order."""
    return (*_manual(books), *_net(books), *_of_owners(books), *_foreign(books))


def owner_against(books: TwoBooks) -> OwnBook | None:
    """The one owner that EXTERNAL trades can be given to; None when there is none, or several."""
    holding = [owner for owner in books.owners if owner.net_qty != 0]
    against = [owner for owner in holding if owner.net_qty * books.external_qty < 0]
    some = against or holding or list(books.owners)
    return some[0] if len(some) == 1 else None


def _manual(books: TwoBooks) -> Iterator[Drift]:
    """Trades of others: they close what stands against them first, the rest is a position."""
    external = books.external_qty
    if external == 0:
        return
    against = [owner for owner in books.owners if owner.net_qty * external < 0]
    held = sum(abs(owner.net_qty) for owner in against)
    closed = min(abs(external), held)
    if closed:
        sign = -1 if external > 0 else 1
        compared = {"book": sign * held, "closed": sign * closed, "left": sign * (held - closed)}
        yield _drift(books, DriftKind.MANUAL_EXIT, compared, _one(against))
    rest = abs(external) - closed
    if rest:
        compared = {"external": rest if external > 0 else -rest}
        yield _drift(books, DriftKind.MANUAL_ENTRY, compared, owner_against(books))


def _net(books: TwoBooks) -> Iterator[Drift]:
    if books.broker_qty is None or books.broker_qty == books.sum_qty:
        return
    known = any(owner.net_qty for owner in books.owners) or books.external_qty != 0
    kind = DriftKind.QUANTITY if known else DriftKind.UNKNOWN_POSITION
    yield _drift(books, kind, {"broker": books.broker_qty, "books": books.sum_qty}, None)


def _of_owners(books: TwoBooks) -> Iterator[Drift]:
    for owner in books.owners:
        if owner.busted_qty:
            compared: dict[str, object] = {"busted": owner.busted_qty, "book": owner.net_qty}
            yield _drift(books, DriftKind.FILL_BUSTED, compared, owner)
        side = (owner.net_qty > 0) - (owner.net_qty < 0)
        if owner.target_side is not None and owner.target_side != side:
            asked = {1: "long", 0: "flat", -1: "short"}[owner.target_side]
            compared = {"asked": asked, "book": owner.net_qty}
            yield _drift(books, DriftKind.TARGET_MISSED, compared, owner)


def _foreign(books: TwoBooks) -> Iterator[Drift]:
    if books.foreign_orders:
        yield _drift(books, DriftKind.FOREIGN_ORDER, {"orders": books.foreign_orders}, None)


def _drift(
    books: TwoBooks,
    kind: DriftKind,
    compared: dict[str, object] | dict[str, int],
    who: OwnBook | None,
) -> Drift:
    """What is nobody's in particular is held as strictly as any owner of the place asks for."""
    strict = any(owner.policy is DriftPolicy.BLOCK for owner in books.owners)
    policy = DriftPolicy.BLOCK if strict else DriftPolicy.ALARM
    return Drift(
        kind=kind,
        account_id=books.account_id,
        contract=books.contract,
        root=books.root,
        strategy_id=NOBODY if who is None else who.strategy_id,
        policy=policy if who is None else who.policy,
        compared=tuple(sorted((name, str(value)) for name, value in compared.items())),
    )


def _one(owners: Sequence[OwnBook]) -> OwnBook | None:
    return owners[0] if len(owners) == 1 else None


def followed(shown: Sequence[Drift]) -> tuple[Drift, ...]:
    """Those that their one owner's book follows: what others closed of it, and no more.

    A fill is not split: where somebody closed more than was held, the rest is a position that a
    person has to give to somebody.
    """
    beyond = {
        (drift.account_id, drift.contract)
        for drift in shown
        if drift.kind is DriftKind.MANUAL_ENTRY
    }
    return tuple(
        drift
        for drift in shown
        if drift.kind is DriftKind.MANUAL_EXIT
        and drift.strategy_id != NOBODY
        and drift.policy in (DriftPolicy.FOLLOW, DriftPolicy.HEAL)
        and (drift.account_id, drift.contract) not in beyond
    )


@dataclass(frozen=True, slots=True)
class Standing:
    """A drift that was named and has not ended. `released`: a person lets entries through."""

    id: int
    drift: Drift
    clean_looks: int = 0
    clean_at: datetime | None = None  # the last look without it
    released: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """What a look changes. `looks` are standing ones with their clean looks from now on."""

    opened: tuple[Drift, ...] = ()
    ended: tuple[Standing, ...] = ()
    changed: tuple[Standing, ...] = ()
    looks: tuple[tuple[Standing, int], ...] = ()
    kept: tuple[tuple[Standing, Drift], ...] = ()  # with the policy of now

    @property
    def shown(self) -> tuple[Drift, ...]:
        return (*self.opened, *(drift for _, drift in self.kept))

    @property
    def accounts(self) -> set[AccountId]:
        drifts = [each.drift for each in (*self.ended, *self.changed)]
        drifts += followed(self.shown)
        drifts += [each.drift for each, _ in self.looks]
        return {drift.account_id for drift in (*self.opened, *drifts)}


def settle(standing: Iterable[Standing], found: Iterable[Drift], now: datetime) -> Change:
    """Compare what stands with what shows now. Clean looks count at most once a second.

    Another difference in the same place ends the one before it, released or not: a person let go
    of what was compared then.
    """
    shown = {drift.place: drift for drift in found}
    known, ended, changed = set(), [], []
    kept: list[tuple[Standing, Drift]] = []
    looks: list[tuple[Standing, int]] = []
    for each in standing:
        drift = shown.get(each.drift.place)
        if drift is not None and drift.compared == each.drift.compared:
            known.add(drift.place)
            kept.append((each, drift))
            if each.clean_looks:
                looks.append((each, 0))
        elif drift is not None:
            changed.append(each)
        elif _may_end(each, now) and each.clean_looks + 1 >= CLEAN_LOOKS:
            ended.append(each)
        elif _may_end(each, now):
            looks.append((each, each.clean_looks + 1))
    opened = tuple(drift for place, drift in shown.items() if place not in known)
    return Change(opened, tuple(ended), tuple(changed), tuple(looks), tuple(kept))


def _may_end(standing: Standing, now: datetime) -> bool:
    if standing.drift.policy is DriftPolicy.BLOCK and not standing.released:
        return False
    return standing.clean_at is None or now - standing.clean_at >= CLEAN_EVERY
