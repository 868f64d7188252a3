"""Rules in the original's words: both ways, and nothing lost on the way."""

from __future__ import annotations

from dataclasses import fields
from datetime import time
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.strategies.schemas import UpdateIn
from api.strategies.settings import rules_of
from api.strategies.shorthand import Shorthand, shown
from shared.domain.errors import InvalidInput
from shared.domain.rules import FREE_STRATEGY, StrategyRules
from shared.domain.rules.bracket import (
    AverageDown,
    Bracket,
    BreakEven,
    DistanceUnit,
    Stop,
    Target,
    Trail,
    TrimUnit,
)
from shared.domain.rules.entries import EntryRules, Follow, FollowRule, Hours, Window
from shared.domain.rules.limits import Limits

NAMES = {1: "One", 2: "Two", 3: "Three"}


def told(rules: StrategyRules = FREE_STRATEGY, /, **body: Any) -> StrategyRules:
    return rules_of(UpdateIn.model_validate({"id": 1} | body), rules, 1, NAMES)


def test_everything_the_original_names() -> None:
    rules = told(
        TakeProfit=["10", 20, 0], Trim=[50, 50, 0], TPSL_Units="Points", Inverse=True,
        SLTP_Data={"sl": "8", "SL_Units": "Ticks", "Trim_Units": "Percent"}, DirStrat=" two ",
        Delay_Add="30", Maxcons=4,
        TimeFilter={"start1": "09:30", "stop1": "11:00", "start2": None, "stop2": ""},
    )  # fmt: skip
    points, half = DistanceUnit.POINTS, Decimal(50)
    assert rules == StrategyRules(
        inverse=True,
        follows=(Follow(strategy_id=2),),
        hours=Hours(windows=(Window(start=time(9, 30), stop=time(11)),)),
        entries=EntryRules(add_delay_s=30),
        limits=Limits(max_position_contracts=4),
        bracket=Bracket(
            targets=(
                Target(at=Decimal(10), unit=points, trim=half),
                Target(at=Decimal(20), unit=points, trim=half),
            ),
            stop=Stop(at=Decimal(8)),
            told_in=points,
        ),
    )
    assert told(rules, Inverse=False, DirStrat="", Delay_Add=0, Maxcons=0, TimeFilter=None,
                TakeProfit=[], Stoploss=0, TPSL_Units="ticks") == FREE_STRATEGY  # fmt: skip


def test_a_stop_that_trails_in_the_originals_words() -> None:
    plain = Trail(distance=Decimal(8))
    rules = told(SLTP_Data={"sl": "8", "SL_Type": "Trailing"})
    assert rules.bracket.stop == Stop(at=Decimal(8), trail=plain)
    assert told(rules, SLTP_Data={"sl": "8", "SL_Type": "trailing"}) == rules
    moved = told(rules, SLTP_Data={"sl": "4", "SL_Units": "Points"})
    points = DistanceUnit.POINTS
    trail = Trail(distance=Decimal(4), unit=points)
    assert moved.bracket.stop == Stop(at=Decimal(4), unit=points, trail=trail)
    fixed = told(moved, SLTP_Data={"sl": "4", "SL_Type": "Fixed"})
    assert fixed.bracket.stop == Stop(at=Decimal(4), unit=points)
    own = Trail(distance=Decimal(12), trigger=Decimal(20))
    kept = told(StrategyRules(bracket=Bracket(stop=Stop(at=Decimal(8), trail=own))), Stoploss=9)
    assert kept.bracket.stop == Stop(at=Decimal(9), trail=own)


@pytest.mark.parametrize(
    "data", [{"SL_Type": "Trailing"}, {"sl": 5, "SL_Units": "Price", "SL_Type": "Trailing"}]
)
def test_what_cannot_trail_is_refused(data: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput) as caught:
        told(SLTP_Data=data)
    assert caught.value.code == "settings.trailing"


def test_averaging_down_in_the_originals_words() -> None:
    data = {"avgdn": "20", "avgdnAmnt": "2", "avgdnType": "Points"}
    rules = told(SLTP_Data=data)
    down = AverageDown(step=Decimal(20), contracts=2, unit=DistanceUnit.POINTS)
    assert rules.bracket.average_down == down
    own = {"step": "20", "unit": "points", "contracts": 2, "times": 3}
    often = told(rules, rules={"bracket": {"average_down": own}})
    assert told(often, SLTP_Data=data) == often
    assert told(often, SLTP_Data={"avgdnAmnt": 1}).bracket.average_down == down.model_copy(
        update={"contracts": 1, "times": 3}
    )
    off = {"avgdn": "0", "avgdnAmnt": "0", "avgdnType": ""}
    assert told(often, SLTP_Data=off) == FREE_STRATEGY
    assert told(SLTP_Data=off | {"avgdnType": "Ticks"}) == FREE_STRATEGY


@pytest.mark.parametrize(
    "data",
    [
        {"avgdn": 1},
        {"avgdn": 1, "avgdnAmnt": 1},
        {"avgdnAmnt": 1, "avgdnType": "Ticks"},
        {"avgdn": 1, "avgdnAmnt": 1, "avgdnType": "Price"},
    ],
)
def test_half_of_averaging_down_is_no_rule(data: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput) as caught:
        told(SLTP_Data=data)
    assert caught.value.code == "settings.average_down"


def test_a_unit_is_remembered_for_distances_that_come_later() -> None:
    rules = told(told(TPSL_Units="Percent"), TakeProfit=[1], Stoploss=2)
    assert rules.bracket.targets == (Target(at=Decimal(1), unit=DistanceUnit.PERCENT),)
    assert rules.bracket.stop == Stop(at=Decimal(2), unit=DistanceUnit.PERCENT)


def test_what_only_our_form_can_say_stays() -> None:
    stop = Stop(at=Decimal(8), break_even=BreakEven(after_ticks=4))
    rules = StrategyRules(
        bracket=Bracket(stop=stop),
        follows=(Follow(strategy_id=3, rule=FollowRule.WHILE_FLAT), Follow(strategy_id=2)),
    )
    moved = told(rules, Stoploss=9, DirStrat="Three")
    assert moved.bracket.stop == stop.model_copy(update={"at": Decimal(9)})
    assert {(each.strategy_id, each.rule) for each in moved.follows} == {
        (3, FollowRule.WHILE_FLAT),
        (3, FollowRule.SAME_SIDE),
    }


def test_a_change_in_our_form_merges() -> None:
    rules = told(rules={"entries": {"max_adds": 2}, "limits": {"max_root_contracts": {"NQ": 1}}})
    rules = told(rules, rules={"entries": {"cooldown_s": 5}, "inverse": True})
    assert rules.entries == EntryRules(max_adds=2, cooldown_s=5)
    assert rules.limits.max_root_contracts == {"NQ": 1}
    rules = told(rules, rules={"entries": {"max_adds": None}, "bracket": {"targets": []}})
    assert rules.entries == EntryRules(cooldown_s=5)
    assert told(rules, rules={"entries": {"max_adds": 0}}).entries.max_adds == 0


def test_nobody_follows_themselves_and_what_is_gone_stands_in_nobodys_way() -> None:
    with pytest.raises(InvalidInput) as refused:
        told(rules={"follows": [{"strategy_id": 1}]})
    assert refused.value.code == "follow.self"
    gone = StrategyRules(follows=(Follow(strategy_id=99),))
    assert told(gone, Inverse=True).follows == gone.follows


_AMOUNTS = st.integers(1, 10_000).map(lambda n: Decimal(n) / 4)
_TIMES = st.times().map(lambda at: at.replace(microsecond=0))
_TARGETS = st.builds(
    Target, at=_AMOUNTS, unit=st.sampled_from(DistanceUnit),
    trim=st.none() | _AMOUNTS, trim_unit=st.sampled_from(TrimUnit),
)  # fmt: skip
_AVERAGES = st.builds(
    AverageDown, step=_AMOUNTS, contracts=st.integers(1, 9), times=st.integers(1, 9),
    unit=st.sampled_from(sorted(set(DistanceUnit) - {DistanceUnit.PRICE})),
)  # fmt: skip
_RULES = st.builds(
    StrategyRules,
    inverse=st.booleans(),
    follows=st.lists(
        st.builds(Follow, strategy_id=st.sampled_from([2, 3]), rule=st.sampled_from(FollowRule)),
        max_size=3,
    ).map(tuple),
    hours=st.builds(
        Hours, windows=st.lists(st.builds(Window, start=_TIMES, stop=_TIMES), max_size=3).map(tuple)
    ),
    bracket=st.builds(
        Bracket,
        targets=st.lists(_TARGETS, max_size=4).map(tuple),
        stop=st.none() | st.builds(Stop, at=_AMOUNTS, unit=st.sampled_from(DistanceUnit)),
        average_down=st.none() | _AVERAGES,
    ),
)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)  # a busy machine
@given(_RULES)
def test_what_was_shown_changes_nothing_when_it_is_told_back(rules: StrategyRules) -> None:
    short = shown(rules, NAMES)
    body = {field.name: getattr(short, field.name) for field in fields(Shorthand)}
    window = {
        field.name: getattr(short.time_filter, field.name) for field in fields(short.time_filter)
    }
    body |= {
        "time_filter": window,
        "take_profit": list(short.take_profit),
        "trim": list(short.trim),
    }
    assert told(rules, **body) == rules
    assert StrategyRules.model_validate(rules.stored()) == rules


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)  # a busy machine
@given(_RULES, st.sampled_from(["Inverse", "Delay_Add", "Maxcons"]))
def test_a_change_of_one_rule_leaves_the_others(rules: StrategyRules, name: str) -> None:
    value = not rules.inverse if name == "Inverse" else 7
    changed = told(rules, **{name: value})
    group = {"Inverse": "inverse", "Delay_Add": "entries", "Maxcons": "limits"}[name]
    same = set(StrategyRules.model_fields) - {group}
    assert all(getattr(changed, field) == getattr(rules, field) for field in same)
    assert getattr(changed, group) != getattr(rules, group)
