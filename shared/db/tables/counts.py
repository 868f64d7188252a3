"""Closed trades, counted: what makes totals over a million of them cost what ten thousand cost.

No service writes here. PostgreSQL's own triggers do, in the transaction that changes a trade.
Trades of the same kind (whose, of which strategy and account, in what, which way, how it ended)
are one group; a group is counted as a whole, and as it stood at the end of each of its days.
Sums over any span of days are then the difference of two rows for each group.

Each trade stands in two groups: one of all contracts of its root, and one of its contract alone.
Without the first, ten years of quarterly contracts would be forty times as many groups to read.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, Computed, Date, Index, Integer, Numeric, Table
from sqlalchemy.dialects.postgresql import UUID

from shared.db.tables import columns as c
from shared.db.tables.base import metadata

SUMS: Final = ("trades", "wins", "losses", "qty", "gross_usd", "fees_usd", "net_usd", "won_usd")
_KIND: Final = """
    md5(user_id::text || ':' || strategy_id::text || ':' || {account} || ':' || md5(root)
      || md5(upper(coalesce(ticker, ''))) || md5(coalesce(timeframe, '')) || md5(side)
      || md5(exit_reason))::uuid
"""


def kind_of_trade(account: str) -> Column[object]:
    """The group a trade counts in, as the trade itself carries it; `account` is SQL."""
    key = Computed(_KIND.format(account=account), persisted=True)
    return Column("group_key", UUID(as_uuid=True), key, nullable=False)


def _sums() -> list[Column[object]]:
    counts: list[Column[object]] = [
        Column(name, BigInteger, nullable=False) for name in SUMS if not name.endswith("_usd")
    ]
    money: list[Column[object]] = [
        Column(name, Numeric(38, 10), nullable=False) for name in SUMS if name.endswith("_usd")
    ]
    return counts + money


trade_groups = Table(
    "trade_groups",
    metadata,
    Column("key", UUID(as_uuid=True), primary_key=True),
    # What its trades carry as `group_key`.
    Column("trades_key", UUID(as_uuid=True), nullable=False),
    c.owner(),
    Column("strategy_id", BigInteger, nullable=False),
    Column("account_id", BigInteger, nullable=False),  # 0: brought in
    c.text("contract"),  # empty: of all contracts
    c.text("root"),
    c.text("ticker"),  # in capitals; empty: none was told
    c.text("timeframe"),  # empty: none was told
    c.text("side"),
    c.text("exit_reason"),
    Column("first_day", Date, nullable=False),
    Column("last_day", Date, nullable=False),
    *_sums(),
    Index("ix_trade_groups_contract", "user_id", "contract"),
    comment="Closed trades of one kind, counted and summed.",
)

trade_days = Table(
    "trade_days",
    metadata,
    Column("group_key", UUID(as_uuid=True), primary_key=True),
    Column("trade_date", Date, primary_key=True),
    c.owner(),
    Column("on_day", Integer, nullable=False),
    *_sums(),
    comment="The same at the end of each trading day: running sums, so a span is a difference.",
)
