"""What PostgreSQL counts of closed trades, against a count of the trades themselves."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from typing import Any, Final

import asyncpg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from typer.testing import CliRunner

from cli.app import app
from shared.db import trade_counts
from shared.db.engine import make_engine
from shared.db.trade_counts import Counted
from shared.db.uow import read_only
from tests.fixtures.servers import DatabaseUrls

RIGHT: Final = Counted(0, 0)
TRIPS: Final = 400
# A user, her strategies and accounts, and trips that a trade may be made of.
WORLD: Final = f"""
INSERT INTO users (username, password_hash) VALUES ('ann', 'x'), ('bob', 'x');
INSERT INTO strategies (user_id, name, name_key, webhook_key_hash)
  SELECT 1, 'S' || n, 's' || n, ('k' || n)::bytea FROM generate_series(1, 3) n;
INSERT INTO broker_connections (user_id, name, environment, login_name, device_id)
  VALUES (1, 'Paper', 'paper', 'ann', 'd');
INSERT INTO accounts (user_id, connection_id, broker_account_id, name)
  SELECT 1, 1, 700 + n, 'A' || n FROM generate_series(1, 2) n;
INSERT INTO jobs (user_id, kind, params) VALUES (1, 'import_trades', '{{}}');
INSERT INTO recorded_positions (user_id, strategy_id, account_id, opening_fill_id, contract, root,
    side, qty, open_qty, entry_price, entry_at, gross_usd, fees_usd, net_usd, fees_known, status,
    version)
  SELECT 1, 1, 1, n, 'ESH6', 'ES', 'BUY', 1, 0, 5000, '2026-03-02 15:00+00', 0, 0, 0, true,
    'closed', 1 FROM generate_series(1, {TRIPS}) n;
"""  # noqa: S608 - a number of our own
ADD: Final = """
INSERT INTO {table} (user_id, {own}, strategy_id, contract, root, ticker, timeframe, side,
    qty, entry_price, exit_price, entry_at, exit_at, exit_reason, gross_usd, fees_usd, net_usd,
    trade_date)
SELECT 1, {values}, 1 + n % 3, (ARRAY['ESH6', 'ESM6'])[1 + n % 2], 'ES',
    (ARRAY['ES1!', 'es1!', NULL])[1 + n % 3], (ARRAY['5', NULL])[1 + n % 2],
    (ARRAY['BUY', 'SELL'])[1 + (n / 2) % 2], 1 + n % 4, 5000, 5001, '2026-03-02 15:00+00',
    '2026-03-02 15:00+00'::timestamptz + n * interval '7 hours',
    (ARRAY['Stop Loss', 'Take Profit'])[1 + (n / 3) % 2], n % 5, 0.1, n % 5 - 2,
    '2026-03-02'::date + (n * 7 / 24)
FROM unnest($1::int[]) n ON CONFLICT DO NOTHING
"""
RECORDED: Final = ADD.format(
    table="trades", own="recorded_position_id, account_id", values="n, 1 + n % 2"
)
IMPORTED: Final = ADD.format(
    table="imported_trades", own="job_id, fingerprint", values="1, n::text::bytea"
)
CHANGES: Final = (
    "UPDATE {table} SET net_usd = net_usd - 1.5, fees_usd = fees_usd + 1.5 WHERE id = ANY($1)",
    "UPDATE {table} SET trade_date = trade_date - 3 WHERE id = ANY($1)",
    "UPDATE {table} SET strategy_id = 1 + strategy_id % 3 WHERE id = ANY($1)",
    "UPDATE {table} SET ticker = 'MES1!', root = 'MES', contract = 'MESM6' WHERE id = ANY($1)",
    "UPDATE {table} SET exit_reason = 'Manual', side = 'SELL', qty = qty + 1 WHERE id = ANY($1)",
    "DELETE FROM {table} WHERE id = ANY($1)",
    "DELETE FROM {table} WHERE strategy_id = 1 + ($1::int[])[1] % 3 AND trade_date > '2026-04-01'",
)


@pytest.fixture
async def db(
    fresh_database: DatabaseUrls, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[asyncpg.Connection[Any]]:
    monkeypatch.setenv("DATABASE_URL", fresh_database.owner)
    owner = await asyncpg.connect(fresh_database.owner.replace("+asyncpg", ""))
    await owner.execute(WORLD)
    yield owner
    await owner.close()


@pytest.fixture
async def engine(fresh_database: DatabaseUrls) -> AsyncIterator[AsyncEngine]:
    made = make_engine(fresh_database.owner, "tests", pool_size=2)
    yield made
    await made.dispose()


async def _wrong(engine: AsyncEngine) -> Counted:
    async with read_only(engine) as connection:
        return await trade_counts.verify(connection)


async def _live(db: asyncpg.Connection[Any], dice: random.Random, steps: int) -> None:
    """Trades come, are corrected, given to another strategy, busted and taken back."""
    for _ in range(steps):
        table = dice.choice(("trades", "imported_trades"))
        some = [dice.randint(1, TRIPS) for _ in range(dice.choice((1, 1, 3, 40)))]
        if dice.random() < 0.5:
            await db.execute(RECORDED if table == "trades" else IMPORTED, some)
        else:
            await db.execute(dice.choice(CHANGES).format(table=table), some)


@pytest.mark.parametrize("seed", range(4))
async def test_m141_totals_stay_what_the_trades_come_to(
    db: asyncpg.Connection[Any], engine: AsyncEngine, seed: int
) -> None:
    dice = random.Random(seed)  # noqa: S311 - a history, not a secret
    for _ in range(4):
        await _live(db, dice, 15)
        assert await _wrong(engine) == RIGHT
    assert await db.fetchval("SELECT count(*) FROM trade_groups") > 0
    await db.execute("DELETE FROM trades")
    await db.execute("DELETE FROM imported_trades")
    kept = "SELECT (SELECT count(*) FROM trade_groups) + (SELECT count(*) FROM trade_days)"
    assert await db.fetchval(kept) == 0


async def test_a_trade_that_is_taken_back_counts_nothing(
    db: asyncpg.Connection[Any], engine: AsyncEngine
) -> None:
    await db.execute(RECORDED, [1, 2, 3])
    taken_back = db.transaction()
    await taken_back.start()
    await db.execute(RECORDED, [4, 5])
    await taken_back.rollback()
    assert await db.fetchval("SELECT sum(trades) FROM trade_groups WHERE contract = ''") == 3
    assert await _wrong(engine) == RIGHT


async def test_two_who_close_at_once_are_both_counted(
    db: asyncpg.Connection[Any], engine: AsyncEngine, fresh_database: DatabaseUrls
) -> None:
    """The second waits for the first, and then adds to what it left."""
    other = await asyncpg.connect(fresh_database.owner.replace("+asyncpg", ""))
    try:
        first = db.transaction()
        await first.start()
        await db.execute(RECORDED, [1, 13])
        late = asyncio.create_task(other.execute(RECORDED, [25, 7]))
        await first.commit()
        await late
    finally:
        await other.close()
    assert await db.fetchval("SELECT sum(trades) FROM trade_groups WHERE contract = ''") == 4
    assert await _wrong(engine) == RIGHT


@pytest.mark.parametrize("service", ["api", "recorder"])
async def test_no_service_may_write_a_total(
    db: asyncpg.Connection[Any], fresh_database: DatabaseUrls, service: str
) -> None:
    await db.execute(RECORDED, [1])
    mine = await asyncpg.connect(getattr(fresh_database, service).replace("+asyncpg", ""))
    try:
        for table in ("trade_groups", "trade_days"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await mine.execute(f"UPDATE {table} SET trades = 9")  # noqa: S608 - a name of ours
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await mine.execute("SELECT tm_count_trades('{}')")
        for user, seen in (("", 0), ("1", 1), ("2", 0)):
            await mine.execute("SELECT set_config('app.user_id', $1, false)", user)
            found = await mine.fetchval("SELECT count(*) FROM trade_groups WHERE contract = ''")
            assert found == (seen if service == "api" else 1)
    finally:
        await mine.close()


def _recount(*arguments: str) -> tuple[int, str]:
    found = CliRunner().invoke(app, ["recount", *arguments])
    return found.exit_code, found.output


async def test_a_wrong_total_is_found_and_mended(
    db: asyncpg.Connection[Any], engine: AsyncEngine
) -> None:
    await db.execute(RECORDED, [*range(1, 60)])
    await db.execute(IMPORTED, [*range(1, 60)])
    code, told = await asyncio.to_thread(_recount, "--check")
    assert (code, told) == (0, "Every total is what the trades come to.\n")
    await db.execute("UPDATE trade_groups SET net_usd = net_usd + 0.01 WHERE root = 'ES'")
    await db.execute("DELETE FROM trade_days WHERE trade_date > '2026-03-10'")
    assert (await asyncio.to_thread(_recount, "--check"))[0] == 1
    code, told = await asyncio.to_thread(_recount)
    assert code == 0
    assert "counted anew" in told
    assert await _wrong(engine) == RIGHT
