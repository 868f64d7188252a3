"""What must be true when a life has come to rest, whatever struck it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from paper import rows
from shared.domain.order import IntentState, Role
from tests.simulation.executor import Executor
from tests.simulation.watch import Spell

NAKED_S_MAX: Final = 3.0
ALARM_S_MAX: Final = 3.0
KNOWN_AFTER: Final = timedelta(seconds=0.5)
_CLOSING: Final = (Role.EXIT, Role.STOP_LOSS)


async def check(executor: Executor) -> None:
    """Asserts all of it."""
    mine: dict[str, Any] = (await executor.world.ledger())[executor.account.name]
    _sent_once(executor, mine)
    books_agree(executor, mine)
    _nothing_in_doubt(executor)
    _protected_or_flat(executor)
    _closes_only(executor, mine)
    for spell in executor.watch.spells:
        _short(executor, spell)


def _sent_once(executor: Executor, mine: dict[str, Any]) -> None:
    news = [c for c in mine["commands"] if c["commandType"] == "New" and "clOrdId" in c]
    names = [c["clOrdId"] for c in news]
    assert len(names) == len(set(names)), "an order was sent twice"
    entries = {str(r.id) for r in executor.store.intents.rows() if r.role is Role.ENTRY}
    assert sum(name in entries for name in names) <= 1, "a second entry"
    ours = {str(row.id) for row in executor.store.intents.rows()}
    strangers = [c["clOrdId"] for c in news if executor.watch.is_ours(c["orderId"])]
    assert ours.issuperset(strangers), "an order that no intent stands for"


def _closes_only(executor: Executor, mine: dict[str, Any]) -> None:
    """No exit of ours sells what others had sold, as far as it could know when it was sent.

    Word of it that the network held back nobody could have: it counts from when it came.
    """
    exits = {r.broker_order_id: r for r in executor.store.intents.rows() if r.role is Role.EXIT}
    fills = sorted(mine["fills"], key=lambda fill: int(fill["id"]))
    net, others_at = 0, None
    for fill in fills:
        at = datetime.fromisoformat(fill["timestamp"])
        exit_ = exits.get(fill["orderId"])
        sent_at = at if exit_ is None or exit_.claimed_at is None else exit_.claimed_at
        known = others_at is None or sent_at - others_at > KNOWN_AFTER
        before, net = net, net + (fill["qty"] if fill["action"] == "Buy" else -fill["qty"])
        busted = not all(each["active"] for each in fills)
        if exit_ is not None and known and not busted:
            assert abs(net) < abs(before), f"an exit took the account from {before} to {net}"
        if not executor.watch.is_ours(fill["orderId"]):
            others_at = _heard_at(executor, at)


def _heard_at(executor: Executor, told_at: datetime) -> datetime:
    world = executor.world
    ago_s = (world.clock.now() - told_at).total_seconds()
    told_s = world.clock.monotonic() - ago_s
    return told_at + timedelta(seconds=world.link.arrived_s(told_s) - told_s)


def books_agree(executor: Executor, mine: dict[str, Any]) -> None:
    ours, theirs = _recorded(executor), _told(mine)
    for what, recorded in ours.items():
        assert recorded == theirs[what], f"{what}: {recorded} is not {theirs[what]}"


def _recorded(executor: Executor) -> dict[str, object]:
    store = executor.store
    return {
        "fills": {
            f.broker_fill_id: (f.broker_order_id, f.qty, f.price, f.fee_usd, f.active)
            for f in store.fills.rows()
        },
        "orders": {o.broker_order_id: o.status for o in store.orders.rows()},
        "net": _summed((row.contract, row.net_qty) for row in store.positions.rows()),
        "cash": {row.cash_usd for row in store.balances.rows()},
    }


def _told(mine: dict[str, Any]) -> dict[str, object]:
    fees = {row["id"]: _fee(row) for row in mine["fees"]}
    return {
        "fills": {
            f["id"]: (f["orderId"], f["qty"], Decimal(f["price"]), fees[f["id"]], f["active"])
            for f in mine["fills"]
        },
        "orders": {o["id"]: o["ordStatus"] for o in mine["orders"]},
        "net": _summed((row["contract"], row["netPos"]) for row in mine["positions"]),
        "cash": {Decimal(mine["balance"])},
    }


def _summed(nets: Iterable[tuple[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for contract, net in nets:
        total[contract] += net
    return {contract: net for contract, net in total.items() if net}


def _fee(row: dict[str, Any]) -> Decimal:
    parts = [value for key, value in row.items() if key.lower().endswith("fee")]
    return sum(map(Decimal, [*parts, row["commission"]]), Decimal(0))


def _nothing_in_doubt(executor: Executor) -> None:
    open_ends = [
        (row.role.value, row.state.value)
        for row in executor.store.intents.open()
        if row.state in (IntentState.PENDING, IntentState.SENDING, IntentState.UNKNOWN)
    ]
    if executor.watch.is_at_captcha():  # the venue would not accept it before the hour is over
        open_ends = [end for end in open_ends if end != (Role.EXIT.value, "PENDING")]
    assert not open_ends, f"left open: {open_ends}"


def _protected_or_flat(executor: Executor) -> None:
    """Each contract that is left has one stop, and no order works for what is gone."""
    watch, scribe = executor.watch, executor.world.venue.trading.scribe
    exposed, covered = watch.exposed(), watch.covered()
    # An exit that may not be placed yet has taken the legs away: the venue takes no stop either.
    waits = watch.is_at_captcha() and watch.exits()
    assert waits or covered >= exposed, f"{exposed - covered} of {exposed} left without a stop"
    working = watch.working(ours=True)
    for kind in ("Stop", "Limit", "Market"):
        some = [o for o in working if scribe.version_of(o.id).order_type == kind]
        qty = sum(scribe.version_of(o.id).order_qty - scribe.filled_qty(o.id) for o in some)
        assert qty <= exposed, f"{kind} orders for {qty} work, and {exposed} are held"
    pairs = {frozenset({o.id, o.oco_id or 0}) for o in working}
    assert len(pairs) <= 1, f"two exits work for one quantity: {working}"


def _short(executor: Executor, spell: Spell) -> None:
    assert spell.open_s <= NAKED_S_MAX, f"naked for {spell.open_s:.1f} s, and a stop was possible"
    first = {str(row.id): row.role for row in executor.store.intents.rows()}.get(spell.first or "")
    assert first in (None, *_CLOSING), f"an order to {first} was accepted before a stop or an exit"
    ended_s = executor.world.clock.monotonic() if spell.ended_s is None else spell.ended_s
    if spell.known_s is None or ended_s - spell.known_s <= ALARM_S_MAX:
        return
    standing = [code for at_s, code in executor.alarms if at_s <= spell.known_s]
    if standing and standing[-1] is not None:
        return  # word has left before and was not taken back: it is not said twice
    told = [at_s for at_s, code in executor.alarms if at_s > spell.known_s and code is not None]
    assert told, "naked, and no alarm left"
    assert told[0] - spell.known_s <= ALARM_S_MAX, f"alarmed {told[0] - spell.known_s:.1f} s late"


def roles_of(executor: Executor) -> list[tuple[Role, IntentState, int]]:
    """For the message of a failed life."""
    return [(row.role, row.state, row.filled_qty) for row in executor.store.intents.rows()]


def statuses_of(executor: Executor) -> list[tuple[str, str]]:
    orders = executor.world.venue.store.of_account(rows.Order, executor.account.account)
    return [(order.action, order.ord_status) for order in orders]
