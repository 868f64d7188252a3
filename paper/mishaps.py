"""Faults that happen at once: what people, the exchange and the broker do without being asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final

from paper import rows
from paper.clock import ManualClock
from paper.endpoints.orders import place_manually
from paper.faults import Fault
from paper.scribe import Sender
from paper.sessions import SESSIONS_MAX
from paper.venue import Venue
from shared.domain.calendar import CHICAGO, DAY_ROLLS_AT, front_month, roll_date, trade_date
from shared.domain.instruments import PRODUCTS

Body = Mapping[str, Any]
_ONE_SECOND: Final = timedelta(seconds=1)


def _drop_sockets(venue: Venue, body: Body) -> object:
    return {"dropped": venue.hub.drop(_user_id(venue, body))}


def _bust_fill(venue: Venue, body: Body) -> object:
    fill_id = _fill_id(venue, body)
    venue.trading.bust(fill_id)
    return {"fill": fill_id}


def _correct_fill(venue: Venue, body: Body) -> object:
    fill_id = _fill_id(venue, body)
    return {"fill": fill_id, "new": venue.trading.bust(fill_id, Decimal(str(body["price"])))}


def _manual_order(venue: Venue, body: Body) -> object:
    action, qty = str(body["action"]), int(body["qty"])
    if action not in {"Buy", "Sell"} or qty < 1:
        raise ValueError("action is Buy or Sell, qty at least 1")
    account = _account(venue, body)
    order_id = place_manually(venue, account.id, str(body["symbol"]), action, qty)
    return {"orderId": order_id}


def _manual_flatten(venue: Venue, body: Body) -> object:
    account = _account(venue, body)
    sender = Sender(user_id=account.user_id, is_automated=False)
    return {"orderIds": venue.trading.flatten(account.id, sender, admin=False)}


def _forced_liquidation(venue: Venue, body: Body) -> object:
    return {"orderIds": venue.trading.force_liquidation(_account(venue, body).id)}


def _account_state(venue: Venue, body: Body) -> object:
    account, action = _account(venue, body), str(body["action"])
    venue.risk.mark(account.id, action, venue.clock.now())
    return {"action": action}


def _expire_tokens(venue: Venue, body: Body) -> object:
    return {"ended": venue.sessions.expire(_user_id(venue, body))}


def _third_session(venue: Venue, body: Body) -> object:
    user_id = _user_id(venue, body)
    if user_id is None:
        raise KeyError("user")
    for _ in range(SESSIONS_MAX):
        venue.sessions.open(user_id)
    return {"opened": SESSIONS_MAX}


def _maintenance(venue: Venue, body: Body) -> object:
    venue.guard.closed_until = venue.clock.now() + timedelta(seconds=float(body.get("s", 0)))
    return {"closed": venue.hub.shut_down("Maintenance", "Maintenance")}


def _roll_date(venue: Venue, body: Body) -> object:
    clock = venue.clock
    if not isinstance(clock, ManualClock):
        raise ValueError("the clock is the wall's")  # noqa: TRY004 - the caller's mistake
    now = clock.now()
    local = now.astimezone(CHICAGO)
    if "root" in body:
        product = PRODUCTS[str(body["root"]).upper()]
        day = roll_date(product, front_month(product, trade_date(now)))
        to = datetime.combine(day, time(), CHICAGO) - timedelta(hours=24 - DAY_ROLLS_AT.hour)
    else:
        day = local.date() + timedelta(days=local.time() >= DAY_ROLLS_AT)
        to = datetime.combine(day, DAY_ROLLS_AT, CHICAGO)
    clock.advance(to.astimezone(UTC) - _ONE_SECOND - now)
    venue.trading.on_time()
    return {"now": rows.stamp(clock.now())}


def _replay_day(venue: Venue, _: Body) -> object:
    return {"events": venue.replay_day()}


MISHAPS: Final[Mapping[Fault, Callable[[Venue, Body], object]]] = {
    Fault.DROP_SOCKETS: _drop_sockets,
    Fault.BUST_FILL: _bust_fill,
    Fault.CORRECT_FILL: _correct_fill,
    Fault.MANUAL_ORDER: _manual_order,
    Fault.MANUAL_FLATTEN: _manual_flatten,
    Fault.FORCED_LIQUIDATION: _forced_liquidation,
    Fault.ACCOUNT_STATE: _account_state,
    Fault.EXPIRE_TOKENS: _expire_tokens,
    Fault.THIRD_SESSION: _third_session,
    Fault.MAINTENANCE: _maintenance,
    Fault.ROLL_DATE: _roll_date,
    Fault.REPLAY_DAY: _replay_day,
}


def _account(venue: Venue, body: Body) -> rows.Account:
    account = venue.store.named(rows.Account, str(body["account"]))
    if account is None:
        raise KeyError(body["account"])
    return account


def _user_id(venue: Venue, body: Body) -> int | None:
    """The named user's id; None when nobody is named."""
    name = str(body.get("user", ""))
    user = venue.store.named(rows.User, name)
    if name and user is None:
        raise KeyError(name)
    return None if user is None else user.id


def _fill_id(venue: Venue, body: Body) -> int:
    if "fill" in body:
        return int(body["fill"])
    fills = venue.store.of_account(rows.Fill, _account(venue, body).id)
    return max(fill.id for fill in fills if fill.active)
