"""Brackets move into the rules, and back, without a number changing."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import asyncpg
from alembic import command
from alembic.config import Config

from shared.db import migrate
from shared.domain.rules import StrategyRules
from tests.fixtures.servers import PostgresServer

OLD = [([], None), ([12], 8), ([0], 0), (["2.500000"], None), ([], 3)]
NEW = [
    {},
    {"bracket": {"targets": [{"at": "12"}], "stop": {"at": "8"}}},
    {},
    {"bracket": {"targets": [{"at": "2.5"}]}},
    {"bracket": {"stop": {"at": "3"}}},
]


def test_brackets_become_rules(postgres_server: PostgresServer) -> None:
    urls = postgres_server.create("before_rules")
    config = Config()
    config.set_main_option("script_location", str(Path(migrate.__file__).parent / "migrations"))
    config.attributes["url"] = urls.owner
    try:
        command.upgrade(config, "0005")
        asyncio.run(_fill(urls.owner))
        command.upgrade(config, "0006")
        found = [json.loads(row["rules"]) for row in asyncio.run(_read(urls.owner, "rules"))]
        assert found == NEW
        assert [StrategyRules.model_validate(each).stored() for each in found] == NEW
        command.downgrade(config, "0005")
        rows = asyncio.run(_read(urls.owner, "take_profit, stop_loss, tpsl_units"))
        assert [tuple(row) for row in rows] == [
            ([], None, "Ticks"), ([12], 8, "Ticks"), ([], None, "Ticks"),
            ([2.5], None, "Ticks"), ([], 3, "Ticks"),
        ]  # fmt: skip
    finally:
        postgres_server.drop(urls.name)


async def _fill(url: str) -> None:
    connection = await _connect(url)
    user = await connection.fetchval(
        "INSERT INTO users (username, email, password_hash) VALUES ('ada', 'a@b.c', '')"
        " RETURNING id"
    )
    for number, (targets, stop) in enumerate(OLD):
        await connection.execute(
            "INSERT INTO strategies (user_id, name, name_key, take_profit, stop_loss,"
            " webhook_key_hash) VALUES ($1, $2, $2, $3, $4, $5)",
            user, str(number), targets, stop, str(number).encode(),
        )  # fmt: skip
    await connection.close()


async def _read(url: str, columns: str) -> list[asyncpg.Record]:
    connection = await _connect(url)
    rows = await connection.fetch(f"SELECT {columns} FROM strategies ORDER BY id")  # noqa: S608 - the test's own columns
    await connection.close()
    return list(rows)


async def _connect(url: str) -> asyncpg.Connection[Any]:
    return await asyncpg.connect(url.replace("+asyncpg", "", 1))
