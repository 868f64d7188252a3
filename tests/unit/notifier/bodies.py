"""Record events to make messages from."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from shared.contracts.records import PositionOpened, PositionResized, TradeClosed

NOON = datetime(2026, 8, 3, 12, tzinfo=UTC)


def _common(**changed: Any) -> dict[str, Any]:
    return {
        "recorded_position_id": 7, "strategy_id": 3, "strategy_name": "Opening range",
        "account_id": 5, "account_name": "DEMO1", "contract": "MESZ6", "ticker": "MES1!",
        "side": "BUY", "qty": 2, "open_qty": 2, "entry_price": Decimal("5000.2500000000"),
        "entry_at": NOON, "version": 1, **changed,
    }  # fmt: skip


def opened(**changed: Any) -> PositionOpened:
    return PositionOpened(**_common(**changed))


def resized(**changed: Any) -> PositionResized:
    part = {"reason": "Take Profit", "closed_qty": 1, "exit_price": Decimal(5010), "open_qty": 1,
            "gross_usd": Decimal("48.75"), "version": 2}  # fmt: skip
    return PositionResized(**_common(**{**part, **changed}))


def closed(**changed: Any) -> TradeClosed:
    end = {
        "exit_price": Decimal("4990.25"), "exit_at": NOON, "exit_reason": "Stop Loss",
        "gross_usd": Decimal(-100), "fees_usd": Decimal("1.24"), "net_usd": Decimal("-101.24"),
        "fees_known": True, "trade_date": date(2026, 8, 3), "open_qty": 0, "version": 3,
    }  # fmt: skip
    return TradeClosed(**_common(**{**end, **changed}))
