"""Books by an arithmetic of their own: integer cents, first in first out, from fills alone."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from paper import rows
from shared.domain.order import Action
from tests.simulation.world.street import Seat, Street
from tests.simulation.world.watch import Watch

_CENTS_PER_QUARTER: Final = {"MES": 125, "MNQ": 50}  # of one contract and one tick
_QUARTER: Final = Decimal("0.25")
_START_CENTS: Final = 10_000_000


@dataclass(frozen=True, slots=True)
class Trade:
    """One fill: signed contracts, the price in quarters of a point, its fee and its day."""

    id: int
    contract: str
    signed: int
    quarters: int
    fee_cents: int
    day: str


def days_of(trades: Iterable[Trade]) -> dict[str, int]:
    """Cents earned by trade date, fees taken off."""
    earned: Counter[str] = Counter()
    held: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
    for trade in trades:
        earned[trade.day] -= trade.fee_cents
        side = 1 if trade.signed > 0 else -1
        queue = held[trade.contract]
        for _ in range(abs(trade.signed)):
            if queue and queue[0][0] != side:
                opened, quarters = queue.pop(0)
                won = (trade.quarters - quarters) * opened
                earned[trade.day] += won * _CENTS_PER_QUARTER[trade.contract[:3]]
            else:
                queue.append((side, trade.quarters))
    return dict(earned)


def wrong_of(street: Street, watch: Watch, seat: Seat) -> Iterator[str]:
    yield from _fills(street, seat)
    yield from _positions(street, seat)
    yield from _owners(street, watch, seat)
    yield from _cash(street, seat)
    yield from _orders(street, seat)


def _fills(street: Street, seat: Seat) -> Iterator[str]:
    """Each fill of the venue is recorded once, as it is there; and no other."""
    ours = {
        fill.broker_fill_id: (
            fill.broker_order_id,
            fill.action.value,
            fill.qty,
            fill.price,
            None if fill.fee_usd is None else _cents(fill.fee_usd),
            fill.active,
        )
        for fill in street.store.fills.rows()
        if fill.account_id == seat.account
    }
    theirs = {
        fill.id: (
            fill.order_id,
            fill.action,
            fill.qty,
            fill.price,
            _fee_cents(street, fill.id),
            fill.active,
        )
        for fill in street.venue.store.of_account(rows.Fill, seat.venue_account)
    }
    for key in sorted(ours.keys() | theirs.keys()):
        if ours.get(key) != theirs.get(key):
            yield f"R1 {seat.name} fill {key}: {ours.get(key)} recorded, {theirs.get(key)} told"


def _positions(street: Street, seat: Seat) -> Iterator[str]:
    """Recorded positions are the sum of recorded fills by owner, and the broker's by contract."""
    recorded: Counter[tuple[str, int]] = Counter()
    for row in street.store.positions.rows():
        if row.account_id == seat.account:
            recorded[row.contract, row.strategy_id] += row.net_qty
    summed: Counter[tuple[str, int]] = Counter()
    for fill in street.store.fills.rows():
        if fill.account_id == seat.account and fill.active:
            sign = 1 if fill.action is Action.BUY else -1
            summed[fill.contract, fill.strategy_id] += sign * fill.qty
    if _some(recorded) != _some(summed):
        yield f"R4 {seat.name}: positions {_some(recorded)}, fills give {_some(summed)}"
    nets: Counter[str] = Counter()
    for (contract, _), net in recorded.items():
        nets[contract] += net
    theirs = Counter(
        {
            street.venue.reference.must(row.contract_id).name: row.net_pos
            for row in street.venue.store.of_account(rows.Position, seat.venue_account)
        }
    )
    if _some(nets) != _some(theirs):
        yield f"R2 {seat.name}: {_some(nets)} recorded, the broker has {_some(theirs)}"


def _owners(street: Street, watch: Watch, seat: Seat) -> Iterator[str]:
    """A fill is its strategy's by the id of its order; what bears none of ours is nobody's."""
    for fill in street.store.fills.rows():
        if fill.account_id != seat.account:
            continue
        owner = watch.owners.of(fill.broker_order_id)
        expected = 0 if owner is None else owner.strategy
        if fill.strategy_id != expected and seat.venue_account not in watch.meddled_in:
            told = f"given to {fill.strategy_id}, and is of {expected}"
            yield f"R6 {seat.name} fill {fill.broker_fill_id} was {told}"


def _cash(street: Street, seat: Seat) -> Iterator[str]:
    """Our fills, paired by us, give the broker's cash log to the cent, day by day."""
    mine = [
        Trade(
            fill.broker_fill_id,
            fill.contract,
            fill.qty if fill.action is Action.BUY else -fill.qty,
            int(fill.price / _QUARTER),
            _cents(fill.fee_usd or Decimal(0)),
            str(fill.trade_date),
        )
        for fill in street.store.fills.rows()
        if fill.account_id == seat.account and fill.active
    ]
    days = days_of(sorted(mine, key=lambda trade: trade.id))
    logged: Counter[str] = Counter()
    for row in street.venue.store.of_account(rows.CashBalanceLog, seat.venue_account):
        if row.fill_id or row.fill_pair_id:
            day = row.trade_date
            logged[f"{day.year:04}-{day.month:02}-{day.day:02}"] += _cents(row.delta)
    if _some(days) != _some(logged):
        yield f"R3 {seat.name}: our fills give {_some(days)}, the cash log {_some(logged)} cents"
    balance = street.store.balances.get(seat.account)
    expected = _START_CENTS + sum(logged.values())
    told = _START_CENTS if balance is None else _cents(balance.cash_usd)
    if told != expected:
        yield f"R3 {seat.name}: a balance of {told} cents is recorded, the log gives {expected}"


def _orders(street: Street, seat: Seat) -> Iterator[str]:
    """No fill is inferred: an intent has filled what its order's fills say."""
    filled: Counter[int] = Counter()
    for fill in street.store.fills.rows():
        if fill.account_id == seat.account and fill.active:
            filled[fill.broker_order_id] += fill.qty
    for row in street.store.intents.rows():
        if row.account_id != seat.account or row.broker_order_id is None:
            continue
        if row.filled_qty != filled[row.broker_order_id]:
            told = f"{row.filled_qty} filled, its fills give {filled[row.broker_order_id]}"
            yield f"R7 {row.role} {row.id}: {told}"


def _fee_cents(street: Street, fill: int) -> int | None:
    row = street.venue.store.get(rows.FillFee, fill)
    if row is None:
        return None
    parts = (row.clearing_fee, row.exchange_fee, row.nfa_fee, row.brokerage_fee, row.ip_fee)
    return _cents(sum((*parts, row.commission, row.order_routing_fee), Decimal(0)))


def _cents(usd: Decimal) -> int:
    cents = usd * 100
    assert cents == int(cents), usd
    return int(cents)


def _some(counted: Counter[tuple[str, int]] | Counter[str] | dict[str, int]) -> dict[object, int]:
    return {key: value for key, value in counted.items() if value}
