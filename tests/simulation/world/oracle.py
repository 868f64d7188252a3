"""What must be true of a world that has come to rest: the venue testifies, the record is accused.

Each function is one promise of ours and yields what is wrong, with the promise's name.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from paper import rows
from shared.contracts.streams import EVENTS
from shared.domain.alert_signal import SignalKind
from shared.domain.ids import ConnectionId, IntentId, StrategyId
from shared.domain.instruments import product_of
from shared.domain.order import IntentState, Role
from shared.domain.signal_json import signal_from_json
from tests.simulation.rows import IntentRow
from tests.simulation.world import money
from tests.simulation.world.owners import Owned
from tests.simulation.world.points import Committed, Sent
from tests.simulation.world.street import Seat, Street
from tests.simulation.world.watch import FINAL, Watch

MAX_AGE: Final = timedelta(seconds=30)
CLAIM_TO_WIRE_S: Final = 1.05
WORD_TO_WIRE_S: Final = 1.05
_PLACING: Final = ("place", "start")
_NEVER_THERE: Final = (
    IntentState.STALE,
    IntentState.BLOCKED,
    IntentState.SKIPPED,
    IntentState.ABANDONED,
)


def wrong_of(street: Street, watch: Watch) -> list[str]:
    return [
        *street.found,
        *_dispositions(street),
        *_entries_once(street, watch),
        *_ids(street, watch),
        *_claims(street),
        *_sequence(street),
        *_age(street),
        *_at_rest(street),
        *(each for seat in street.seats for each in _exits(street, watch, seat)),
        *(each for seat in street.seats for each in _orders(street, watch, seat)),
        *_words(street),
        *_rests(street, watch),
        *_sizes(street, watch),
        *(each for seat in street.seats for each in money.wrong_of(street, watch, seat)),
        *_told(street),
    ]


# ---- acceptance


def _dispositions(street: Street) -> Iterator[str]:
    """Each signal one decision in each account of its strategy, ended, with a code."""
    decisions: defaultdict[int, set[int]] = defaultdict(set)
    for row in street.store.decisions.rows():
        decisions[row.signal_id].add(row.account_id)
        if row.ended_at is None or not row.code:
            yield f"A4 signal {row.signal_id} has no end in account {row.account_id}: {row.code}"
    for signal in street.store.signals.rows():
        number = street.strategies.index(signal.strategy_id)
        seats = street.plan.strategies[number].seats
        expected = {street.seats[each].account for each in seats}
        if decisions[signal.id] != expected:
            yield f"A4 signal {signal.id} was decided in {decisions[signal.id]}, not {expected}"


# ---- orders


def _news(street: Street, seat: Seat) -> Iterator[tuple[rows.Order, str | None, rows.Command]]:
    store = street.venue.store
    for order in store.of_account(rows.Order, seat.venue_account):
        first = store.of_master(rows.Command, order.id)[0]
        yield order, first.cl_ord_id, first


def _entries_once(street: Street, watch: Watch) -> Iterator[str]:
    """At most one order of the venue for each entry, and for each other attempt."""
    names: Counter[str] = Counter()
    entries: Counter[tuple[int, int, str]] = Counter()
    for seat in street.seats:
        for order, name, _ in _news(street, seat):
            owner = watch.owners.of(order.id)
            row = None if owner is None or owner.intent is None else _row(street, owner.intent)
            if name is not None and row is not None:
                names[name] += 1
            if row is not None and row.role is Role.ENTRY and row.intent.signal_id is not None:
                entries[row.intent.signal_id, row.account_id, row.intent.leg] += 1
    yield from (f"O1 {name} was ordered {n} times" for name, n in names.items() if n > 1)
    yield from (f"O1 {n} entries of {key}" for key, n in entries.items() if n > 1)


def _ids(street: Street, watch: Watch) -> Iterator[str]:
    """Each order that bears an id of ours stands for one intent, and the record knows which."""
    for seat in street.seats:
        for order, name, command in _news(street, seat):
            if name is None or name.startswith("cancel-"):
                continue
            row = watch.owners.intent_of(name)
            if row is None:
                yield f"O3 order {order.id} bears {name}, which is nobody's"
                continue
            bound = street.store.intents.by_order(seat.account, order.id)
            if bound is None or bound.id != row.id:
                yield f"O3 order {order.id} of {row.role} {name} is bound to {bound}"
            if row.claimed_at is None or row.claim_epoch is None:
                yield f"O2 order {order.id} of {row.role} {name} was never claimed"
            if not (command.is_automated or row.is_leg):  # a leg has no such field
                yield f"O14 order {order.id} does not say that it is automated"


def _claims(street: Street) -> Iterator[str]:
    """What was sent had been committed, with the same numbers, and left in time."""
    claims = [(each.at_s, 0, number) for number, each in enumerate(street.notes.claims)]
    sends = [
        (each.at_s, 1, number)
        for number, each in enumerate(street.notes.sent)
        if each.call in _PLACING
    ]
    open_claims: dict[str, Committed] = {}
    for _, is_send, number in sorted([*claims, *sends]):
        if is_send:
            sent = street.notes.sent[number]
            yield from _one_send(sent, open_claims.pop(sent.request[0].client_id, None))
            continue
        claim = street.notes.claims[number]
        open_claims[str(claim.claimed.intent.id)] = claim
        if not claim.is_holder:
            yield f"F22 {claim.claimed.intent.id} was claimed by {claim.process} without a lease"


def _one_send(sent: Sent, claim: Committed | None) -> Iterator[str]:
    request = sent.request[0]
    if claim is None:
        yield f"O2 {request.client_id} was sent without a claim of its own"
        return
    if claim.process != sent.process:
        yield f"O2 {request.client_id} was claimed by {claim.process}, sent by {sent.process}"
    if sent.at_s - claim.at_s > CLAIM_TO_WIRE_S:
        yield f"F2 {request.client_id} left {sent.at_s - claim.at_s:.1f} s after its claim"
    intent = claim.claimed.intent
    asked = (request.action, request.qty_contracts, request.contract, request.order_type)
    frozen = (intent.action, intent.qty_contracts, intent.contract, intent.order_type)
    if asked != frozen:
        yield f"O2 {request.client_id} was claimed as {frozen} and sent as {asked}"


def _sequence(street: Street) -> Iterator[str]:
    """First sends of an account's entries follow its sequence, and that follows its signals."""
    seen: set[str] = set()
    last: Counter[int] = Counter()
    for each in street.notes.sent:
        if each.call not in _PLACING or each.request[0].client_id in seen:
            continue
        name = each.request[0].client_id
        seen.add(name)
        row = street.store.intents.get(IntentId(UUID(name)))
        if row is None or row.role is not Role.ENTRY:
            continue
        if row.account_seq < last[row.account_id]:
            yield f"O4 entry {row.account_seq} of account {row.account_id} left late"
        last[row.account_id] = row.account_seq
    by_owner: dict[tuple[int, int], int] = {}
    for row in sorted(street.store.intents.rows(), key=lambda row: row.account_seq):
        if row.intent.signal_id is None or row.is_leg:
            continue
        owner = (row.account_id, row.intent.strategy_id)
        if row.intent.signal_id < by_owner.get(owner, 0) and row.intent.attempt == 1:
            yield f"O4 signal {row.intent.signal_id} was planned after {by_owner[owner]}"
        by_owner[owner] = max(by_owner.get(owner, 0), row.intent.signal_id)


def _age(street: Street) -> Iterator[str]:
    """No entry leaves later than its greatest age after its receipt."""
    began = street.clock.now() - timedelta(seconds=street.clock.monotonic())
    for each in street.notes.sent:
        if each.call not in _PLACING:
            continue
        row = street.store.intents.get(IntentId(UUID(each.request[0].client_id)))
        if row is None or row.role is not Role.ENTRY or row.intent.signal_id is None:
            continue
        received_at = street.store.signals.one(row.intent.signal_id).received_at
        age = began + timedelta(seconds=each.at_s) - received_at
        if age > MAX_AGE + timedelta(seconds=CLAIM_TO_WIRE_S):
            yield f"O5 entry {row.id} left {age.total_seconds():.1f} s after its receipt"


def _at_rest(street: Street) -> Iterator[str]:
    for row in street.store.intents.open():
        if row.ended_at is None:
            yield f"O6 {row.role} {row.id} is left {row.state} [{row.code}] {row.message}"


def _orders(street: Street, watch: Watch, seat: Seat) -> Iterator[str]:
    """Nothing of ours works at the end, and what the record says of each entry the venue says."""
    store = street.venue.store
    by_intent: dict[IntentId, rows.Order] = {}
    for order in store.of_account(rows.Order, seat.venue_account):
        owner = watch.owners.of(order.id)
        if owner is not None and order.ord_status not in FINAL:
            yield f"O8 order {order.id} of ours is {order.ord_status} at the end"
        if owner is not None and owner.intent is not None:
            by_intent[owner.intent] = order
        known = street.store.orders.get((seat.account, order.id))
        if known is None or known.status != order.ord_status:
            told = None if known is None else known.status
            yield f"R2 order {order.id} is {order.ord_status}, recorded as {told}"
    for row in street.store.intents.rows():
        if row.account_id == seat.account and not row.is_leg:
            order_now = by_intent.get(row.id)
            yield from _believed(row, None if order_now is None else order_now.ord_status)


def _believed(row: IntentRow, status: str | None) -> Iterator[str]:
    match row.state:
        case IntentState.FILLED:
            is_right = status == "Filled"
        case IntentState.REJECTED:
            is_right = status in (None, "Rejected")
        case state if state in _NEVER_THERE:
            is_right = status is None
        case IntentState.CANCELLED | IntentState.EXPIRED:
            is_right = status in ("Canceled", "Expired", None)
        case _:
            is_right = True  # open ends are told of elsewhere
    needs_code = row.state in (*_NEVER_THERE, IntentState.REJECTED)
    if not is_right or (needs_code and not row.code):
        yield f"O6 {row.role} {row.id} is {row.state} [{row.code}], the venue says {status}"


def _exits(street: Street, watch: Watch, seat: Seat) -> Iterator[str]:
    """What closes never opens: judged by the venue's own order of orders and fills."""
    if seat.venue_account in watch.meddled_in:
        return
    store = street.venue.store
    orders = [(row.id, row) for row in store.of_account(rows.Order, seat.venue_account)]
    fills = [(row.id, row) for row in store.of_account(rows.Fill, seat.venue_account)]
    story: list[tuple[int, rows.Order | rows.Fill]] = [*orders, *fills]
    books = _Books(street, seat)
    for _, row in sorted(story, key=lambda each: each[0]):
        owner = watch.owners.of(row.id if isinstance(row, rows.Order) else row.order_id)
        if owner is not None:
            yield from books.take(row, owner)
    for key, net in books.nets.items():
        if net:
            yield f"O7 {seat.name} {key} holds {net} after it was told to be flat"


@dataclass(slots=True)
class _Books:
    """What each owner holds in each contract, and what its exits are still to close of it."""

    street: Street
    seat: Seat
    nets: Counter[tuple[int, int]] = field(default_factory=Counter)
    exits: defaultdict[tuple[int, int], dict[int, int]] = field(
        default_factory=lambda: defaultdict(dict)
    )

    def take(self, row: rows.Order | rows.Fill, owner: Owned) -> Iterator[str]:
        key = (row.contract_id, owner.strategy)
        sign = 1 if row.action == "Buy" else -1
        if isinstance(row, rows.Order):
            if _is_exit(self.street, owner) and row.ord_status not in _CAME_TO_NOTHING:
                yield from self._exit(row, key, sign)
            return
        before = self.nets[key]
        self.nets[key] += sign * row.qty
        if row.order_id in self.exits[key]:
            self.exits[key][row.order_id] -= row.qty
        elif not owner.is_entry and sign * before >= 0 and not _may_overlap(self.street, owner):
            told = f"took {before} to {self.nets[key]} (fill {row.id})"
            yield f"O7 a leg of {self.seat.name} {key} {told}"

    def _exit(self, order: rows.Order, key: tuple[int, int], sign: int) -> Iterator[str]:
        versions = self.street.venue.store.of_master(rows.OrderVersion, order.id)
        qty = versions[0].order_qty
        left = -sign * self.nets[key] - sum(self.exits[key].values())
        self.exits[key][order.id] = qty
        if qty > left:
            told = f"for {qty} where {left} were left to close"
            yield f"O7 exit {order.id} of {self.seat.name} {key} {told}"


_CAME_TO_NOTHING: Final = ("Rejected", "Canceled", "Expired")


def _is_exit(street: Street, owner: Owned) -> bool:
    row = None if owner.intent is None else _row(street, owner.intent)
    return row is not None and row.role.ends


def _may_overlap(street: Street, owner: Owned) -> bool:
    """Two legs of a ladder stand for one quantity until the first gives way; that is watched."""
    rungs = street.store.strategies.one(StrategyId(owner.strategy)).strategy.rules.bracket.targets
    return len(rungs) > 1


def _words(street: Street) -> Iterator[str]:
    """Once a stop is committed no entry of its scope is claimed."""
    began = street.clock.now() - timedelta(seconds=street.clock.monotonic())
    stops: list[tuple[str, int, float, float]] = []
    for row in street.store.controls.rows():
        at_s = (row.said.at - began).total_seconds()
        key = (row.said.scope.value, row.said.scope_id)
        if row.said.word.value == "resume":
            stops = [
                (*each[:3], at_s) if each[:2] == key and each[3] == _EVER else each
                for each in stops
            ]
        else:
            stops.append((*key, at_s, _EVER))
    for scope, scope_id, from_s, to_s in stops:
        for each in street.notes.claims:
            intent = each.claimed.intent
            scoped = {"account": intent.account_id, "strategy": intent.strategy_id}
            here = scoped.get(scope, intent.user_id) == scope_id
            if here and intent.role is Role.ENTRY and from_s < each.at_s < to_s:
                yield f"O11 entry {intent.id} was claimed at {each.at_s:.2f} under a stop"


_EVER: Final = float("inf")


def _rests(street: Street, watch: Watch) -> Iterator[str]:
    """What met a captcha places nothing from its commit on until its hour is over."""
    sent: defaultdict[str, list[float]] = defaultdict(list)
    for each in street.notes.sent:
        if each.call in _PLACING:
            sent[each.request[0].client_id].append(each.at_s)
    for rested in street.notes.rested:
        here = street.store.connection_of(_row(street, rested.intent).account_id)
        from_s = rested.at_s + CLAIM_TO_WIRE_S  # claimed before by another, and on its way
        for seat in street.seats:
            for order, _, _ in _news(street, seat) if _login(street, seat) == here else ():
                owner = watch.owners.of(order.id)
                name = "" if owner is None else str(owner.intent)
                at_s = _taken_at_s(street, order)
                left = any(from_s < each for each in sent.get(name, ()))
                if left and from_s < at_s < rested.until_s - _STAMP_S:
                    told = f"at {at_s:.2f} s, from {rested.at_s:.2f} s on its login rests"
                    yield f"F14 order {order.id} of {seat.name} was placed {told}"


_STAMP_S: Final = 0.01


def _login(street: Street, seat: Seat) -> ConnectionId:
    return street.connections[seat.login]


def _taken_at_s(street: Street, order: rows.Order) -> float:
    began = street.clock.now() - timedelta(seconds=street.clock.monotonic())
    return (datetime.fromisoformat(order.timestamp) - began).total_seconds()


def _sizes(street: Street, watch: Watch) -> Iterator[str]:
    """An order of so many contracts is multiplied by its account once; prices lie on the tick."""
    scribe = street.venue.trading.scribe
    for row in street.store.intents.rows():
        intent = row.intent
        if row.role is not Role.ENTRY or intent.signal_id is None:
            continue
        signal = signal_from_json(street.store.signals.one(intent.signal_id).content)
        seat = next(
            wanted
            for wanted, seat in zip(street.plan.seats, street.seats, strict=True)
            if seat.account == row.account_id
        )
        if signal.kind is SignalKind.ORDER and signal.quantity is not None:
            most = int(signal.quantity * seat.multiplier)
            if intent.qty_contracts > most:
                yield f"O14 entry {row.id} of {intent.qty_contracts} where {most} were asked for"
    for seat_now in street.seats:
        for order, _, _ in _news(street, seat_now):
            version = scribe.version_of(order.id)
            for price in (version.price, version.stop_price):
                tick = product_of("MES").tick_size
                if price is not None and price % tick and watch.owners.of(order.id) is not None:
                    yield f"O14 order {order.id} at {price}, which is off the tick"


# ---- events


def _told(street: Street) -> Iterator[str]:
    """Every event has rung, and an account's are numbered without a gap."""
    unrung = street.outbox.unpublished()
    if unrung:
        yield f"P2 {len(unrung)} events never rang, the first {unrung[0].type}"
    numbers: defaultdict[int, list[int]] = defaultdict(list)
    for event in street.store.outbox.rows():
        if event.account_id is not None and event.seq is not None and event.stream == EVENTS:
            numbers[event.account_id].append(event.seq)
    for account, seqs in numbers.items():
        if seqs != list(range(1, len(seqs) + 1)):
            yield f"R5 events of account {account} are not numbered without gaps"


def _row(street: Street, key: IntentId) -> IntentRow:
    return street.store.intents.one(key)
