"""When an add is due: never too near, never at the stop, never once more than allowed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.average_down import Market, Sinking, doubts, is_due, step
from shared.domain.decision.decide import decide_average
from shared.domain.decision.scene import Scene
from shared.domain.ids import AccountId, StrategyId, UserId
from shared.domain.instruments import PRODUCTS
from shared.domain.order import Action
from shared.domain.plan import Book, Denied, Held, Plan
from shared.domain.position import Position
from shared.domain.price import is_on_tick
from shared.domain.rules import StrategyRules
from shared.domain.rules.bracket import AverageDown, Bracket, DistanceUnit, Stop
from shared.domain.rules.entries import Direction, EntryRules
from shared.domain.strategy import AccountLink, SizeFrom, Strategy

NOW = datetime(2026, 11, 3, 15, tzinfo=UTC)  # a Tuesday with every market open
ENTERED = Decimal(20000)
RULE = AverageDown(step=Decimal(20), contracts=2, times=3)
SINKING = Sinking(
    account_id=AccountId(1),
    strategy_id=StrategyId(1),
    contract="NQZ6",
    root="NQ",
    position=Position(1, ENTERED),
    rule=RULE,
    opener_seq=7,
    opener_signal=None,
    tried=0,
    worst_entry=ENTERED,
    stop=None,
    is_stopped=False,
    tick=Decimal("0.25"),
)
UNITS = st.sampled_from(sorted(set(DistanceUnit) - {DistanceUnit.PRICE}))


def at(price: str | Decimal) -> Market:
    return Market(Decimal(price), Decimal(price))


@given(
    amount=st.decimals("0.01", 1_000, places=2),
    unit=UNITS,
    root=st.sampled_from(sorted(PRODUCTS)),
    net=st.sampled_from([-1, 1]),
    ticks=st.integers(-400, 400),
)
def test_an_add_is_due_a_whole_step_against_the_worst_entry_and_not_before(
    amount: Decimal, unit: DistanceUnit, root: str, net: int, ticks: int
) -> None:
    tick = PRODUCTS[root].tick_size
    found = replace(
        SINKING,
        root=root,
        tick=tick,
        rule=AverageDown(step=amount, unit=unit),
        position=Position(net, ENTERED),
    )
    away = step(found)
    assert away >= tick
    assert is_on_tick(away, tick)
    against = (ENTERED - (ENTERED + ticks * tick)) * net
    assert is_due(found, at(ENTERED + ticks * tick)) is (against >= away)


@given(
    prices=st.lists(st.integers(-400, 40), max_size=30),
    net=st.sampled_from([-1, 1]),
    times=st.integers(1, 5),
)
def test_adds_of_one_position_are_never_closer_than_a_step(
    prices: list[int], net: int, times: int
) -> None:
    rule = RULE.model_copy(update={"times": times})
    found, entered = replace(SINKING, position=Position(net, ENTERED), rule=rule), [ENTERED]
    for ticks in prices:
        price = ENTERED + ticks * SINKING.tick * net
        if is_due(found, at(price)):
            entered.append(price)
            found = replace(found, tried=found.tried + 1, worst_entry=price)
    gaps = [(a - b) * net for a, b in pairwise(entered)]
    assert all(gap >= step(found) for gap in gaps)
    assert len(entered) <= 1 + times


@pytest.mark.parametrize(
    ("change", "price", "due"),
    [
        ({}, "19995", True),
        ({"tried": 3}, "19900", False),
        ({"position": Position(0, None)}, "19900", False),
        ({"is_stopped": True, "stop": Decimal(19990)}, "19990.25", True),
        ({"is_stopped": True, "stop": Decimal(19990)}, "19990", False),
        ({"is_stopped": True, "stop": Decimal(19990)}, "19980", False),
        ({"is_stopped": True}, "19995", False),
    ],
)
def test_not_at_a_stop_nor_while_one_is_missing(
    change: dict[str, object], price: str, due: bool
) -> None:
    assert is_due(replace(SINKING, **change), at(price)) is due  # type: ignore[arg-type] # a table of fields


def test_the_stop_is_met_by_the_price_that_closes() -> None:
    found = replace(SINKING, is_stopped=True, stop=Decimal(19990))
    assert not is_due(found, Market(enters_at=Decimal("19990.25"), closes_at=Decimal(19990)))


def strategy(**rules: object) -> Strategy:
    return Strategy(
        id=StrategyId(1),
        user_id=UserId(1),
        name="S",
        symbol="NQ1!",
        active=True,
        position_size=5,
        position_add=5,
        size_from=SizeFrom.STRATEGY,
        rules=StrategyRules(**rules),  # type: ignore[arg-type] # a table of fields
    )


LINK = AccountLink(AccountId(1), True, Decimal(1), 0, None, exclusive=True)
SCENE = Scene(Book(held=(Held("NQZ6", "NQ", 1),)), NOW, NOW.date(), quote=Decimal(19995))


def decided(
    link: AccountLink = LINK, scene: Scene = SCENE, found: Sinking = SINKING, **rules: object
) -> Plan | Denied:
    return decide_average(found, None, strategy(**rules), link, scene)


def test_its_own_size_scaled_and_capped_like_every_other() -> None:
    plan = decided()
    assert isinstance(plan, Plan)
    (draft,) = plan.drafts
    assert (draft.action, draft.qty_contracts, draft.contract) == (Action.BUY, 2, "NQZ6")
    assert draft.reference_price == Decimal(19995)
    scaled = decided(replace(LINK, multiplier=Decimal("1.5")))
    assert isinstance(scaled, Plan)
    assert scaled.drafts[0].qty_contracts == 3
    capped = decided(replace(LINK, max_contracts=2))
    assert isinstance(capped, Plan)
    assert capped.drafts[0].qty_contracts == 1
    assert decided(replace(LINK, max_contracts=1)).code == "size.zero"


@pytest.mark.parametrize("held", [(), (Held("NQZ6", "NQ", -1),)])
def test_it_never_opens_nor_turns_a_position(held: tuple[Held, ...]) -> None:
    found = decided(scene=replace(SCENE, book=Book(held=held)))
    assert isinstance(found, Denied)
    assert found.code == "average.ended"


def test_a_stop_that_the_add_would_not_have_refuses_it() -> None:
    stopped = replace(SINKING, is_stopped=True, stop=Decimal(19900))
    assert decided(found=stopped).code == "average.no_stop"
    bracket = Bracket(stop=Stop(at=Decimal(10)))
    assert isinstance(decided(found=stopped, bracket=bracket), Plan)


def test_a_side_that_is_not_traded_any_more_is_not_added_to() -> None:
    assert decided(direction=Direction.SHORT_ONLY).code == "direction.forbidden"


def test_a_price_level_that_is_stored_as_a_step_adds_nothing() -> None:
    rule = AverageDown(step=Decimal(1), unit=DistanceUnit.PRICE)
    assert not is_due(replace(SINKING, rule=rule), at("10000"))


@pytest.mark.parametrize(
    ("stop", "most", "codes"),
    [
        (None, None, []),
        (Stop(at=Decimal(21)), 3, []),
        (Stop(at=Decimal(20)), None, ["average_down.beyond_stop"]),
        (Stop(at=Decimal(20), unit=DistanceUnit.POINTS), None, []),
        (None, 2, ["average_down.more_than_adds"]),
    ],
)
def test_rules_that_keep_each_other_from_working_are_told(
    stop: Stop | None, most: int | None, codes: list[str]
) -> None:
    rules = StrategyRules(
        bracket=Bracket(stop=stop, average_down=RULE), entries=EntryRules(max_adds=most)
    )
    assert [code for code, _ in doubts(rules)] == codes
    assert list(doubts(StrategyRules())) == []
