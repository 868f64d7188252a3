"""A venue that lives long: small snapshots, bounded parts, a compact journal, days that end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from paper import journal, rows
from paper.clock import ManualClock
from paper.policy import Policy
from paper.recent import BOUNDED, since
from paper.settings import PaperSettings
from paper.snapshot import PART_ROWS_MAX, parts, snapshot
from paper.venue import Venue
from tests.unit.paper.test_strategies import at, bracket, exits, net, status_of, strategy
from tests.unit.paper.test_venue import account_of, ask, books_of, figures, market

MONDAY = datetime(2026, 3, 2, 16, tzinfo=UTC)  # 10:00 in Chicago
HISTORY_DAYS = 5


def timed(folder: Path | None = None, start: datetime = MONDAY, **more: Any) -> Venue:
    settings = PaperSettings(
        env="test",
        paper_password="x",  # type: ignore[arg-type] # read as a secret
        paper_speed=0,
        paper_clock="manual",
        paper_clock_start=start,
        paper_data=folder,
        **more,
    )
    venue = Venue(settings)
    venue.begin()
    return venue


def later(venue: Venue, by: timedelta) -> None:
    assert isinstance(venue.clock, ManualClock)
    venue.clock.advance(by)
    venue.trading.on_time()
    venue.commit()


def closed(venue: Venue) -> Venue:
    assert isinstance(venue.journal, journal.FileJournal)
    venue.journal.close()
    venue.journal = journal.NoJournal()
    return venue


def buy(venue: Venue, action: str = "Buy", **more: Any) -> Any:
    return ask(venue, "order/placeorder", market(venue, action, "NQM6") | more)


def seen(venue: Venue) -> dict[str, list[rows.Row]]:
    user = venue.store.named(rows.User, "paper")
    assert user is not None
    return dict(snapshot(venue.store, user.id, None, None, venue.clock.now()))


@pytest.mark.parametrize(
    ("now", "begins"),
    [
        ("2026-03-04T16:00:00Z", "2026-03-02T23:00:00.000Z"),
        ("2026-03-04T23:30:00Z", "2026-03-03T23:00:00.000Z"),  # the next day has begun
        ("2026-03-02T16:00:00Z", "2026-02-26T23:00:00.000Z"),  # on Monday Friday's is the last
        ("2026-05-26T16:00:00Z", "2026-05-21T22:00:00.000Z"),  # Memorial Day belongs to Tuesday
        ("2026-03-03T16:00:00Z", "2026-02-27T23:00:00.000Z"),  # the weekend belongs to Monday
    ],
)
def test_two_sessions_are_told(now: str, begins: str) -> None:
    assert since(datetime.fromisoformat(now)) == begins


def test_old_orders_leave_the_snapshot_unless_they_live() -> None:
    venue = timed()
    resting = buy(venue, orderType="Limit", price=100, timeInForce="GTC")["orderId"]
    buy(venue, qty=1)
    held = max(order.id for order in venue.store.all(rows.Order))
    for _ in range(HISTORY_DAYS):
        buy(venue, "Buy")
        buy(venue, "Sell")  # pairs with the oldest, so a lot of the last days stays open
        later(venue, timedelta(days=1))
    found = seen(venue)
    orders = {order.id for order in found["orders"]}
    assert resting in orders
    assert held not in orders
    assert len(orders) < 2 + 2 * HISTORY_DAYS
    fills = {fill.id for fill in found["fills"]}
    open_fills = {f.id for f in venue.store.all(rows.Fill) if f.finally_paired < f.qty}
    assert open_fills <= fills
    assert {fee.id for fee in found["fillFees"]} == fills
    for name in ("orderVersions", "commands", "executionReports"):
        assert {getattr(row, "order_id") for row in found[name]} <= orders  # noqa: B009 - typed as Row
    for name in BOUNDED:
        plural = rows.KINDS[name].plural
        told = {row["id"] for row in ask(venue, f"{name}/list", {})}
        assert told == {row.id for row in found.get(plural, [])}, name


def test_what_the_lists_leave_out_is_known_to_whoever_asks_by_its_id(tmp_path: Path) -> None:
    venue = timed(tmp_path)
    order_id = buy(venue)["orderId"]
    buy(venue, "Sell")
    later(venue, timedelta(days=4))
    assert ask(venue, "order/list", {}) == []
    closed(venue)
    twin = closed(timed(tmp_path, start=venue.clock.now()))
    for it in (venue, twin):
        assert ask(it, "order/list", {}) == ask(it, "fill/list", {}) == []
        assert ask(it, "order/item", {"id": order_id})["ordStatus"] == "Filled"
        assert len(ask(it, "fill/deps", {"masterid": order_id})) == 1
        assert len(ask(it, "order/deps", {"masterid": account_of(it)})) == 2


def test_parts_are_bounded_and_add_up_to_the_whole() -> None:
    venue = timed()
    for _ in range(60):
        buy(venue)
    whole = seen(venue)
    told = list(parts(whole))
    counts = [sum(len(found) for found in part.values()) for part in told]
    assert all(count <= PART_ROWS_MAX for count in counts)
    assert len(counts) > 1
    for name, found in whole.items():
        assert [row for part in told for row in part.get(name, [])] == found


def test_a_restart_shortens_the_journal_and_changes_nothing(tmp_path: Path) -> None:
    venue = timed(tmp_path)
    path = tmp_path / journal.FILE_NAME
    at(venue, "19999", "20000")
    asked = strategy(venue, "Buy", 1, bracket(1, 50, -50))
    ask(venue, "orderStrategy/startorderstrategy", asked)
    for _ in range(20):
        buy(venue)
        buy(venue, "Sell")
    closed(venue)
    before = path.stat().st_size
    twin = closed(timed(tmp_path))
    assert path.stat().st_size < before
    assert figures(twin) == figures(venue)
    assert books_of(twin) == books_of(venue)
    third = closed(timed(tmp_path))
    assert figures(third) == figures(venue)
    assert len(exits(third)) == 2
    at(third, "20050")
    assert status_of(third) == "ExecutionFinished"
    assert not path.with_suffix(".new").exists()


def test_a_closed_market_takes_no_orders_when_sessions_are_kept() -> None:
    venue = timed(start=datetime(2026, 3, 7, 16, tzinfo=UTC))  # a Saturday
    assert "orderId" in buy(venue)
    venue.risk.policy = Policy(sessions=True)
    assert buy(venue)["failureReason"] == "SessionClosed"
    later(venue, timedelta(days=2))
    assert "orderId" in buy(venue)


def test_before_expiry_only_closing_orders_are_taken() -> None:
    venue = timed(start=datetime(2026, 3, 17, 16, tzinfo=UTC))  # NQH6 trades until the 20th
    asked = market(venue, "Buy", "NQH6")
    assert "orderId" in ask(venue, "order/placeorder", asked)
    later(venue, timedelta(days=1))
    refused = ask(venue, "order/placeorder", asked)
    assert refused["failureReason"] == "LiquidationOnlyBeforeExpiration"
    assert "orderId" in ask(venue, "order/placeorder", asked | {"action": "Sell"})


def test_margin_is_asked_for_and_kept() -> None:
    venue = timed(paper_start_usd=1000)
    at(venue, "19999", "20000")
    venue.risk.policy = Policy(margin=True)
    buy(venue, orderQty=3)
    assert [order.ord_status for order in venue.store.all(rows.Order)] == ["Rejected"]
    buy(venue)
    at(venue, "19980")  # 400 of 1000 are lost, 500 asked for
    assert net(venue) == 1
    at(venue, "19970")
    assert net(venue) == 0
    status = venue.store.must(rows.AccountRiskStatus, account_of(venue))
    assert status.admin_action == "LiquidateImmediately"
    later(venue, timedelta(days=1))
    assert venue.store.must(rows.AccountRiskStatus, status.id).admin_action == "Normal"


def test_a_user_s_own_limit_of_a_day_liquidates() -> None:
    venue = timed()
    at(venue, "19999", "20000")
    venue.risk.policy = Policy(margin=True)
    limit = {"id": account_of(venue), "dailyLossAutoLiq": 100}
    assert ask(venue, "userAccountAutoLiq/update", limit)["dailyLossAutoLiq"] == 100
    buy(venue)
    at(venue, "19996")
    assert net(venue) == 1
    at(venue, "19995")
    assert net(venue) == 0


class Told:
    """A listener that keeps what it is told."""

    def __init__(self, user_id: int) -> None:
        self.user_id, self.session_id, self.is_synced = user_id, None, True
        self.messages: list[Any] = []

    def wants(self, change: object) -> bool:
        return True

    def push(self, message: bytes) -> None:
        self.messages.append(msgspec.json.decode(message))

    def shut_down(self, reason_code: str, reason: str) -> None:
        raise NotImplementedError

    def drop(self) -> None:
        raise NotImplementedError


def test_the_events_of_a_day_may_be_told_again_when_its_session_ends() -> None:
    venue = timed()
    user = venue.store.named(rows.User, "paper")
    assert user is not None
    venue.risk.policy = Policy(replay_day=True)
    buy(venue)
    listener = Told(user.id)
    venue.hub.listeners.add(listener)
    later(venue, timedelta(hours=7))
    again = [m["d"]["entityType"] for m in listener.messages]
    assert {"fill", "executionReport", "position"} <= set(again)
    listener.messages.clear()
    later(venue, timedelta(minutes=5))
    assert listener.messages == []
