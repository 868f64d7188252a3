"""Sample data of a local run: a user, the paper login with its accounts, and one strategy.

Written once and by the owner's role; a second call changes nothing and only reads the keys.
"""

from __future__ import annotations

import asyncio
import json
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any, Final
from uuid import uuid4

import asyncpg

from cli.up.credentials import Credentials
from shared.domain.names import name_key
from shared.domain.rules.bracket import plain_bracket

STRATEGY: Final = "Sample"
SYMBOL: Final = "MNQ1!"
# Close enough to be reached within a minute by the paper venue's prices.
TAKE_PROFIT_TICKS: Final = 8
STOP_LOSS_TICKS: Final = 8
_VENUE_TIMEOUT_S: Final = 30.0
_ASK_AGAIN_S: Final = 0.1


@dataclass(frozen=True, slots=True)
class Seeded:
    webhook_key: str
    strategy: str


@dataclass(frozen=True, slots=True)
class VenueAccount:
    id: int
    name: str


def seed(owner_url: str, credentials: Credentials, *, paper_url: str) -> Seeded:
    """Idempotent. Raises `TimeoutError` when the venue does not answer within half a minute."""
    return asyncio.run(_seed(owner_url, credentials, paper_url))


async def _seed(owner_url: str, credentials: Credentials, paper_url: str) -> Seeded:
    from shared.domain.webhook_key import webhook_key

    db = await asyncpg.connect(owner_url.replace("+asyncpg", "", 1))
    try:
        async with db.transaction():
            user = await _user(db, credentials)
            accounts = await open_accounts(db, user, credentials, paper_url)
            strategy, version = await _strategy(db, user, accounts, credentials)
    finally:
        await db.close()
    key = webhook_key(credentials.secret_key.encode(), strategy, version)
    return Seeded(key, STRATEGY)


async def _user(db: Any, credentials: Credentials) -> int:
    known = await db.fetchval(
        "SELECT id FROM users WHERE lower(username) = lower($1)", credentials.user
    )
    if known is not None:
        return int(known)
    from api.security.passwords import make_context

    return int(
        await db.fetchval(
            "INSERT INTO users (username, password_hash, admin) VALUES ($1, $2, true) RETURNING id",
            credentials.user,
            make_context().hash(credentials.password),
        )
    )


async def open_accounts(db: Any, user: int, credentials: Credentials, paper_url: str) -> list[int]:
    """The ids of all accounts under the paper login, which is made known unless it is."""
    known = await db.fetch(
        "SELECT a.id FROM accounts a JOIN broker_connections c ON c.id = a.connection_id"
        " WHERE c.user_id = $1 AND c.environment = 'paper' AND c.login_name = $2 ORDER BY a.id",
        user,
        credentials.paper_user,
    )
    if known:
        return [int(row["id"]) for row in known]
    connection = await _connection(db, user, credentials)
    rows = [
        await db.fetchval(
            "INSERT INTO accounts (user_id, connection_id, broker_account_id, name)"
            " VALUES ($1, $2, $3, $4) RETURNING id",
            user,
            connection,
            account.id,
            account.name,
        )
        for account in await asyncio.to_thread(venue_accounts, credentials, paper_url)
    ]
    return [int(row) for row in rows]


async def _connection(db: Any, user: int, credentials: Credentials) -> int:
    """The row's id is taken first: the sealed password opens in this row only."""
    from shared.vault import Sealer

    connection = await db.fetchval("SELECT nextval('broker_connections_id_seq')")
    sealed = Sealer(credentials.vault_public_key).seal(
        credentials.paper_password.encode(),
        table="broker_connections",
        row_id=connection,
        column="password_sealed",
    )
    await db.execute(
        "INSERT INTO broker_connections (id, user_id, name, environment, login_name,"
        " password_sealed, device_id) OVERRIDING SYSTEM VALUE"
        " VALUES ($1, $2, 'Paper', 'paper', $3, $4, $5)",
        connection,
        user,
        credentials.paper_user,
        sealed,
        uuid4().hex,
    )
    return int(connection)


async def _strategy(
    db: Any, user: int, accounts: list[int], credentials: Credentials
) -> tuple[int, int]:
    known = await db.fetchrow(
        "SELECT id, key_version FROM strategies"
        " WHERE user_id = $1 AND name_key = $2 AND deleted_at IS NULL",
        user,
        name_key(STRATEGY),
    )
    if known is not None:
        return int(known["id"]), int(known["key_version"])
    from shared.domain.webhook_key import key_hash, webhook_key

    strategy = int(await db.fetchval("SELECT nextval('strategies_id_seq')"))
    key = webhook_key(credentials.secret_key.encode(), strategy, 1)
    await db.execute(
        "INSERT INTO strategies (id, user_id, name, name_key, symbol, rules,"
        " demo_account_id, webhook_key_hash) OVERRIDING SYSTEM VALUE"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        strategy,
        user,
        STRATEGY,
        name_key(STRATEGY),
        SYMBOL,
        json.dumps({"bracket": plain_bracket(TAKE_PROFIT_TICKS, STOP_LOSS_TICKS).stored()}),
        accounts[0],
        key_hash(key),
    )
    await db.execute(
        "INSERT INTO strategy_accounts (strategy_id, account_id, user_id) VALUES ($1, $2, $3)",
        strategy,
        accounts[0],
        user,
    )
    return strategy, 1


def venue_accounts(credentials: Credentials, paper_url: str) -> list[VenueAccount]:
    """The accounts of the paper login, asked over Tradovate's own protocol."""
    login = {"name": credentials.paper_user, "password": credentials.paper_password}
    device = {"appId": "trade-manager", "appVersion": "1.0", "deviceId": uuid4().hex}
    token = _ask(f"{paper_url}/auth/accesstokenrequest", {**login, **device}, None)["accessToken"]
    return [
        VenueAccount(row["id"], row["name"])
        for row in _ask(f"{paper_url}/account/list", None, token)
    ]


def _ask(url: str, body: dict[str, str] | None, token: str | None) -> Any:
    """Asks until the venue, which starts at the same moment as we do, answers."""
    headers = {"Content-Type": "application/json"}
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, headers)  # noqa: S310 - our own paper venue
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline_s = time.monotonic() + _VENUE_TIMEOUT_S
    while True:
        try:
            with opener.open(request, timeout=5) as answer:
                return json.load(answer)
        except (urllib.error.URLError, ConnectionError, TimeoutError) as error:
            if time.monotonic() > deadline_s:
                raise TimeoutError(f"the paper venue does not answer: {error}") from error
            time.sleep(_ASK_AGAIN_S)
