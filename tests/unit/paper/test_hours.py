"""The venue's hours: each product's own, for orders, for modifications and for their end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paper import rows
from paper.feed import Feed
from paper.hours import day_order_ends, is_trading, trading_ends
from paper.market import MEMBERS
from paper.policy import Policy
from paper.venue import Venue
from shared.domain.instruments import PRODUCTS
from shared.domain.symbols import ContractMonth
from tests.unit.paper.test_long_life import closed, later, timed
from tests.unit.paper.test_strategies import at, net
from tests.unit.paper.test_venue import account_of, ask, books_of, figures, market

CHICAGO = ZoneInfo("America/Chicago")
STRICT = Policy(sessions=True)


def chicago(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=CHICAGO).astimezone(UTC)


def strict(start: str, folder: Path | None = None) -> Venue:
    return timed(folder, start=chicago(start), paper_policy=STRICT)


def resting(venue: Venue, contract: str = "NQM6", **more: Any) -> Any:
    """A limit to buy at 1, which no market reaches."""
    asked = {"orderType": "Limit", "price": 1} | more
    return ask(venue, "order/placeorder", market(venue, "Buy", contract) | asked)


def modified(venue: Venue, order_id: int, **more: Any) -> Any:
    asked = {"orderId": order_id, "orderQty": 1, "orderType": "Limit", "price": 2}
    return ask(venue, "order/modifyorder", asked | more)


def status(venue: Venue, order_id: int) -> str:
    return venue.store.must(rows.Order, order_id).ord_status


@pytest.mark.parametrize(
    ("contract", "given_at", "ends"),
    [
        ("NQM6", "2026-03-02 10:00", "2026-03-02 16:00"),
        ("NQM6", "2026-03-02 16:30", "2026-03-03 16:00"),  # in the daily break
        ("NQM6", "2026-03-06 18:00", "2026-03-09 16:00"),  # over the weekend
        ("ZCN6", "2026-03-02 06:00", "2026-03-02 13:20"),  # grains have two sessions a day
        ("LEM6", "2026-03-02 09:00", "2026-03-02 13:05"),
        ("DXM6", "2026-03-02 16:30", "2026-03-02 17:00"),
        ("NQH7", "2026-11-27 09:00", "2026-11-27 12:15"),  # the day after Thanksgiving
        ("NQU6", "2026-05-25 10:00", "2026-05-26 16:00"),  # a halt counts for the next day
        ("NQH6", "2026-03-20 07:00", "2026-03-20 08:30"),  # the contract's own last day
    ],
)
def test_a_day_order_ends_with_its_own_product(contract: str, given_at: str, ends: str) -> None:
    to_the_last = Policy(expiry_days=-1)
    venue = timed(start=chicago(given_at), paper_policy=to_the_last)
    order_id = resting(venue, contract)["orderId"]
    later(venue, chicago(ends) - timedelta(seconds=1) - venue.clock.now())
    assert status(venue, order_id) == "Working"
    later(venue, timedelta(seconds=1))
    assert status(venue, order_id) == "Expired"


INSTANTS = st.datetimes(datetime(2024, 1, 1), datetime(2028, 1, 1))  # noqa: DTZ001 - made UTC below


@given(st.sampled_from(sorted(PRODUCTS)), INSTANTS, st.floats(0, 1, exclude_max=True))
def test_the_end_of_a_day_order_is_the_same_told_at_any_time_before(
    root: str, naive: datetime, share: float
) -> None:
    """A restart reads it from the time of the last version, whatever that is."""
    month, given_at = ContractMonth(root, 2029, 12), naive.replace(tzinfo=UTC)
    ends = day_order_ends(month, given_at)
    between = given_at + share * (ends - given_at)
    assert given_at < ends
    assert between >= ends or day_order_ends(month, between) == ends


def test_products_of_one_family_rest_together() -> None:
    for family, members in MEMBERS.items():
        hours = {(PRODUCTS[root].hours, PRODUCTS[root].group) for root in members}
        assert len(hours) == 1, family


@pytest.mark.parametrize(
    ("contract", "now", "trades"),
    [
        ("NQM6", "2026-03-02 15:59", True),
        ("NQM6", "2026-03-02 16:00", False),
        ("NQM6", "2026-03-02 17:00", True),
        ("NQM6", "2026-03-08 16:59", False),  # Sunday
        ("NQM6", "2026-03-08 17:00", True),
        ("ZCN6", "2026-03-02 08:00", False),
        ("ZCN6", "2026-03-02 08:30", True),
        ("LEM6", "2026-03-02 18:00", False),
        ("NQH7", "2026-12-25 10:00", False),
        ("NQH7", "2026-11-27 12:15", False),
    ],
)
def test_orders_are_taken_while_the_product_trades(
    contract: str, now: str, *, trades: bool
) -> None:
    answer = resting(strict(now), contract)
    assert ("orderId" in answer) is trades
    assert answer.get("failureReason", "Success") == ("Success" if trades else "SessionClosed")


def test_while_closed_nothing_is_changed_or_closed_but_may_be_cancelled() -> None:
    venue = strict("2026-03-02 15:00")
    order_id = resting(venue, timeInForce="GTC")["orderId"]
    ask(venue, "order/placeorder", market(venue, "Buy", "NQM6"))
    (position,) = venue.store.all(rows.Position)
    later(venue, timedelta(hours=1))
    asked = {"accountId": account_of(venue), "contractId": position.contract_id, "admin": False}
    assert modified(venue, order_id)["failureReason"] == "SessionClosed"
    assert ask(venue, "order/liquidateposition", asked)["failureReason"] == "SessionClosed"
    every = {"positions": [position.id], "admin": False}
    assert ask(venue, "order/liquidatepositions", every)["ok"] is False
    assert net(venue) == 1
    assert venue.trading.scribe.version_of(order_id).price == 1
    assert "commandId" in ask(venue, "order/cancelorder", {"orderId": order_id})
    later(venue, timedelta(hours=1))
    assert "orderId" in ask(venue, "order/liquidateposition", asked)
    assert net(venue) == 0


def test_no_order_trades_while_its_market_is_closed() -> None:
    venue = strict("2026-03-02 15:00")
    at(venue, "20000")
    stop = {"orderType": "Stop", "stopPrice": 19900, "timeInForce": "GTC"}
    order_id = ask(venue, "order/placeorder", market(venue, "Sell", "NQM6") | stop)["orderId"]
    later(venue, timedelta(hours=1))
    at(venue, "19800")  # a gap is made while nothing trades
    assert status(venue, order_id) == "Working"
    later(venue, timedelta(hours=1))
    at(venue, "19800")
    assert status(venue, order_id) == "Filled"


def test_an_order_of_the_day_never_trades_after_it() -> None:
    """A trade that comes before the clock is looked at again finds it expired."""
    venue = timed(start=chicago("2026-03-02 15:59:59"))
    order_id = resting(venue)["orderId"]
    venue.clock.advance(timedelta(seconds=1))  # type: ignore[attr-defined] # it is a manual one
    at(venue, "1")
    assert status(venue, order_id) == "Expired"


def test_a_fill_at_the_first_instant_of_a_day_counts_for_it() -> None:
    venue = timed(start=chicago("2026-03-02 16:59:59"))
    ask(venue, "order/placeorder", market(venue, "Buy", "NQM6"))
    venue.clock.advance(timedelta(seconds=1))  # type: ignore[attr-defined] # it is a manual one
    ask(venue, "order/placeorder", market(venue, "Buy", "NQM6"))
    later(venue, timedelta(seconds=1))
    (position,) = venue.store.all(rows.Position)
    assert (position.prev_pos, position.bought, position.net_pos) == (1, 1, 2)


def test_a_contract_ends_with_its_orders_and_positions() -> None:
    venue = timed(start=chicago("2026-03-20 08:00"), paper_policy=Policy(expiry_days=-1))
    order_id = resting(venue, "NQH6", timeInForce="GTC")["orderId"]
    ask(venue, "order/placeorder", market(venue, "Buy", "NQH6"))
    later(venue, timedelta(minutes=30))
    assert status(venue, order_id) == "Expired"
    assert net(venue) == 0
    last = max(venue.store.all(rows.Order), key=lambda order: order.id)
    assert (last.admin, last.ord_status) == (True, "Filled")
    assert resting(venue, "NQH6")["failureReason"] == "InvalidContract"
    assert not is_trading(ContractMonth("NQ", 2026, 3), venue.clock.now())
    assert trading_ends(ContractMonth("NQ", 2026, 3)) == venue.clock.now()


def test_a_modification_is_checked_like_a_new_order() -> None:
    venue = timed(start=chicago("2026-03-17 10:00"))
    order_id = resting(venue, "NQH6", timeInForce="GTC")["orderId"]
    venue.risk.policy = Policy(order_qty_max=2, position_max=1)
    assert modified(venue, order_id, orderQty=3)["failureReason"] == "MaxOrderQtyLimitReached"
    command_id = modified(venue, order_id, orderQty=2)["commandId"]
    assert venue.store.must(rows.Command, command_id).command_status == "RiskRejected"
    (report,) = venue.store.of_master(rows.CommandReport, command_id)
    assert report.reject_reason == "MaxPosLimitReached"
    assert venue.trading.scribe.version_of(order_id).order_qty == 1
    assert status(venue, order_id) == "Working"
    later(venue, timedelta(days=1))
    refused = modified(venue, order_id)
    assert refused["failureReason"] == "LiquidationOnlyBeforeExpiration"


def test_a_refused_change_is_still_refused_after_a_restart(tmp_path: Path) -> None:
    venue = timed(tmp_path, start=chicago("2026-03-17 10:00"))
    order_id = resting(venue, timeInForce="Day")["orderId"]
    venue.risk.policy = Policy(position_max=1)
    modified(venue, order_id, orderQty=2, timeInForce="Day")
    closed(venue)
    twin = closed(timed(tmp_path, start=chicago("2026-03-17 10:00")))
    assert figures(twin) == figures(venue)
    assert books_of(twin) == books_of(venue)
    live = twin.trading.live(order_id)
    assert live is not None
    assert live.terms.qty == 1
    assert live.terms.expires_at == chicago("2026-03-17 16:00")


def test_prices_stand_still_while_the_market_is_closed() -> None:
    venue = strict("2026-03-02 15:59")
    venue.trade("NQ", Decimal(20000))
    feed = Feed(venue)
    feed.walk_once()
    moved = venue.market.last("NQ")
    assert moved != Decimal(20000)
    later(venue, timedelta(minutes=1))
    feed.walk_once()
    assert venue.market.last("NQ") == moved


def test_a_restart_in_the_middle_of_a_day_changes_no_order_s_end(tmp_path: Path) -> None:
    """Step by step the twin and the venue that was never closed end the same orders."""
    start = chicago("2026-03-02 05:00")
    whole, parted = timed(start=start), timed(tmp_path, start=start)
    for venue in (whole, parted):
        for contract in ("NQM6", "ZCN6", "LEM6", "DXM6", "CLM6"):
            resting(venue, contract)
        resting(venue, "GCM6", timeInForce="GTC")
        resting(venue, "GCM6", timeInForce="GTD", expireTime="2026-03-02T18:30:00Z")
    told = []
    for _ in range(13):
        closed(parted)
        parted = timed(tmp_path, start=parted.clock.now())
        for venue in (whole, parted):
            later(venue, timedelta(hours=1))
        told.append([order.ord_status for order in whole.store.all(rows.Order)])
        assert [order.ord_status for order in parted.store.all(rows.Order)] == told[-1]
    closed(parted)
    assert [ended.count("Expired") for ended in told[::2]] == [0, 0, 0, 0, 3, 5, 6]
