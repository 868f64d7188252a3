"""`tm kill` where only PostgreSQL, execution and the venue are up: no API, no Redis, no screens."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import asyncpg
from typer.testing import CliRunner

from cli.app import app
from cli.seed import seed
from cli.up.credentials import Credentials, invented
from shared.domain.alert_signal import Side, Signal, SignalKind
from shared.domain.signal_json import signal_to_json
from tests.fixtures.servers import DatabaseUrls
from tests.fixtures.waiting import eventually
from tests.integration.paper.process import PASSWORD, ROOT, USER, VenueProcess, venue

NOWHERE = "redis://127.0.0.1:1/0"
WITHIN_S = 60.0
BUY = Signal(kind=SignalKind.ORDER, dialect="test", side=Side.BUY, symbol="NQ1!")


@asynccontextmanager
async def execution(
    database: DatabaseUrls, it: VenueProcess, credentials: Credentials
) -> AsyncIterator[None]:
    """`python -m execution` without a Redis to ring or hear."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "execution",
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "TM_ENV": "test",
            "TM_DATABASE_URL": database.execution,
            "TM_REDIS_URL": NOWHERE,
            "TM_VAULT_PRIVATE_KEY": credentials.vault_private_key,
            "TM_PAPER_URL": f"http://127.0.0.1:{it.port}/v1",
        },
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield
    finally:
        process.send_signal(signal.SIGKILL)
        await process.wait()


async def alert(db: asyncpg.Connection[Any]) -> int:
    """A signal as api leaves it, and nobody rings: the sweep finds it."""
    return int(
        await db.fetchval(
            "INSERT INTO signals (user_id, strategy_id, seq, status, content, received_at)"
            " SELECT s.user_id, s.id, (SELECT count(*) + 1 FROM signals), 'accepted', $1, $2"
            " FROM strategies s RETURNING id",
            json.dumps(signal_to_json(BUY)),
            datetime.now(UTC),
        )
    )


async def positions(it: VenueProcess) -> list[int]:
    """What the venue itself holds, account by account."""
    books = await it.control("ledger")
    return [row["netPos"] for book in books.values() for row in book["positions"] if row["netPos"]]


async def test_nothing_else_is_needed_to_stop_and_to_be_flat(
    fresh_database: DatabaseUrls, monkeypatch: Any
) -> None:
    monkeypatch.setenv("DATABASE_URL", fresh_database.owner)
    monkeypatch.setenv("REDIS_URL", NOWHERE)
    credentials = replace(invented(), paper_user=USER, paper_password=PASSWORD)
    db = await asyncpg.connect(fresh_database.owner.replace("+asyncpg", ""))
    async with venue() as it:
        await it.price("20000")
        url = f"http://127.0.0.1:{it.port}/v1"
        await asyncio.to_thread(seed, fresh_database.owner, credentials, paper_url=url)
        await db.execute("UPDATE strategies SET symbol = 'NQ1!', rules = '{}'")
        async with execution(fresh_database, it, credentials):
            await alert(db)

            async def not_held() -> str | None:
                ours = await db.fetchval("SELECT count(*) FROM positions WHERE net_qty = 1")
                return None if ours else "the entry has not filled"

            await eventually(not_held, within_s=WITHIN_S, what="a position of ours")
            await by_hand(it, db)
            assert sorted(await positions(it)) == [3]

            said = await asyncio.to_thread(
                CliRunner().invoke, app, ["kill", "system", "--wait", str(WITHIN_S)]
            )
            assert (said.exit_code, "Everything is flat." in said.output) == (0, True), said.output
            assert await positions(it) == []

            late = await alert(db)

            async def undecided() -> str | None:
                return None if await decision(db, late) else "the late alert is undecided"

            await eventually(undecided, within_s=WITHIN_S, what="a decision")
            assert await decision(db, late) == ("BLOCKED", "kill.system")
            entries = await db.fetchval("SELECT count(*) FROM intents WHERE role = 'entry'")
            assert (entries, await positions(it)) == (1, [])
    await db.close()


async def by_hand(it: VenueProcess, db: asyncpg.Connection[Any]) -> None:
    """Somebody buys two more at the broker's own screen."""
    token = (await it.login())["accessToken"]
    account = (await it.get("account/list", token))[0]
    bought = {
        "accountSpec": account["name"], "accountId": account["id"], "action": "Buy",
        "symbol": await db.fetchval("SELECT contract FROM positions"), "orderQty": 2,
        "orderType": "Market", "isAutomated": False,
    }  # fmt: skip
    answer = (await it.post("order/placeorder", bought, token)).json()
    assert "orderId" in answer, answer

    async def unseen() -> str | None:
        theirs = await db.fetchval("SELECT net_qty FROM positions WHERE strategy_id = 0")
        return None if theirs == 2 else "the trade by hand is not seen"

    await eventually(unseen, within_s=WITHIN_S, what="the trade by hand")


async def decision(db: asyncpg.Connection[Any], signal_id: int) -> tuple[str, str] | None:
    row = await db.fetchrow(
        "SELECT disposition, code FROM signal_decisions WHERE signal_id = $1", signal_id
    )
    return None if row is None else (row["disposition"], row["code"])
