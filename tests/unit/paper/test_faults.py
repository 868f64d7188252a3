"""Corrections of money, quotas, penalties and codes, on the venue as one object."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paper import rows
from paper.calls import Answer, Call, dispatch, find
from paper.control import ledger_of
from paper.faults import ABOUT, UNTIL_CLEARED, Fault, Faults
from paper.gate import ENDPOINT_QUOTAS, USER_QUOTAS, Gate
from paper.mishaps import MISHAPS
from paper.oauth import CODE_LIFE, GrantError, Grants
from paper.policy import Policy
from paper.venue import Venue
from tests.unit.paper.test_venue import account_of, ask, begun, market, revived

NOW = datetime(2026, 3, 2, 16, tzinfo=UTC)


def told(venue: Venue, name: str, params: dict[str, Any], address: str = "10.0.0.1") -> Answer:
    endpoint = find(name)
    assert endpoint is not None
    user = venue.store.named(rows.User, "paper")
    assert user is not None
    session = None if endpoint.is_open else venue.sessions.open(user.id).session
    return dispatch(endpoint, Call(venue, params, session, None, address))


def test_every_fault_has_its_words_and_acts_at_once_or_is_armed() -> None:
    assert set(ABOUT) == set(Fault)
    assert set(MISHAPS) < set(Fault)


_trades = st.lists(
    st.tuples(st.sampled_from(["Buy", "Sell"]), st.integers(1, 3), st.integers(-20, 20)),
    min_size=1,
    max_size=12,
)


@settings(max_examples=60, deadline=None)
@given(trades=_trades, busted=st.sets(st.integers(0, 11)), corrected=st.booleans())
def test_money_is_exact_after_busts_as_if_the_rest_alone_had_traded(
    trades: list[tuple[str, int, int]], busted: set[int], *, corrected: bool
) -> None:
    venue, journal = begun()
    for action, qty, ticks in trades:
        venue.trade("NQ", Decimal(20000) + ticks * Decimal("0.25"))
        ask(venue, "order/placeorder", market(venue, action, qty=qty))
    fills = sorted(venue.store.all(rows.Fill), key=lambda fill: fill.id)
    for number in sorted(busted & set(range(len(fills)))):
        price = fills[number].price + 1 if corrected else None
        venue.trading.bust(fills[number].id, price)
        venue.commit()
    check_active(venue)
    check_active(revived(journal))
    assert plain_ledger(revived(journal)) == plain_ledger(venue)


def plain_ledger(venue: Venue) -> Any:
    return msgspec.json.decode(rows.encode(ledger_of(venue)))


def check_active(venue: Venue) -> None:
    """Pairs and cash are what FIFO makes of the active fills, from nothing."""
    account_id = account_of(venue)
    fills = [fill for fill in venue.store.all(rows.Fill) if fill.active]
    fees = sum((fee.commission for fee in venue.store.all(rows.FillFee)), Decimal(0))
    assert fees == sum(fill.qty for fill in fills) * Decimal("1.29")
    lots: list[list[Any]] = []
    gross = Decimal(0)
    for fill in sorted(fills, key=lambda fill: fill.id):
        left, sign = fill.qty, 1 if fill.action == "Buy" else -1
        while left and lots and lots[0][0] != sign:
            qty = min(left, lots[0][1])
            gross += (fill.price - lots[0][2]) * -sign * qty * 20
            left, lots[0][1] = left - qty, lots[0][1] - qty
            lots = [lot for lot in lots if lot[1]]
        lots += [[sign, left, fill.price]] if left else []
    cash = venue.trading.cashier.ledger.cash[account_id]
    assert cash.exact_usd == Decimal(100000) + gross - fees
    assert cash.realized_usd == gross
    pairs = [pair for pair in venue.store.all(rows.FillPair) if pair.active]
    assert sum((p.sell_price - p.buy_price) * p.qty * 20 for p in pairs) == gross
    net = sum(lot[0] * lot[1] for lot in lots)
    for position in venue.store.of_account(rows.Position, account_id):
        assert position.net_pos == net == position.bought - position.sold
    assert net == sum(
        (fill.qty - fill.finally_paired) * (1 if fill.action == "Buy" else -1) for fill in fills
    )
    deltas = sum((log.delta for log in venue.store.all(rows.CashBalanceLog)), Decimal(0))
    accounts = list(venue.store.all(rows.Account))
    assert deltas == sum(venue.trading.cashier.ledger.cash[a.id].amount_usd for a in accounts)


def test_a_bust_is_reported_with_the_report_it_takes_back() -> None:
    venue, _ = begun()
    ask(venue, "order/placeorder", market(venue, "Buy", qty=2))
    fill = next(iter(venue.store.all(rows.Fill)))
    venue.trading.bust(fill.id)
    reports = {report.exec_type: report for report in venue.store.all(rows.ExecutionReport)}
    assert reports["TradeCancel"].exec_ref_id == reports["Trade"].name
    assert (reports["TradeCancel"].cum_qty, reports["TradeCancel"].last_qty) == (0, 2)
    with pytest.raises(ValueError, match="busted already"):
        venue.trading.bust(fill.id)


def test_faults_with_a_rate_repeat_themselves_for_a_seed() -> None:
    def pattern(seed: int) -> list[bool]:
        faults = Faults()
        faults.arm(Fault.REVERSE_EVENTS, UNTIL_CLEARED, {"rate": 0.5, "seed": seed})
        return [faults.take(Fault.REVERSE_EVENTS) is not None for _ in range(64)]

    assert pattern(1) == pattern(1) != pattern(2)
    assert 16 < sum(pattern(1)) < 48


@pytest.mark.parametrize(
    ("endpoint", "fails"),
    [("auth/renewaccesstoken", False), ("auth/accesstokenrequest", True), ("auth/me", True)],
)
def test_quotas_of_endpoints_are_each_address_s_and_roll(endpoint: str, *, fails: bool) -> None:
    gate, most = Gate(), ENDPOINT_QUOTAS[endpoint].most
    for _ in range(most):
        assert gate.admits(endpoint, 1, "a", NOW)
        if fails:
            gate.failed(endpoint, "a", NOW)
    assert not gate.admits(endpoint, 1, "a", NOW)
    assert gate.admits(endpoint, 1, "b", NOW)
    assert gate.admits(endpoint, 1, "a", NOW + timedelta(hours=1))


def test_a_login_has_its_requests_of_an_hour_and_strangers_fewer() -> None:
    gate = Gate()
    at = [NOW + timedelta(seconds=second / 2) for second in range(7200)]
    admitted = sum(gate.admits("order/list", 1, "a", instant) for instant in at)
    assert admitted == USER_QUOTAS[-1].most
    assert sum(gate.admits("auth/oauthtoken", None, "a", NOW) for _ in range(500)) == 100


def test_quotas_are_answered_429_without_a_body_when_switched_on() -> None:
    venue, _ = begun()
    wrong = {"name": "paper", "password": "wrong"}
    for policy, last in ((Policy(), 200), (Policy(limits=True), 429)):
        venue.risk.policy = policy
        answers = [told(venue, "auth/accesstokenrequest", wrong) for _ in range(6)]
        assert [answer.status for answer in answers] == [200] * 5 + [last]
    assert told(venue, "auth/accesstokenrequest", wrong) == Answer(429, b"")


@pytest.mark.parametrize("captcha", [False, True])
def test_a_penalty_is_waited_for_with_its_ticket(*, captcha: bool) -> None:
    venue, _ = begun()
    fault = Fault.CAPTCHA_PENALTY if captcha else Fault.TIME_PENALTY
    venue.faults.arm(fault, 1, {"p_time": 0, "on": "order"})
    asked = market(venue, "Buy")
    penalty = ask(venue, "order/placeorder", asked)
    assert penalty.get("p-captcha", False) is captcha
    assert not list(venue.store.all(rows.Order))
    answer = ask(venue, "order/placeorder", asked | {"p-ticket": penalty["p-ticket"]})
    assert ("orderId" in answer) is not captcha


def test_requests_that_time_out_before_they_are_accepted_leave_nothing() -> None:
    venue, _ = begun()
    venue.faults.arm(Fault.TIMEOUT_BEFORE_ACCEPT, 1, {})
    assert told(venue, "order/placeorder", market(venue, "Buy")).lost
    assert not list(venue.store.all(rows.Order))
    assert "orderId" in ask(venue, "order/placeorder", market(venue, "Buy"))


def test_lists_of_the_wrong_environment_are_empty() -> None:
    venue, _ = begun()
    venue.faults.arm(Fault.WRONG_ENVIRONMENT, 1, {})
    assert ask(venue, "position/list", {}) == []
    assert len(ask(venue, "account/list", {})) == 2


def test_a_token_that_ends_in_flight_has_sent_its_order() -> None:
    venue, _ = begun()
    venue.faults.arm(Fault.EXPIRE_MID_FLIGHT, 1, {})
    user = venue.store.named(rows.User, "paper")
    assert user is not None
    tokens = venue.sessions.open(user.id)
    endpoint = find("order/placeorder")
    assert endpoint is not None
    dispatch(endpoint, Call(venue, market(venue, "Buy"), tokens.session, None))
    assert len(list(venue.store.all(rows.Order))) == 1
    with pytest.raises(Exception, match="Expired Access Token"):
        venue.sessions.check(tokens.access)


def mishap(fault: Fault, **body: Any) -> Callable[[Venue], object]:
    return lambda venue: MISHAPS[fault](venue, body)


def test_people_and_the_broker_act_without_marks_of_ours() -> None:
    venue, _ = begun()
    mishap(Fault.MANUAL_ORDER, account="PAPER1", symbol="NQZ6", action="Buy", qty=2)(venue)
    command = next(iter(venue.store.all(rows.Command)))
    assert (command.cl_ord_id, command.is_automated) == (None, False)
    mishap(Fault.MANUAL_FLATTEN, account="PAPER1")(venue)
    mishap(Fault.MANUAL_ORDER, account="PAPER1", symbol="NQZ6", action="Buy", qty=2)(venue)
    mishap(Fault.FORCED_LIQUIDATION, account="PAPER1")(venue)
    orders = [(order.action, order.admin) for order in venue.store.all(rows.Order)]
    assert orders == [("Buy", False), ("Sell", False), ("Buy", False), ("Sell", True)]
    status = venue.store.must(rows.AccountRiskStatus, account_of(venue))
    assert status.admin_action == "LiquidateImmediately"
    ask(venue, "order/placeorder", market(venue, "Buy"))
    assert [o.ord_status for o in venue.store.all(rows.Order)][-1] == "Rejected"


def test_a_code_is_spent_by_its_first_use_and_belongs_to_its_client() -> None:
    grants = Grants({})
    for wrong in ("client", "uri", "late", "secret"):
        code = grants.issue(7, "app", "https://here", NOW)
        late = NOW + (CODE_LIFE if wrong == "late" else timedelta(0))
        client = "other" if wrong == "client" else "app"
        uri = "https://there" if wrong == "uri" else "https://here"
        with pytest.raises(GrantError):
            grants.redeem(code, client, "" if wrong == "secret" else "s", uri, late)
    code = grants.issue(7, "app", "https://here", NOW)
    assert grants.redeem(code, "app", "s", "https://here", NOW) == 7
    with pytest.raises(GrantError, match="wrong or used"):
        grants.redeem(code, "app", "s", "https://here", NOW)
