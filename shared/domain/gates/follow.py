"""Entries that depend on the position of another strategy.

Every rule of the list must hold. The scene tells the signed contracts of each followed strategy;
one it does not tell of has been removed, or is somebody else's, and nothing is entered.
"""

from __future__ import annotations

from typing import Final, assert_never

from shared.domain.decision.entry import Entry
from shared.domain.gates.refusal import Refusal
from shared.domain.ids import StrategyId
from shared.domain.plan import Denied
from shared.domain.rules.entries import FollowRule

_POSITION: Final = "the position of the followed strategy"

UNKNOWN: Final = Refusal(
    "follow.unknown", _POSITION, "It follows strategy {followed}, of which nothing is known."
)
_BROKEN: Final = {
    FollowRule.SAME_SIDE: Refusal(
        "follow.same_side",
        _POSITION,
        "It enters only on the side of strategy {followed}, whose position is {position}.",
    ),
    FollowRule.OPPOSITE_SIDE: Refusal(
        "follow.opposite_side",
        _POSITION,
        "It enters only against strategy {followed}, whose position is {position}.",
    ),
    FollowRule.WHILE_OPEN: Refusal(
        "follow.while_open",
        _POSITION,
        "It enters only while strategy {followed} has a position; that is flat.",
    ),
    FollowRule.WHILE_FLAT: Refusal(
        "follow.while_flat",
        _POSITION,
        "It enters only while strategy {followed} is flat; its position is {position}.",
    ),
}
REFUSALS: Final = (UNKNOWN, *_BROKEN.values())


def not_followed(entry: Entry) -> Denied | None:
    for follow in entry.strategy.rules.follows:
        position = entry.scene.followed.get(StrategyId(follow.strategy_id))
        if position is None:
            return UNKNOWN.deny(followed=follow.strategy_id)
        if not _holds(follow.rule, position, entry.action.sign):
            return _BROKEN[follow.rule].deny(followed=follow.strategy_id, position=position)
    return None


def _holds(rule: FollowRule, position: int, side: int) -> bool:
    match rule:
        case FollowRule.SAME_SIDE:
            return position * side > 0
        case FollowRule.OPPOSITE_SIDE:
            return position * side < 0
        case FollowRule.WHILE_OPEN:
            return position != 0
        case FollowRule.WHILE_FLAT:
            return position == 0
        case _:
            assert_never(rule)
