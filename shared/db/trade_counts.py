"""Closed trades counted once more, from the trades alone: to prove what the triggers kept.

The words are others than the triggers': an error in one does not repeat itself in the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.db.tables.counts import SUMS, trade_days, trade_groups

_CLOSED: Final = """
WITH closed AS (
  SELECT user_id, strategy_id, account_id, contract, root, ticker, timeframe, side, exit_reason,
    trade_date, qty, gross_usd, fees_usd, net_usd, group_key FROM trades
  UNION ALL
  SELECT user_id, strategy_id, 0, contract, root, ticker, timeframe, side, exit_reason,
    trade_date, qty, gross_usd, fees_usd, net_usd, group_key FROM imported_trades
), kinds AS (
  SELECT closed.*, group_key AS key, '' AS of_contract FROM closed
  UNION ALL
  SELECT closed.*, md5(group_key::text || contract)::uuid, contract FROM closed
), counted AS (
  SELECT key, trade_date, user_id, count(*) AS trades,
    sum(CASE WHEN net_usd > 0 THEN 1 ELSE 0 END) AS wins,
    sum(CASE WHEN net_usd < 0 THEN 1 ELSE 0 END) AS losses,
    sum(qty) AS qty, sum(gross_usd) AS gross_usd, sum(fees_usd) AS fees_usd,
    sum(net_usd) AS net_usd, sum(greatest(net_usd, 0)) AS won_usd,
    min(group_key::text)::uuid AS trades_key, min(strategy_id) AS strategy_id,
    min(account_id) AS account_id, min(of_contract) AS contract, min(root) AS root,
    min(upper(coalesce(ticker, ''))) AS ticker, min(coalesce(timeframe, '')) AS timeframe,
    min(side) AS side, min(exit_reason) AS exit_reason
  FROM kinds GROUP BY key, trade_date, user_id
)
"""


def _columns(of: str) -> str:
    names = (trade_groups if of == "groups" else trade_days).columns.keys()
    return ", ".join(names)


def _truth(of: str) -> str:
    """The rows that should be there."""
    if of == "days":
        sums = ", ".join(
            f"sum({name}) OVER (PARTITION BY key ORDER BY trade_date) AS {name}" for name in SUMS
        )
        return (
            f"SELECT key AS group_key, trade_date, user_id, trades AS on_day, {sums} FROM counted"  # noqa: S608 - names of our own
        )
    sums = ", ".join(f"sum({name}) AS {name}" for name in SUMS)
    kind = ", ".join(
        f"min({name}) AS {name}"
        for name in ("strategy_id", "account_id", "contract", "root", "ticker", "timeframe")
    )
    return f"""
        SELECT key, min(trades_key::text)::uuid AS trades_key, user_id, {kind},
          min(side) AS side, min(exit_reason) AS exit_reason, min(trade_date) AS first_day,
          max(trade_date) AS last_day, {sums}
        FROM counted GROUP BY key, user_id"""  # noqa: S608 - names of our own


def _compare(of: str) -> str:
    columns = _columns(of)
    kept, truth = f"SELECT {columns} FROM trade_{of}", f"SELECT {columns} FROM ({_truth(of)}) t"  # noqa: S608 - names of our own
    return f"""{_CLOSED}
        SELECT count(*) FROM (
          (({kept}) EXCEPT ({truth})) UNION ALL (({truth}) EXCEPT ({kept}))
        ) differing"""  # noqa: S608 - names of our own


@dataclass(frozen=True, slots=True)
class Counted:
    """`groups` and `days`: rows that are kept and wrong, or right and missing."""

    groups: int
    days: int

    @property
    def is_right(self) -> bool:
        return self.groups == 0 and self.days == 0


async def verify(connection: AsyncConnection) -> Counted:
    """Compare every kept row with the trades. Asked as the owner of the tables."""
    found = [
        (await connection.execute(text(_compare(of)))).scalar_one() for of in ("groups", "days")
    ]
    return Counted(*found)


async def rebuild(connection: AsyncConnection) -> Counted:
    """Write them anew in the caller's transaction; returns what was wrong before.

    Trades can be read meanwhile; who closes one waits.
    """
    await connection.execute(text("LOCK TABLE trades, imported_trades IN SHARE ROW EXCLUSIVE MODE"))
    before = await verify(connection)
    for of in () if before.is_right else ("groups", "days"):
        columns = _columns(of)
        await connection.execute(text(f"DELETE FROM trade_{of}"))  # noqa: S608 - names of our own
        written = f"INSERT INTO trade_{of} ({columns}) SELECT {columns} FROM ({_truth(of)}) t"  # noqa: S608 - names of our own
        await connection.execute(text(_CLOSED.replace("\nWITH", "WITH", 1) + written))
    return before
