"""Events about differences between a strategy's book and the broker's, written by execution."""

from __future__ import annotations

from typing import ClassVar, Self

from shared.contracts.registry import EventBody, register
from shared.contracts.streams import EVENTS
from shared.domain.drift import Drift


@register
class DriftFound(EventBody):
    """Two books have parted; `code` names how, `compared` holds the values, `message` says it.

    `strategy_id` 0: it is no single strategy's. `holds_entries`: no entry of the root until it is
    over or released.
    """

    type: ClassVar[str] = "drift.found.v1"
    stream: ClassVar[str] = EVENTS

    drift_id: int
    account_id: int
    strategy_id: int
    root: str
    contract: str
    code: str
    message: str
    compared: dict[str, str]
    policy: str
    holds_entries: bool

    @classmethod
    def of(cls, drift_id: int, drift: Drift) -> Self:
        return cls(
            drift_id=drift_id,
            account_id=drift.account_id,
            strategy_id=drift.strategy_id,
            root=drift.root,
            contract=drift.contract,
            code=drift.kind.value,
            message=drift.message,
            compared=dict(drift.compared),
            policy=drift.policy.value,
            holds_entries=drift.holds_entries,
        )


@register
class DriftEnded(EventBody):
    """`ending` says how: clean, changed, followed, healed or given."""

    type: ClassVar[str] = "drift.ended.v1"
    stream: ClassVar[str] = EVENTS

    drift_id: int
    account_id: int
    strategy_id: int
    contract: str
    code: str
    ending: str
