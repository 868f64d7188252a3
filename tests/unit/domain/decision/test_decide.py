"""Every signal, position and setting, decided and carried out on paper."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.alert_signal import Sentiment, Side, Signal, SignalKind, SignalOrderType
from shared.domain.calendar import trade_date
from shared.domain.decision.ask import ask_of, inverted
from shared.domain.decision.decide import decide
from shared.domain.decision.scene import Scene
from shared.domain.errors import InvalidInput
from shared.domain.ids import AccountId, StrategyId, UserId
from shared.domain.order import OrderType, Role
from shared.domain.plan import Book, Denied, Held, Plan
from shared.domain.rules import StrategyRules
from shared.domain.rules.bracket import plain_bracket
from shared.domain.rules.entries import Direction, EntryRules, Opposite
from shared.domain.strategy import AccountLink, SizeFrom, Strategy

NOW = datetime(2026, 11, 3, 15, tzinfo=UTC)
STRATEGY = Strategy(
    id=StrategyId(1),
    user_id=UserId(1),
    name="One",
    symbol="NQ1!",
    active=True,
    position_size=2,
    position_add=1,
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
ORDER = Signal(kind=SignalKind.ORDER, dialect="test")
SENTIMENTS = (None, *Sentiment)


def signals() -> Iterator[Signal]:
    for side, after, before, qty in product(Side, SENTIMENTS, SENTIMENTS, (None, 0, 1, 2, 5)):
        yield replace(ORDER, side=side, sentiment=after, prev_sentiment=before, quantity=qty)
    for target in (-3, -1, 0, 1, 3):
        yield replace(ORDER, kind=SignalKind.TARGET, target_position=target)
    for before, qty in product(SENTIMENTS, (None, 0, 1, 2, 5)):
        yield replace(ORDER, kind=SignalKind.CLOSE, prev_sentiment=before, quantity=qty)
    yield replace(ORDER, kind=SignalKind.CLOSE, close_percent=Decimal(50))
    for where, qty in product((Sentiment.LONG, Sentiment.SHORT), (None, 0, 3)):
        yield replace(ORDER, kind=SignalKind.STAND, sentiment=where, quantity=qty)
    for to in (None, *Side):
        yield replace(ORDER, kind=SignalKind.REVERSE, side=to)
    for where_to, qty in product((None, Sentiment.LONG, Sentiment.SHORT), (None, 0, 2)):
        yield replace(ORDER, kind=SignalKind.ADD, sentiment=where_to, quantity=qty)
    yield replace(ORDER, kind=SignalKind.CANCEL)


def strategies() -> Iterator[Strategy]:
    for opposite, direction, adds in product(Opposite, Direction, (None, 0)):
        rules = StrategyRules(
            opposite=opposite, direction=direction, entries=EntryRules(max_adds=adds)
        )
        for size_from in SizeFrom:
            yield replace(STRATEGY, rules=rules, size_from=size_from)


def scene(net: int) -> Scene:
    held = (Held("NQZ6", "NQ", net),) if net else ()
    return Scene(Book(held=held), NOW, trade_date(NOW))


def carried_out(verdict: Plan | Denied, net: int) -> int:
    """The position once every order of the plan has filled; an exit can only shrink."""
    if isinstance(verdict, Denied):
        return net
    for draft in verdict.drafts:
        match draft.role:
            case Role.EXIT:
                assert draft.action.sign * net < 0
                net = 0
            case Role.REDUCE:
                assert draft.action.sign * net < 0
                assert 0 < draft.qty_contracts <= abs(net), "a part is never more than is held"
                net += draft.action.sign * draft.qty_contracts
            case _:
                net += draft.action.sign * draft.qty_contracts
    return net


def test_every_combination_keeps_the_promises() -> None:
    seen = 0
    for signal, strategy, net in product(signals(), strategies(), range(-4, 5)):
        verdict = decide(signal, strategy, LINK, scene(net))
        after = carried_out(verdict, net)
        promised(signal, strategy, net, after)
        seen += 1
    assert seen > 40_000


def promised(signal: Signal, strategy: Strategy, net: int, after: int) -> None:
    """What holds whatever the settings; written from the words, not from the table."""
    ends = signal.kind in (SignalKind.CLOSE, SignalKind.CANCEL) or signal.target_position == 0
    if signal.sentiment is Sentiment.FLAT:
        ends = True
    if signal.kind is SignalKind.ORDER and signal.sentiment not in (None, Sentiment.FLAT):
        agrees = (signal.side is Side.BUY) == (signal.sentiment is Sentiment.LONG)
        ends = not agrees
    if ends:
        assert after == 0 or (after * net > 0 and abs(after) <= abs(net)), "never grows or flips"
        return
    if signal.kind is SignalKind.ADD:
        assert after * net >= net * net, "an add never opens, shrinks or turns"
        other = signal.sentiment is not None and wanted_side(signal, net) * net < 0
        assert after == net or not other
    wanted = wanted_side(signal, net)
    if after * net > 0 and abs(after) < abs(net):
        towards = (after - net) * wanted > 0
        assert towards or after == signal.target_position, "a part goes where the alert says"
        assert strategy.rules.opposite is Opposite.NET or not towards, "only netting closes a part"
        return
    if strategy.rules.direction is Direction.LONG_ONLY:
        assert after >= 0 or after == net
    if strategy.rules.direction is Direction.SHORT_ONLY:
        assert after <= 0 or after == net
    if after not in (net, 0):
        assert after * wanted > 0, "the position goes where the alert says"
    if strategy.rules.opposite is Opposite.IGNORE and net * wanted < 0:
        assert after == net or signal.kind is SignalKind.REVERSE


def wanted_side(signal: Signal, net: int) -> int:
    match signal.kind:
        case SignalKind.TARGET:
            return signal.target_position or 0
        case SignalKind.ADD if signal.sentiment is None:
            return net
        case SignalKind.STAND | SignalKind.ADD:
            return 1 if signal.sentiment is Sentiment.LONG else -1
        case SignalKind.REVERSE if signal.side is None:
            return -net
        case _:
            return 1 if signal.side is Side.BUY else -1


@given(
    qty=st.integers(1, 50),
    multiplier=st.decimals("0.01", 9, places=2),
    size=st.integers(0, 50),
    own=st.booleans(),
)
def test_a_quantity_is_the_setting_times_the_multiplier_once(
    qty: int, multiplier: Decimal, size: int, *, own: bool
) -> None:
    strategy = replace(
        STRATEGY, position_size=size, size_from=SizeFrom.STRATEGY if own else SizeFrom.SIGNAL
    )
    link = replace(LINK, multiplier=multiplier)
    verdict = decide(replace(ORDER, side=Side.BUY, quantity=qty), strategy, link, scene(0))
    expected = int((size if own else qty) * multiplier)
    if expected == 0:
        assert isinstance(verdict, Denied)
        assert verdict.code == "size.zero"
    else:
        assert isinstance(verdict, Plan)
        assert verdict.drafts[0].qty_contracts == expected


@given(
    nets=st.lists(st.integers(1, 6), min_size=1, max_size=4),
    parts=st.lists(st.integers(1, 8), min_size=1, max_size=12),
    side=st.sampled_from([1, -1]),
)
def test_partial_exits_sum_to_the_entry(nets: list[int], parts: list[int], side: int) -> None:
    names = ("NQZ6", "NQH7", "NQM7", "NQU7")
    held = {name: side * net for name, net in zip(names, nets, strict=False)}
    asked = closed = 0
    for qty in parts:
        book = Book(held=tuple(Held(name, "NQ", net) for name, net in held.items() if net))
        part = replace(ORDER, kind=SignalKind.CLOSE, quantity=qty)
        verdict = decide(part, STRATEGY, LINK, replace(scene(0), book=book))
        asked = min(sum(nets), asked + qty)
        if isinstance(verdict, Denied):
            assert closed == asked == sum(nets)
            continue
        for draft in verdict.drafts:
            whole = abs(held[draft.contract])
            took = whole if draft.role is Role.EXIT else draft.qty_contracts
            assert 0 < took <= whole
            assert draft.action.sign == -side
            held[draft.contract] += draft.action.sign * took
            closed += took
        assert closed == asked, "exactly what was asked for, over all its contracts"


def test_a_cap_bounds_the_position_not_only_the_order() -> None:
    buy = replace(ORDER, side=Side.BUY, quantity=3)
    capped = replace(LINK, max_contracts=4)
    verdict = decide(buy, STRATEGY, capped, scene(2))
    assert isinstance(verdict, Plan)
    assert verdict.drafts[0].qty_contracts == 2
    assert isinstance(decide(buy, STRATEGY, capped, scene(4)), Denied)
    turned = decide(buy, STRATEGY, capped, scene(-9))
    assert isinstance(turned, Plan)
    assert turned.drafts[-1].qty_contracts == 3


def test_an_inverse_strategy_mirrors_and_twice_is_as_before() -> None:
    inverse = replace(STRATEGY, rules=StrategyRules(inverse=True))
    verdict = decide(replace(ORDER, side=Side.BUY), inverse, LINK, scene(0))
    assert isinstance(verdict, Plan)
    assert verdict.drafts[0].action.sign < 0
    for signal in signals():
        assert inverted(inverted(signal)) == signal


STOP_LIMIT = replace(
    ORDER, side=Side.BUY, quantity=1, order_type=SignalOrderType.STOP_LIMIT,
    stop_price=Decimal("20010.1"), limit_price=Decimal(20011),
)  # fmt: skip


def test_a_stop_limit_entry_has_both_its_prices_on_the_tick() -> None:
    verdict = decide(STOP_LIMIT, STRATEGY, LINK, scene(0))
    assert isinstance(verdict, Plan)
    (draft,) = verdict.drafts
    assert (draft.order_type, draft.stop_price, draft.price) == (
        OrderType.STOP_LIMIT, Decimal(20010), Decimal(20011),
    )  # fmt: skip


def test_of_an_inverse_stop_limit_only_the_exit_goes() -> None:
    inverse = replace(STRATEGY, rules=StrategyRules(inverse=True))
    denied = decide(STOP_LIMIT, inverse, LINK, scene(0))
    assert isinstance(denied, Denied)
    assert denied.code == "price.no_opposite"
    turned = decide(STOP_LIMIT, inverse, LINK, scene(2))
    assert isinstance(turned, Plan)
    assert [draft.role for draft in turned.drafts] == [Role.EXIT]
    assert turned.withheld == denied


def test_a_part_without_a_number_is_not_guessed() -> None:
    still_long = replace(ORDER, side=Side.SELL, sentiment=Sentiment.LONG)
    verdict = decide(still_long, STRATEGY, LINK, scene(2))
    assert isinstance(verdict, Denied)
    assert verdict.code == "size.part_unknown"
    with pytest.raises(InvalidInput):
        ask_of(still_long)


@pytest.mark.parametrize(
    ("qty", "net", "after"),
    [(2, 1, -1), (1, 1, 0), (5, 2, -3), (2, -1, -3), (2, 0, -2)],
)
def test_a_netting_strategy_counts_what_an_order_closes(qty: int, net: int, after: int) -> None:
    nets = replace(STRATEGY, rules=StrategyRules(opposite=Opposite.NET))
    verdict = decide(replace(ORDER, side=Side.SELL, quantity=qty), nets, LINK, scene(net))
    assert carried_out(verdict, net) == after


def test_pines_reversal_counts_both_sides_once() -> None:
    turn = replace(
        ORDER,
        side=Side.SELL,
        quantity=2,
        sentiment=Sentiment.SHORT,
        prev_sentiment=Sentiment.LONG,
    )
    assert carried_out(decide(turn, STRATEGY, LINK, scene(1)), 1) == -1
    nothing_held = decide(turn, STRATEGY, LINK, scene(0))
    assert isinstance(nothing_held, Denied)
    assert nothing_held.code == "size.turn_unknown"
    assert carried_out(decide(turn, STRATEGY, LINK, scene(3)), 3) == 0
