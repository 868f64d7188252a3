from __future__ import annotations

import pytest

from shared.domain.gates.follow import not_followed
from shared.domain.ids import StrategyId
from shared.domain.order import Action
from shared.domain.rules import StrategyRules
from shared.domain.rules.entries import Follow, FollowRule
from tests.unit.domain.gates.builders import entry


def refused(rule: FollowRule, followed: int, action: Action = Action.BUY) -> str | None:
    rules = StrategyRules(follows=(Follow(strategy_id=7, rule=rule),))
    denied = not_followed(
        entry(rules=rules, action=action, scene={"followed": {StrategyId(7): followed}})
    )
    return None if denied is None else denied.code


SAME, AGAINST = FollowRule.SAME_SIDE, FollowRule.OPPOSITE_SIDE
OPEN, FLAT = FollowRule.WHILE_OPEN, FollowRule.WHILE_FLAT


@pytest.mark.parametrize(
    ("rule", "followed", "buys", "sells"),
    [
        (SAME, 2, True, False),
        (SAME, -1, False, True),
        (SAME, 0, False, False),
        (AGAINST, 2, False, True),
        (AGAINST, -1, True, False),
        (AGAINST, 0, False, False),
        (OPEN, 1, True, True),
        (OPEN, -1, True, True),
        (OPEN, 0, False, False),
        (FLAT, 0, True, True),
        (FLAT, 1, False, False),
        (FLAT, -3, False, False),
    ],
)
def test_rules(rule: FollowRule, followed: int, buys: bool, sells: bool) -> None:
    code = f"follow.{rule.value}"
    assert refused(rule, followed) == (None if buys else code)
    assert refused(rule, followed, Action.SELL) == (None if sells else code)


def test_a_strategy_that_is_not_known_is_not_followed() -> None:
    rules = StrategyRules(follows=(Follow(strategy_id=7, rule=FollowRule.WHILE_FLAT),))
    denied = not_followed(entry(rules=rules, scene={"followed": {StrategyId(8): 0}}))
    assert denied is not None
    assert (denied.code, denied.detail) == ("follow.unknown", {"followed": "7"})


def test_all_rules_must_hold() -> None:
    rules = StrategyRules(
        follows=(Follow(strategy_id=7), Follow(strategy_id=8, rule=FollowRule.WHILE_FLAT))
    )
    both = {StrategyId(7): 1, StrategyId(8): 0}
    assert not_followed(entry(rules=rules, scene={"followed": both})) is None
    denied = not_followed(entry(rules=rules, scene={"followed": {**both, StrategyId(8): 1}}))
    assert denied is not None
    assert denied.detail == {"followed": "8", "position": "1"}


def test_nobody_to_follow() -> None:
    assert not_followed(entry(scene={"followed": {}})) is None
