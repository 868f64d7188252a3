"""What must be true after the week: the venue's journal testifies, our record is accused."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from paper import rows
from shared.domain.order import IntentState, Role
from tests.simulation.rows import DecisionRow, IntentRow
from tests.simulation.week_chronicle import day_of, fee_of
from tests.simulation.week_house import House, Seat

NAKED_S_MAX: Final = 3.5  # three seconds of the promise, and the way there and back
_STARTING_USD: Final = Decimal("100000.00")


async def check(house: House) -> None:
    """Asserts everything; the message tells all that is wrong at once."""
    house.chronicle.contracts = {row.id: row.name for row in house.venue.store.all(rows.Contract)}
    wrong = wrong_of(house)
    assert not wrong, "\n".join(wrong)


def wrong_of(house: House) -> list[str]:
    return [
        *house.found,
        *_signals(house),
        *_orders(house),
        *_exits(house),
        *(each for seat in house.seats for each in _money(house, seat)),
        *house.door.passed(),
        *house.health.check(house.clock.monotonic()),
    ]


# ---- no order lost or doubled


def _signals(house: House) -> Iterator[str]:
    """Each signal one decision for its account, ended with a code, and one entry at most."""
    entries: defaultdict[int, list[IntentRow]] = defaultdict(list)
    for row in house.store.intents.rows():
        if row.role is Role.ENTRY and row.intent.signal_id is not None:
            entries[row.intent.signal_id].append(row)
    decisions: defaultdict[int, list[DecisionRow]] = defaultdict(list)
    for decision in house.store.decisions.rows():
        decisions[decision.signal_id].append(decision)
    for signal in house.store.signals.rows():
        mine = decisions[signal.id]
        if len(mine) != 1 or mine[0].ended_at is None or not mine[0].code:
            yield f"signal {signal.id} of {signal.received_at}: {mine}"
        if len(entries[signal.id]) > 1:
            yield f"signal {signal.id}: {len(entries[signal.id])} entries"
        for entry in entries[signal.id]:
            yield from _entry(house, entry)


def _entry(house: House, row: IntentRow) -> Iterator[str]:
    """What the record says became of it is what the venue has."""
    order = house.chronicle.order_of(str(row.id))
    status = None if order is None else order.ord_status
    match row.state:
        case IntentState.FILLED:
            is_right = status == "Filled"
        case IntentState.REJECTED:
            is_right = status in (None, "Rejected") and row.code is not None
        case IntentState.STALE | IntentState.BLOCKED | IntentState.SKIPPED | IntentState.ABANDONED:
            is_right = status is None and row.code is not None
        case IntentState.CANCELLED | IntentState.EXPIRED:
            is_right = status in ("Canceled", "Expired")
        case _:
            is_right = False
    if not is_right:
        yield f"entry {row.id} of {row.created_at}: {row.state} [{row.code}], venue: {status}"


def _orders(house: House) -> Iterator[str]:
    """Nothing was sent twice, and nothing stands there that we did not send."""
    ours = {str(row.id) for row in house.store.intents.rows()}
    for client_id, times in house.chronicle.news().items():
        if times > 1:
            yield f"{client_id} was ordered {times} times"
        if client_id not in ours:
            yield f"{client_id} is nobody's"


# ---- no exit missing


def _exits(house: House) -> Iterator[str]:
    for (account, since_s), for_s in house.chronicle.naked_s.items():
        if for_s > NAKED_S_MAX:
            yield f"account {account} stood {for_s:.1f} s without its stop from {since_s:.0f} s on"
    for seat in house.seats:
        if house.chronicle.net(seat.venue_account) != 0:
            yield f"{seat.name} is not flat at the end"
        if house.chronicle.working(seat.venue_account):
            yield f"{seat.name}: an exit works for nothing"
    yield from _legs(house)


def _legs(house: House) -> Iterator[str]:
    """An entry that filled had a stop and a target of its size."""
    legs: Counter[int] = Counter(
        order.parent_id for order in house.chronicle.orders.values() if order.parent_id is not None
    )
    for row in house.store.intents.rows():
        order = house.chronicle.order_of(str(row.id)) if row.role is Role.ENTRY else None
        if order is not None and order.ord_status == "Filled" and legs[order.id] != 2:
            yield f"entry {row.id} filled with {legs[order.id]} legs"


# ---- the ledger, to the cent


def _money(house: House, seat: Seat) -> Iterator[str]:
    chronicle = house.chronicle
    days, logged = chronicle.days(seat.venue_account), chronicle.logged(seat.venue_account)
    for day in sorted(days.keys() | logged.keys()):
        if days.get(day, 0) != logged.get(day, 0):
            yield f"{seat.name} {day}: fills give {days.get(day)}, the cash log {logged.get(day)}"
    ours, theirs = _our_fills(house, seat), _their_fills(house, seat)
    for fill in sorted(ours.keys() | theirs.keys()):
        if ours.get(fill) != theirs.get(fill):
            yield f"{seat.name} fill {fill}: {ours.get(fill)} is not {theirs.get(fill)}"
    cash = house.store.balances.one(seat.account).cash_usd
    expected = _STARTING_USD + sum(days.values(), Decimal(0))
    if cash != expected:
        yield f"{seat.name}: {cash} USD where the fills give {expected}"
    held = sum(
        row.net_qty for row in house.store.positions.rows() if row.account_id == seat.account
    )
    if held != chronicle.net(seat.venue_account):
        yield f"{seat.name}: {held} contracts recorded"


_FillValue = tuple[int, str, int, Decimal, Decimal | None, str, bool]


def _our_fills(house: House, seat: Seat) -> dict[int, _FillValue]:
    return {
        f.broker_fill_id: (
            f.broker_order_id,
            f.action.value,
            f.qty,
            f.price,
            f.fee_usd,
            f"{f.trade_date}",
            f.active,
        )
        for f in house.store.fills.rows()
        if f.account_id == seat.account
    }


def _their_fills(house: House, seat: Seat) -> dict[int, _FillValue]:
    chronicle = house.chronicle
    return {
        f.id: (
            f.order_id,
            f.action,
            f.qty,
            f.price,
            fee_of(chronicle.fees[f.id]),
            day_of(f.trade_date),
            f.active,
        )
        for f in chronicle.fills.values()
        if chronicle.account_of[f.id] == seat.venue_account
    }
