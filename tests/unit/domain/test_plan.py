"""The decision table, walked whole."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.alert_signal import Sentiment, Side, Signal, SignalKind, SignalOrderType
from shared.domain.calendar import trade_date
from shared.domain.decision.decide import decide
from shared.domain.decision.scene import Scene
from shared.domain.decision.size import scaled
from shared.domain.ids import AccountId, IntentId, StrategyId, UserId
from shared.domain.ladder import Offset
from shared.domain.order import Action, IntentState, OrderType, Role
from shared.domain.plan import Book, Denied, Disposition, Held, Plan
from shared.domain.position import OpenIntent
from shared.domain.rules import StrategyRules
from shared.domain.rules.bracket import plain_bracket
from shared.domain.strategy import AccountLink, SizeFrom, Strategy

NOW = datetime(2026, 11, 2, 15, tzinfo=UTC)
FRONT = "NQZ6"

STRATEGY = Strategy(
    id=StrategyId(1),
    user_id=UserId(1),
    name="One",
    symbol="NQ1!",
    active=True,
    position_size=1,
    position_add=2,
    size_from=SizeFrom.SIGNAL,
    rules=StrategyRules(bracket=plain_bracket(20, 10)),
)
LINK = AccountLink(
    account_id=AccountId(1),
    enabled=True,
    multiplier=Decimal(1),
    max_contracts=0,
    custom_ticker=None,
    exclusive=True,
)
BUY = Signal(kind=SignalKind.ORDER, dialect="test", side=Side.BUY, symbol="NQ1!")
SELL = replace(BUY, side=Side.SELL)
CLOSE = Signal(kind=SignalKind.CLOSE, dialect="test", symbol="NQ1!")


def target(position: int) -> Signal:
    return Signal(kind=SignalKind.TARGET, dialect="test", target_position=position, symbol="NQ1!")


def book(net: int, contract: str = FRONT, root: str = "NQ") -> Book:
    return Book(held=(Held(contract, root, net),)) if net else Book()


def scene(known: Book) -> Scene:
    return Scene(known, NOW, trade_date(NOW))


def summary(signal: Signal, net: int) -> object:
    """What is done, in short: (role, action, quantity) of each order, or the refusal's code."""
    verdict = decide(signal, STRATEGY, LINK, scene(book(net)))
    if isinstance(verdict, Denied):
        return verdict.code
    return [(each.role.value, each.action.value, each.qty_contracts) for each in verdict.drafts]


@pytest.mark.parametrize(
    ("signal", "net", "expected"),
    [
        (BUY, 0, [("entry", "Buy", 1)]),
        (BUY, 1, [("entry", "Buy", 2)]),
        (BUY, -3, [("exit", "Buy", 0), ("entry", "Buy", 1)]),
        (SELL, 0, [("entry", "Sell", 1)]),
        (SELL, -1, [("entry", "Sell", 2)]),
        (SELL, 3, [("exit", "Sell", 0), ("entry", "Sell", 1)]),
        (CLOSE, 2, [("exit", "Sell", 0)]),
        (CLOSE, -2, [("exit", "Buy", 0)]),
        (CLOSE, 0, "plan.flat"),
        (target(0), 1, [("exit", "Sell", 0)]),
        (target(0), 0, "plan.flat"),
        (target(2), 0, [("entry", "Buy", 2)]),
        (target(-2), 0, [("entry", "Sell", 2)]),
        (target(2), 1, [("entry", "Buy", 1)]),
        (target(-3), -1, [("entry", "Sell", 2)]),
        (target(2), 2, "plan.on_target"),
        (target(1), 2, [("reduce", "Sell", 1)]),
        (target(-1), -3, [("reduce", "Buy", 2)]),
        (target(2), -1, [("exit", "Buy", 0), ("entry", "Buy", 2)]),
        (target(-1), 4, [("exit", "Sell", 0), ("entry", "Sell", 1)]),
    ],
)
def test_table(signal: Signal, net: int, expected: object) -> None:
    assert summary(signal, net) == expected


def plan_of(signal: Signal, **changes: object) -> Plan:
    verdict = decide(signal, STRATEGY, replace(LINK, **changes), scene(Book()))  # type: ignore[arg-type] # field names vary
    assert isinstance(verdict, Plan)
    return verdict


def test_an_entry_carries_its_bracket_and_the_alerts_price() -> None:
    (entry,) = plan_of(replace(BUY, price=Decimal(20000))).drafts
    assert [(r.target, r.stop) for r in entry.exits.rungs] == [(Offset(20), Offset(10))]
    assert (entry.contract, entry.reference_price) == (FRONT, Decimal(20000))


def test_the_entry_of_a_reverse_waits_for_its_exit() -> None:
    verdict = decide(SELL, STRATEGY, LINK, scene(book(1)))
    assert isinstance(verdict, Plan)
    assert verdict.drafts[1].after_leg == verdict.drafts[0].leg == f"exit.{FRONT}"


def test_the_alerts_quantity_wins_and_is_scaled_once() -> None:
    (entry,) = plan_of(replace(BUY, quantity=3), multiplier=Decimal("2.5")).drafts
    assert entry.qty_contracts == 7


def test_the_cap_is_a_cap_and_zero_is_none() -> None:
    assert plan_of(replace(BUY, quantity=9), max_contracts=4).drafts[0].qty_contracts == 4
    assert plan_of(replace(BUY, quantity=9)).drafts[0].qty_contracts == 9


def test_a_zero_size_is_a_size() -> None:
    verdict = decide(replace(BUY, quantity=0), STRATEGY, LINK, scene(Book()))
    assert isinstance(verdict, Denied)
    assert (verdict.disposition, verdict.code) == (Disposition.SKIPPED, "size.zero_asked")
    no_adds = replace(STRATEGY, position_add=0)
    assert isinstance(decide(BUY, no_adds, LINK, scene(book(1))), Denied)


def test_the_strategys_size_can_be_made_to_win() -> None:
    fixed = replace(STRATEGY, size_from=SizeFrom.STRATEGY)
    verdict = decide(replace(BUY, quantity=9), fixed, LINK, scene(Book()))
    assert isinstance(verdict, Plan)
    assert verdict.drafts[0].qty_contracts == 1


def test_a_custom_ticker_takes_the_entry_to_another_contract() -> None:
    assert plan_of(BUY, custom_ticker="MNQ1!").drafts[0].contract == "MNQZ6"


def test_an_exit_goes_to_the_contract_held_not_to_the_front_month() -> None:
    verdict = decide(CLOSE, STRATEGY, LINK, scene(book(2, contract="NQU6")))
    assert isinstance(verdict, Plan)
    assert [each.contract for each in verdict.drafts] == ["NQU6"]


def test_a_close_that_names_a_side_never_ends_the_other() -> None:
    close_long = replace(CLOSE, prev_sentiment=Sentiment.LONG)
    assert summary(close_long, 2) == [("exit", "Sell", 0)]
    assert summary(close_long, -2) == "plan.other_side"


def test_a_partial_close_is_a_part_and_an_ample_one_closes_all() -> None:
    assert summary(replace(CLOSE, quantity=1), 2) == [("reduce", "Sell", 1)]
    assert summary(replace(CLOSE, quantity=2), 2) == [("exit", "Sell", 0)]
    assert summary(replace(CLOSE, quantity=1, sentiment=Sentiment.FLAT), 2) == [("exit", "Sell", 0)]


@pytest.mark.parametrize(
    ("qty", "expected"),
    [
        (1, [("NQZ6", 1)]),
        (2, [("NQZ6", 2)]),
        (4, [("NQZ6", 2), ("NQH7", 2)]),
        (5, [("NQZ6", 2), ("NQH7", 2), ("NQM7", 1)]),
    ],
)
def test_a_part_over_several_contracts_ends_the_nearest_first(
    qty: int, expected: list[tuple[str, int]]
) -> None:
    months = (Held("NQH7", "NQ", 2), Held("NQZ6", "NQ", 2), Held("NQM7", "NQ", 2))
    verdict = decide(replace(CLOSE, quantity=qty), STRATEGY, LINK, scene(Book(held=months)))
    assert isinstance(verdict, Plan)
    assert [(each.contract, each.qty_contracts) for each in verdict.drafts] == expected
    assert {each.leg for each in verdict.drafts} == {f"reduce.{name}" for name, _ in expected}


def test_a_part_of_a_side_leaves_the_other_side_alone() -> None:
    spread = (Held("NQZ6", "NQ", -2), Held("NQH7", "NQ", 4))
    short = replace(CLOSE, quantity=1, prev_sentiment=Sentiment.SHORT)
    verdict = decide(short, STRATEGY, LINK, scene(Book(held=spread)))
    assert isinstance(verdict, Plan)
    assert [(each.contract, each.action) for each in verdict.drafts] == [("NQZ6", Action.BUY)]
    on_target = decide(target(1), STRATEGY, LINK, scene(Book(held=spread)))
    assert isinstance(on_target, Plan)
    assert [(each.contract, each.action) for each in on_target.drafts] == [("NQH7", Action.SELL)]


def open_entry(state: IntentState = IntentState.PENDING) -> OpenIntent:
    return OpenIntent(
        IntentId(uuid4()), Role.ENTRY, Action.BUY, "NQ", FRONT, 1, state, account_seq=1
    )


def test_a_close_behind_an_unfilled_entry_is_not_a_no_op() -> None:
    verdict = decide(CLOSE, STRATEGY, LINK, scene(Book(open_intents=(open_entry(),))))
    assert isinstance(verdict, Plan)
    assert [each.role for each in verdict.drafts] == [Role.EXIT]


def test_a_second_close_behind_an_open_exit_is_a_no_op() -> None:
    leave = replace(open_entry(), role=Role.EXIT, action=Action.SELL, account_seq=2)
    verdict = decide(CLOSE, STRATEGY, LINK, scene(replace(book(1), open_intents=(leave,))))
    assert isinstance(verdict, Denied)
    assert verdict.code == "plan.flat"


TAKE_BACK = replace(CLOSE, kind=SignalKind.CANCEL)


def test_taking_back_means_the_entries_of_the_root_and_nothing_else() -> None:
    resting = replace(open_entry(IntentState.WORKING), account_seq=3)
    waiting = replace(open_entry(), account_seq=4)
    other = replace(open_entry(), root="ES", contract="ESZ6", account_seq=5)
    leave = replace(open_entry(), role=Role.EXIT, account_seq=6)
    known = replace(book(2), open_intents=(waiting, resting, other, leave))
    verdict = decide(TAKE_BACK, STRATEGY, LINK, scene(known))
    assert isinstance(verdict, Plan)
    assert (verdict.drafts, verdict.code) == ((), "plan.withdraw")
    assert verdict.withdraws == (resting.id, waiting.id)
    assert verdict.disposition is Disposition.FILLED
    everywhere = replace(STRATEGY, symbol=None)
    verdict = decide(replace(TAKE_BACK, symbol=None), everywhere, LINK, scene(known))
    assert isinstance(verdict, Plan)
    assert set(verdict.withdraws) == {resting.id, waiting.id, other.id}


def test_one_owner_for_a_root_unless_the_account_is_shared() -> None:
    taken = Book(other_owners={"NQ": StrategyId(9)})
    verdict = decide(BUY, STRATEGY, LINK, scene(taken))
    assert isinstance(verdict, Denied)
    assert verdict.code == "netting.owned_by"
    assert isinstance(decide(BUY, STRATEGY, replace(LINK, exclusive=False), scene(taken)), Plan)


@pytest.mark.parametrize(
    ("signal", "strategy", "link", "code"),
    [
        (BUY, replace(STRATEGY, active=False), LINK, "strategy.disabled"),
        (BUY, STRATEGY, replace(LINK, enabled=False), "account.disabled"),
        (BUY, STRATEGY, replace(LINK, custom_ticker="WHAT1!"), "symbol.unknown"),
        (replace(BUY, symbol=None), replace(STRATEGY, symbol=None), LINK, "symbol.missing"),
    ],
)
def test_refusals(signal: Signal, strategy: Strategy, link: AccountLink, code: str) -> None:
    verdict = decide(signal, strategy, link, scene(Book()))
    assert isinstance(verdict, Denied)
    assert (verdict.disposition, verdict.code) == (Disposition.BLOCKED, code)


def test_limit_and_stop_entries_lie_on_the_tick() -> None:
    limit = replace(BUY, order_type=SignalOrderType.LIMIT, limit_price=Decimal("20000.10"))
    (entry,) = plan_of(limit).drafts
    assert (entry.order_type, entry.price, entry.stop_price) == (
        OrderType.LIMIT,
        Decimal("20000.00"),
        None,
    )
    stop = replace(BUY, order_type=SignalOrderType.STOP, stop_price=Decimal("20000.25"))
    assert plan_of(stop).drafts[0].stop_price == Decimal("20000.25")


@given(
    signal=st.sampled_from([BUY, SELL, CLOSE, target(0), target(3), target(-2)]),
    net=st.integers(-5, 5),
    qty=st.none() | st.integers(0, 9),
    multiplier=st.decimals(0, 4, places=2),
    cap=st.integers(0, 5),
)
def test_plans_keep_their_promises(
    signal: Signal, net: int, qty: int | None, multiplier: Decimal, cap: int
) -> None:
    link = replace(LINK, multiplier=multiplier, max_contracts=cap)
    verdict = decide(replace(signal, quantity=qty), STRATEGY, link, scene(book(net)))
    if isinstance(verdict, Denied):
        assert verdict.disposition in (Disposition.SKIPPED, Disposition.BLOCKED)
        return
    entries = [each for each in verdict.drafts if each.role is Role.ENTRY]
    exits = [each for each in verdict.drafts if each.role.ends]
    if signal.kind is SignalKind.CLOSE:
        assert not entries
    for each in exits:
        assert each.action.sign * net < 0
    for each in entries:
        assert each.qty_contracts > 0
        assert cap == 0 or each.qty_contracts <= cap
        assert each.action.sign * net >= 0 or exits


def test_scaling_rounds_down() -> None:
    assert scaled(3, replace(LINK, multiplier=Decimal("0.5"))) == 1
    assert scaled(1, replace(LINK, multiplier=Decimal("0.5"))) == 0


STAND_LONG = replace(BUY, kind=SignalKind.STAND, side=None, sentiment=Sentiment.LONG)
REVERSE = replace(BUY, kind=SignalKind.REVERSE, side=None)


@pytest.mark.parametrize(
    ("signal", "net", "expected"),
    [
        (STAND_LONG, 0, [("entry", "Buy", 1)]),
        (STAND_LONG, 3, "plan.on_target"),
        (STAND_LONG, -3, [("exit", "Buy", 0), ("entry", "Buy", 1)]),
        (REVERSE, 0, "plan.flat"),
        (REVERSE, 2, [("exit", "Sell", 0), ("entry", "Sell", 1)]),
        (REVERSE, -2, [("exit", "Buy", 0), ("entry", "Buy", 1)]),
        (replace(REVERSE, side=Side.BUY), -2, [("exit", "Buy", 0), ("entry", "Buy", 1)]),
        (replace(REVERSE, side=Side.SELL), -2, "plan.on_target"),
        (replace(BUY, kind=SignalKind.CANCEL, side=None), 1, "plan.no_entries"),
        (replace(CLOSE, close_percent=Decimal(50)), 2, [("reduce", "Sell", 1)]),
        (replace(CLOSE, close_percent=Decimal(50)), -5, [("reduce", "Buy", 2)]),
        (replace(CLOSE, close_percent=Decimal(50)), 1, "size.zero"),
    ],
)
def test_what_is_not_an_order(signal: Signal, net: int, expected: object) -> None:
    assert summary(signal, net) == expected
