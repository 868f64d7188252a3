"""What is read of accounts at one instant, and the books of a scope made from it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final, Protocol

from shared.domain.ids import AccountId, IntentId, StrategyId
from shared.domain.instruments import PRODUCTS
from shared.domain.ladder import At, Offset, ticks_from
from shared.domain.money import Usd
from shared.domain.order import OrderIntent, Role
from shared.domain.risk.books import Books, Cash, Coming, Holding, StopLeg, Sums

# A price older than this, a quote or the price of a fill of one's own, is none: what a position is
# worth is then not known.
PRICE_FRESH: Final = timedelta(seconds=10)
# The fees of fills from before the running week are told within this time, or never.
FEES_TOLD: Final = timedelta(days=7)
_NOTHING: Final = Usd(0)


class _Owned(Protocol):
    @property
    def account_id(self) -> AccountId: ...
    @property
    def strategy_id(self) -> StrategyId: ...


@dataclass(frozen=True, slots=True)
class HeldFact:
    """What an owner holds; strategy 0 is whoever is not ours. `mark`: where it could be closed."""

    account_id: AccountId
    strategy_id: StrategyId
    contract: str
    root: str
    net_qty: int
    avg_price: Decimal
    mark: Decimal | None
    slippage_ticks: int


@dataclass(frozen=True, slots=True)
class StopFact:
    """A stop that has not ended, with where it stands or will."""

    account_id: AccountId
    strategy_id: StrategyId
    contract: str
    qty_contracts: int
    price: Decimal


@dataclass(frozen=True, slots=True)
class EntryFact:
    """An entry that has not ended. `is_pending`: nothing of it has left us."""

    intent_id: IntentId
    account_id: AccountId
    strategy_id: StrategyId
    root: str
    qty_contracts: int
    stop_ticks: int | None
    slippage_ticks: int
    is_pending: bool


@dataclass(frozen=True, slots=True)
class SumFact:
    """Fills of an owner in a root since the week began: realised less the fees told.

    `untold_contracts` are those whose fee is to come, from before the week too.
    """

    account_id: AccountId
    strategy_id: StrategyId
    root: str
    day_usd: Usd
    week_usd: Usd
    untold_contracts: int


@dataclass(frozen=True, slots=True)
class FillSeen:
    """A fill of trade date `on` that not every scope has been looked at since."""

    account_id: AccountId
    strategy_id: StrategyId
    contract: str
    root: str
    signed_qty: int
    price: Decimal
    fee_usd: Usd  # 0 while it is not told
    at: datetime
    fill_id: int


@dataclass(frozen=True, slots=True)
class RiskFacts:
    """Of some accounts and strategies at one instant of trade date `on`."""

    on: date
    held: tuple[HeldFact, ...] = ()
    stops: tuple[StopFact, ...] = ()
    entries: tuple[EntryFact, ...] = ()
    sums: tuple[SumFact, ...] = ()
    cash: Mapping[AccountId, Cash] = field(default_factory=dict)
    fills: tuple[FillSeen, ...] = ()
    said: Mapping[AccountId, Usd] = field(default_factory=dict)  # open P&L by the broker's word

    def books_of_account(
        self, account: AccountId, *, pending: bool = True, since: datetime | None = None
    ) -> Books:
        """`pending`: entries that have not left us count too. `since`: of the last look."""
        books = self._books(lambda each: each.account_id == account, pending, since)
        return replace(books, cash=self.cash.get(account), said_usd=self.said.get(account))

    def books_of_strategy(
        self, strategy: StrategyId, *, pending: bool = True, since: datetime | None = None
    ) -> Books:
        return self._books(lambda each: each.strategy_id == strategy, pending, since)

    def _books(
        self, mine: Callable[[_Owned], bool], pending: bool, since: datetime | None
    ) -> Books:
        sums = [each for each in self.sums if mine(each)]
        held = [each for each in self.held if mine(each)]
        fills = [e for e in self.fills if since is not None and e.at > since and mine(e)]
        return Books(
            on=self.on,
            day=Sums(sum((each.day_usd for each in sums), _NOTHING)),
            week=Sums(sum((each.week_usd for each in sums), _NOTHING), _untold(sums)),
            held=tuple(map(self._holding, held)),
            coming=tuple(
                Coming(each.root, each.qty_contracts, each.stop_ticks, each.slippage_ticks)
                for each in self.entries
                if mine(each) and (pending or not each.is_pending)
            ),
            swings_usd=swings_usd(held, fills),
        )

    def _holding(self, held: HeldFact) -> Holding:
        owner = (held.account_id, held.strategy_id, held.contract)
        stops = (
            StopLeg(each.qty_contracts, each.price)
            for each in self.stops
            if (each.account_id, each.strategy_id, each.contract) == owner
        )
        return Holding(
            held.root, held.net_qty, held.avg_price, held.mark, tuple(stops), held.slippage_ticks
        )


def swings_usd(held: Sequence[HeldFact], fills: Sequence[FillSeen]) -> tuple[Usd, ...]:
    """The result at each fill less the result now: its contract unwound, all else as it is now.

    Cash moves in and out, so it does not matter which contracts are said to have gone first.
    """
    if any(each.mark is None for each in held):
        return ()
    out: list[tuple[datetime, int, Usd]] = []
    for contract in {each.contract for each in fills}:
        here = [each for each in held if each.contract == contract]
        done = [each for each in fills if each.contract == contract and each.root in PRODUCTS]
        out += _unwound(here, sorted(done, key=lambda each: (each.at, each.fill_id)))
    return tuple(swing for _, _, swing in sorted(out))


def _unwound(
    held: Sequence[HeldFact], fills: Sequence[FillSeen]
) -> Iterator[tuple[datetime, int, Usd]]:
    net = sum(each.net_qty for each in held)
    points = sum((each.net_qty * each.mark for each in held if each.mark is not None), _NOTHING)
    fees = _NOTHING
    for fill in reversed(fills):
        point_value = PRODUCTS[fill.root].point_value
        yield fill.at, fill.fill_id, (net * fill.price - points) * point_value + fees
        net -= fill.signed_qty
        points -= fill.signed_qty * fill.price
        fees += fill.fee_usd


def ticks_to_stop(
    root: str,
    offset_ticks: int | None,
    offset_percent: Decimal | None,
    stop_price: Decimal | None,
    base: Decimal | None,
) -> int | None:
    """How far a stop lies from where its entry will fill, rounded away; None: nobody knows."""
    product = PRODUCTS.get(root)
    if offset_ticks is not None or product is None:
        return offset_ticks
    # One that has its price stands there, wherever its distance would put it.
    place = Offset(percent=offset_percent) if stop_price is None else At(stop_price)
    known = None if place == Offset() else place
    return ticks_from(base, known, Role.STOP_LOSS, product.tick_size)


def _untold(sums: Iterable[SumFact]) -> dict[str, int]:
    out: dict[str, int] = defaultdict(int)
    for each in sums:
        out[each.root] += each.untold_contracts
    return dict(out)


def entry_fact(
    entry: OrderIntent, root: str, legs: Iterable[OrderIntent], rest_qty: int, slippage_ticks: int
) -> EntryFact:
    """An entry with the stops that leave with it: the farthest counts, one unknown above all."""
    base = next(
        (p for p in (entry.price, entry.stop_price, entry.reference_price) if p is not None), None
    )
    found = [
        ticks_to_stop(root, leg.offset_ticks, leg.offset_percent, leg.stop_price, base)
        for leg in legs
        if leg.role is Role.STOP_LOSS
    ]
    known = [ticks for ticks in found if ticks is not None]
    bound = max(known) if known and len(known) == len(found) else None
    return EntryFact(
        entry.id,
        entry.account_id,
        entry.strategy_id,
        root,
        rest_qty,
        bound,
        slippage_ticks,
        is_pending=True,
    )


def with_planned(
    facts: RiskFacts, root: str, intents: Sequence[OrderIntent], slippage_ticks: int
) -> RiskFacts:
    """The facts once these intents of a plan are there, too: the next account is told of them."""
    planned = tuple(
        entry_fact(
            each,
            root,
            [leg for leg in intents if leg.parent == each.id],
            each.qty_contracts,
            slippage_ticks,
        )
        for each in intents
        if each.role is Role.ENTRY
    )
    return replace(facts, entries=(*facts.entries, *planned))


def with_sent(
    facts: RiskFacts, root: str, intents: Sequence[OrderIntent], slippage_ticks: int
) -> RiskFacts:
    """The facts once these entries have left: counted as sent, in place of what they were."""
    ids = {each.id for each in intents}
    others = tuple(each for each in facts.entries if each.intent_id not in ids)
    sent = with_planned(replace(facts, entries=()), root, intents, slippage_ticks).entries
    left = tuple(replace(each, is_pending=False) for each in sent)
    return replace(facts, entries=(*others, *left))
