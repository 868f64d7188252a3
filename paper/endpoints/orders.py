"""Placing, changing and ending orders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from paper.book_values import Side, Terms
from paper.calls import Call, Refusal, endpoint
from paper.checks import (
    QTY_MAX,
    Refused,
    Version,
    Violation,
    missing,
    terms_of,
    violations_of,
)
from paper.endpoints.asked import (
    Asked,
    accept,
    account_of,
    check_own,
    failed,
    instrument_of,
    sender_of,
    violated,
)
from paper.faults import Fault
from paper.reference import Instrument
from paper.rows import Command, Order, Position
from paper.scribe import FINAL, Changed, NewOrder, Sender
from paper.venue import Venue

_SAYS_SUCCESS: Final = 0.1  # how often an answer says so needlessly, as the broker's do
_MARK_LENGTH_MAX: Final = 64


@endpoint("order/placeorder", is_action=True)
def place_order(call: Call) -> object:
    return _place(call, call.read(Asked), [], "")


@endpoint("order/placeoso", is_action=True)
def place_oso(call: Call) -> object:
    asked = call.read(Asked)
    if asked.bracket1 is None:
        return violated([missing("bracket1", None)])
    brackets = [b for b in (asked.bracket1, asked.bracket2) if b is not None]
    return _place(call, asked, brackets, "oso")


@endpoint("order/placeoco", is_action=True)
def place_oco(call: Call) -> object:
    asked = call.read(Asked)
    if asked.other is None:
        return violated([missing("other", None)])
    return _place(call, asked, [asked.other], "oco")


@endpoint("order/modifyorder", is_action=True)
def modify_order(call: Call) -> object:
    """A full replacement of the version: what is not repeated is gone.

    Checked like a new order, by the hour and by what it would open. Refused by the risk check its
    command and report tell so, and the version before it stays in force.
    """
    asked, venue = call.read(Asked), call.venue
    order = _own_order(call, asked)
    violations = [*violations_of(asked, sided=False), *_qty_violations(asked)]
    if violations:
        return violated(violations)
    try:
        terms = _new_terms(venue, order, asked)
        rejected = _rejection_of_change(venue, order, terms)
    except Refused as refused:
        return failed(refused)
    change = Changed(order.id, terms, sender_of(call, asked), asked.text, asked.max_show)
    if rejected is not None:
        return {"commandId": venue.trading.refuse_change(change, rejected.reason, rejected.text)}
    return {"commandId": venue.trading.modify(change)}


@endpoint("order/cancelorder", is_action=True)
def cancel_order(call: Call) -> object:
    """A final order answers 401, as the broker does: no proof of a dead token."""
    asked = call.read(Asked)
    order = _own_order(call, asked)
    if order.ord_status in FINAL:
        raise Refusal(401, "Access is denied")
    return {"commandId": call.venue.trading.cancel(order.id, sender_of(call, asked))}


@endpoint("order/liquidateposition", is_action=True)
def liquidate_position(call: Call) -> object:
    """Cancel what works in the contract and close the position with a market order."""
    account_id, contract_id = call.number("accountId"), call.number("contractId")
    check_own(call, account_id)
    if call.venue.reference.instrument(contract_id) is None:
        return failed(Refused("InvalidContract", "Contract is not found"))
    try:
        call.venue.risk.refuse_closed(contract_id, call.venue.clock.now())
    except Refused as refused:
        return failed(refused)
    sender = sender_of(call, call.read(Asked))
    is_admin = call.params.get("admin") is True
    order_id = call.venue.trading.liquidate(account_id, contract_id, sender, admin=is_admin)
    if order_id is None:
        return failed(Refused("TooLate", "There is no position"))
    return {"orderId": order_id}


@endpoint("order/liquidatepositions", is_action=True)
def liquidate_positions(call: Call) -> object:
    """Several positions by their ids, each as `liquidateposition` does."""
    positions = [call.venue.store.get(Position, x) for x in call.numbers("positions")]
    sender, is_admin = sender_of(call, call.read(Asked)), call.params.get("admin") is True
    for position in positions:
        if position is None or call.venue.store.user_of(position.account_id) != call.user_id:
            return {"ok": False, "errorText": "Position is not found"}
        try:
            call.venue.risk.refuse_closed(position.contract_id, call.venue.clock.now())
        except Refused as refused:
            return {"ok": False, "errorText": refused.text}
    for position in filter(None, positions):
        call.venue.trading.liquidate(
            position.account_id, position.contract_id, sender, admin=is_admin
        )
    return {"ok": True}


def place_manually(venue: Venue, account_id: int, symbol: str, action: str, qty: int) -> int:
    """An order as a person would click it: no client id, not automated. Raises Refused."""
    instrument = instrument_of(venue, symbol)
    version = Version(action=action, order_type="Market")
    order_id = venue.store.next_id()
    sender = Sender(user_id=venue.store.user_of(account_id), is_automated=False)
    new = _new(venue, order_id, account_id, instrument, version, qty, sender)
    venue.trading.place([new])
    return order_id


def _place(call: Call, asked: Asked, others: Sequence[Version], link: str) -> object:
    account_id = account_of(call, asked)
    violations = _violations(asked, account_id, others)
    if violations or account_id is None:
        return violated(violations)
    check_own(call, account_id)
    try:
        orders = _orders(call, asked, account_id, others, link)
        _check_client_ids(call.venue, orders)
        for new in orders:
            if new.parent_id is None:
                call.venue.risk.refuse_at_once(new, call.venue.clock.now())
        return _done(call.venue, orders, link)
    except Refused as refused:
        return failed(refused)


def _orders(
    call: Call, asked: Asked, account_id: int, others: Sequence[Version], link: str
) -> list[NewOrder]:
    """The orders of one request with their links, nothing written yet."""
    venue, qty = call.venue, asked.order_qty or 0
    instrument = instrument_of(venue, asked.symbol or "")
    ids = [venue.store.next_id() for _ in range(1 + len(others))]
    pair = ids[1:] if link == "oso" else ids
    siblings = dict(zip(pair, reversed(pair), strict=True)) if len(pair) > 1 else {}
    senders = [sender_of(call, asked), *(_leg_sender(call, other) for other in others)]
    return [
        _new(
            venue,
            order_id,
            account_id,
            instrument,
            version,
            qty,
            sender,
            parent_id=ids[0] if link == "oso" and order_id != ids[0] else None,
            oco_id=siblings.get(order_id),
        )
        for order_id, version, sender in zip(ids, (asked, *others), senders, strict=True)
    ]


def _new(
    venue: Venue,
    order_id: int,
    account_id: int,
    instrument: Instrument,
    version: Version,
    qty: int,
    sender: Sender,
    *,
    parent_id: int | None = None,
    oco_id: int | None = None,
) -> NewOrder:
    return NewOrder(
        id=order_id,
        account_id=account_id,
        contract_id=instrument.contract_id,
        side=Side(version.action or ""),
        terms=terms_of(version, qty, instrument, venue.clock.now()),
        sender=sender,
        text=version.text,
        max_show=version.max_show,
        parent_id=parent_id,
        oco_id=oco_id,
    )


def _done(venue: Venue, orders: Sequence[NewOrder], link: str) -> object:
    rejection = venue.faults.take(Fault.REJECT_NEXT)
    if rejection is not None:
        reason = str(rejection.get("reason", "RiskCheckTimeout"))
        text = str(rejection.get("text", "Rejected by the risk check"))
        if rejection.get("as") == "answer":
            raise Refused(reason, text)
        venue.trading.refuse(orders, reason, text)
    else:
        accept(venue, orders)
    names = {"oso": ("oso1Id", "oso2Id"), "oco": ("ocoId",)}.get(link, ())
    body: dict[str, object] = {"orderId": orders[0].id}
    body |= {name: new.id for name, new in zip(names, orders[1:], strict=False)}
    if venue.chance.random() < _SAYS_SUCCESS:
        body["failureReason"] = "Success"
    return body


def _check_client_ids(venue: Venue, orders: Sequence[NewOrder]) -> None:
    if not venue.risk.policy.unique_cl_ord_id:
        return
    asked = {new.sender.cl_ord_id for new in orders} - {None}
    if any(command.cl_ord_id in asked for command in venue.store.all(Command)):
        raise Refused("OtherExecutionRelated", "clOrdId is not unique")


def _new_terms(venue: Venue, order: Order, asked: Asked) -> Terms:
    """What a modification makes of a live order. Raises Refused."""
    qty, now = asked.order_qty or 0, venue.clock.now()
    instrument, live = venue.reference.must(order.contract_id), venue.trading.live(order.id)
    if live is None:
        raise Refused("TooLate", "The order is final")
    if qty <= venue.trading.scribe.filled_qty(order.id):
        raise Refused("TooLate", "The quantity is filled already")
    if live.terms.kind.trails:
        _check_trailing(venue, order, asked)
        return replace(live.terms, qty=qty)
    return terms_of(asked, qty, instrument, now)


def _rejection_of_change(venue: Venue, order: Order, terms: Terms) -> Refused | None:
    as_if_new = NewOrder(
        id=order.id,
        account_id=order.account_id,
        contract_id=order.contract_id,
        side=Side(order.action),
        terms=terms,
        sender=Sender(),
        parent_id=order.parent_id,
    )
    filled_qty = venue.trading.scribe.filled_qty(order.id)
    return venue.risk.rejection_of_change(as_if_new, filled_qty, venue.clock.now())


def _check_trailing(venue: Venue, order: Order, asked: Asked) -> None:
    """Of a trailing stop only the quantity may change. Raises Refused."""
    version = venue.trading.scribe.version_of(order.id)
    named = (asked.order_type, asked.price, asked.stop_price, asked.peg_difference)
    stands = (version.order_type, version.price, version.stop_price, version.peg_difference)
    if any(new not in (None, old) for new, old in zip(named, stands, strict=True)):
        raise Refused("TrailingStopNonOrderQtyModify", "Only the quantity may be changed")


def _violations(asked: Asked, account_id: int | None, others: Sequence[Version]) -> list[Violation]:
    found = [missing("accountId", None)] if account_id is None else []
    if not asked.symbol:
        found.append(missing("symbol", None))
    found += [*_qty_violations(asked), *violations_of(asked)]
    for other in others:
        found += violations_of(other)
    if asked.custom_tag50 is not None and len(asked.custom_tag50) > _MARK_LENGTH_MAX:
        found.append(Violation("MaxLength", "customTag50", "customTag50 is too long"))
    return found


def _qty_violations(asked: Asked) -> list[Violation]:
    qty = asked.order_qty
    return [] if qty is not None and 0 < qty <= QTY_MAX else [missing("orderQty", qty)]


def _own_order(call: Call, asked: Asked) -> Order:
    order = None if asked.order_id is None else call.venue.store.get(Order, asked.order_id)
    if order is None:
        raise Refusal(404, "Order is not found")
    check_own(call, order.account_id)
    return order


def _leg_sender(call: Call, leg: Version) -> Sender:
    """Brackets have no tag and no automation mark of their own."""
    session_id = None if call.session is None else call.session.id
    return Sender(call.user_id, session_id, leg.cl_ord_id)
