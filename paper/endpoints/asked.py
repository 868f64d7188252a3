"""What requests about orders have in common: their fields, whose they are, how they are refused."""

from __future__ import annotations

from collections.abc import Sequence

from paper.calls import Call, Refusal
from paper.checks import Refused, Version, Violation
from paper.reference import Instrument
from paper.rows import Account
from paper.scribe import NewOrder, Sender
from paper.venue import Venue


class Asked(Version, rename="camel"):
    account_spec: str | None = None
    account_id: int | None = None
    symbol: str | None = None
    order_qty: int | None = None
    order_id: int | None = None
    custom_tag50: str | None = None
    activation_time: str | None = None
    is_automated: bool | None = None
    bracket1: Version | None = None
    bracket2: Version | None = None
    other: Version | None = None


def instrument_of(venue: Venue, symbol: str) -> Instrument:
    instrument = venue.reference.found(symbol)
    if instrument is None or instrument.ends_at <= venue.clock.now():
        raise Refused("InvalidContract", f"{symbol} is not a contract that trades")
    return instrument


def account_of(call: Call, asked: Asked) -> int | None:
    """By id, or by the name of one of the login's accounts."""
    if asked.account_id is not None:
        return asked.account_id
    account = call.venue.store.named(Account, asked.account_spec or "")
    return account.id if account is not None and account.user_id == call.user_id else None


def check_own(call: Call, account_id: int) -> None:
    if call.venue.store.user_of(account_id) != call.user_id:
        raise Refusal(401, "Access is denied")


def sender_of(call: Call, asked: Asked) -> Sender:
    session = call.session
    return Sender(
        user_id=call.user_id,
        session_id=None if session is None else session.id,
        cl_ord_id=asked.cl_ord_id,
        custom_tag50=asked.custom_tag50,
        is_automated=bool(asked.is_automated),
        activation_time=asked.activation_time,
    )


def failed(refused: Refused) -> object:
    return {"failureReason": refused.reason, "failureText": refused.text}


def violated(violations: Sequence[Violation]) -> object:
    return {"violations": list(violations)}


def accept(venue: Venue, orders: Sequence[NewOrder]) -> None:
    """Place orders that belong together, or write them as rejected by the risk check."""
    leading = [new for new in orders if new.parent_id is None]
    rejected = next(filter(None, map(venue.risk.rejection, leading)), None)
    if rejected is None:
        venue.trading.place(orders)
    else:
        venue.trading.refuse(orders, rejected.reason, rejected.text)
