"""Entities of order strategies; type 2, the bracket, is the only one that is documented."""

from __future__ import annotations

from typing import Final

from paper.wire import Row

BRACKET_TYPE: Final = 2
LIVE_STATUS: Final = "ActiveStrategy"


class OrderStrategy(Row, frozen=True, kw_only=True):
    account_id: int
    timestamp: str
    contract_id: int
    order_strategy_type_id: int
    initiator_id: int
    action: str
    params: str | None = None
    uuid: str | None = None
    status: str
    failure_message: str | None = None
    sender_id: int | None = None
    custom_tag50: str | None = None
    user_session_id: int | None = None


class OrderStrategyLink(Row, frozen=True, kw_only=True):
    order_strategy_id: int
    order_id: int
    label: str


class OrderStrategyType(Row, frozen=True, kw_only=True):
    name: str
    enabled: bool
