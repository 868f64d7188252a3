"""What a changed record tells the house. Pure.

A record that only learned a label, a protective price or, while open, a fee, changes its row and
its version but says nothing: orders tell of prices themselves, and an open trip's fees are not
shown as news.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from recorder.record import Book, Facts, Record, Stored, trade_date_of
from shared.contracts.records import (
    PositionOpened,
    PositionResized,
    PositionVoided,
    TradeClosed,
)
from shared.contracts.registry import EventBody

_OPEN_NEWS: Final = ("opening_fill_id", "side", "qty", "open_qty", "entry_price", "exits")
_CLOSED_NEWS: Final = (
    *_OPEN_NEWS,
    "entry_at",
    "exit_at",
    "exit_reason",
    "gross_usd",
    "fees_usd",
    "fees_known",
)


def bodies(
    book: Book, facts: Facts, before: Record | None, after: Record, row_id: int, version: int
) -> list[EventBody]:
    """The events of one change, in the order in which they are true."""
    said: list[EventBody] = []
    common = _common(book, facts, after, row_id, version)
    if before is None:
        said.append(PositionOpened(**common))
    if after.exit_at is not None:
        if before is None or _differs(before, after, _CLOSED_NEWS):
            said.append(_closed(after, common, after.exit_at))
    elif before is None:
        if after.exits:
            said.append(_resized(after, common, after.closed_qty))
    elif _differs(before, after, _OPEN_NEWS):
        said.append(_resized(after, common, max(0, after.closed_qty - before.closed_qty)))
    return said


def voided(book: Book, facts: Facts, row: Stored) -> EventBody:
    return PositionVoided(**_common(book, facts, row.record, row.id, row.version + 1))


def _differs(before: Record, after: Record, names: tuple[str, ...]) -> bool:
    return any(getattr(before, name) != getattr(after, name) for name in names)


def _resized(after: Record, common: dict[str, Any], closed_qty: int) -> PositionResized:
    """`closed_qty` is what this change closed; reason and price are those of its last exit."""
    last = after.exits[-1] if closed_qty else None
    return PositionResized(
        **common,
        reason=None if last is None else str(last["reason"]),
        closed_qty=closed_qty,
        exit_price=None if last is None else last["price"],  # type: ignore[arg-type] # text of ours, which pydantic reads exactly
        gross_usd=after.gross_usd,
    )


def _closed(after: Record, common: dict[str, Any], exit_at: datetime) -> TradeClosed:
    return TradeClosed(
        **common,
        exit_price=after.exit_price,  # type: ignore[arg-type] # a flat trip has exits, so a price
        exit_at=exit_at,
        exit_reason=str(after.exit_reason),
        gross_usd=after.gross_usd,
        fees_usd=after.fees_usd,
        net_usd=after.net_usd,
        fees_known=after.fees_known,
        trade_date=trade_date_of(after.exits),
    )


def _common(book: Book, facts: Facts, record: Record, row_id: int, version: int) -> dict[str, Any]:
    return {
        "recorded_position_id": row_id,
        "strategy_id": book.strategy_id,
        "strategy_name": facts.strategy_name,
        "account_id": book.account_id,
        "account_name": facts.account_name,
        "contract": record.contract,
        "ticker": record.ticker,
        "side": record.side,
        "qty": record.qty,
        "open_qty": record.open_qty,
        "entry_price": record.entry_price,
        "entry_at": record.entry_at,
        "version": version,
    }
