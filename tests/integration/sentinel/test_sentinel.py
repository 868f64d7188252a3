"""The watchman over doctored books: each breach stops its account, clean books stop nobody."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import NAMESPACE_URL, uuid4, uuid5

import asyncpg
import pytest

from sentinel.checks import CHECKS
from sentinel.watch import LOOK_EVERY_S, Watch
from shared.contracts.controls import ControlSaid
from shared.runtime.clock import SystemClock
from tests.fixtures.servers import DatabaseUrls

# The machine may be asleep for a while; how many looks it takes is what counts.
WAIT_S = 20.0


class Books:
    """One user with an account, a strategy and an entry for two contracts that has filled."""

    def __init__(self, owner: asyncpg.Connection[Any]) -> None:
        self.db = owner
        self.user = self.login = self.strategy = 0
        self.accounts: list[int] = []

    async def open(self) -> None:
        self.user = await self.db.fetchval(
            "INSERT INTO users (username, password_hash) VALUES ('ann', 'x') RETURNING id"
        )
        self.login = await self.db.fetchval(
            "INSERT INTO broker_connections (user_id, name, environment, login_name, device_id)"
            " VALUES ($1, 'Paper', 'paper', 'ann', 'd') RETURNING id",
            self.user,
        )
        self.strategy = await self.db.fetchval(
            "INSERT INTO strategies (user_id, name, name_key, webhook_key_hash, updated_at)"
            " VALUES ($1, 's', 's', 'k', now() - interval '1 hour') RETURNING id",
            self.user,
        )

    async def account(self, most: int = 0) -> int:
        number = len(self.accounts) + 1
        key = await self.db.fetchval(
            "INSERT INTO accounts (user_id, connection_id, broker_account_id, name, max_contracts,"
            " updated_at) VALUES ($1, $2, $3, $4, $5, now() - interval '1 hour') RETURNING id",
            *(self.user, self.login, number, f"P{number}", most),
        )
        await self.db.execute(
            "INSERT INTO strategy_accounts (strategy_id, account_id, user_id, created_at)"
            " VALUES ($1, $2, $3, now() - interval '1 hour')",
            *(self.strategy, key, self.user),
        )
        self.accounts.append(key)
        return int(key)

    async def entry(self, account: int, qty: int = 2, *, claimed: bool = True) -> Any:
        key, seq = uuid4(), uuid4().int % 10**9
        await self.db.execute(
            "INSERT INTO intents (id, user_id, account_id, strategy_id, cause, cause_id,"
            " account_seq, role, leg, attempt, root, contract, action, qty, order_type,"
            " time_in_force, state, filled_qty, created_at, claimed_at)"
            " VALUES ($1, $2, $3, $4, 'signal', $5, $5, 'entry', 'entry', 1, 'NQ', 'NQZ6', 'Buy',"
            " $6, 'Market', 'Day', 'FILLED', $6, now(), CASE WHEN $7 THEN now() END)",
            *(key, self.user, account, self.strategy, seq, qty, claimed),
        )
        return key

    async def order(self, account: int, intent: Any, number: int, qty: int = 2) -> None:
        await self.db.execute(
            "INSERT INTO orders (account_id, broker_order_id, user_id, contract, action, status,"
            " qty, client_id, version, as_of) VALUES ($1, $2, $3, 'NQZ6', 'Buy', 'Filled', $4, $5,"
            " 1, now())",
            *(account, number, self.user, qty, str(intent)),
        )

    async def fill(self, account: int, intent: Any, order: int, qty: int = 2) -> None:
        await self.db.execute(
            "INSERT INTO fills (account_id, broker_fill_id, user_id, broker_order_id, intent_id,"
            " strategy_id, role, root, contract, action, qty, price, trade_date, filled_at)"
            " VALUES ($1, $2, $3, $4, $5, $6, 'entry', 'NQ', 'NQZ6', 'Buy', $7, 1, now(), now())",
            *(account, uuid4().int % 10**9, self.user, order, intent, self.strategy, qty),
        )

    async def position(self, account: int, qty: int) -> None:
        await self.db.execute(
            "INSERT INTO positions (account_id, contract, strategy_id, user_id, root, net_qty,"
            " avg_price, version) VALUES ($1, 'NQZ6', $2, $3, 'NQ', $4, 1, 1)",
            *(account, self.strategy, self.user, qty),
        )

    async def clean(self, account: int) -> Any:
        """An entry as it should be."""
        entry = await self.entry(account)
        await self.order(account, entry, 1)
        await self.fill(account, entry, 1)
        await self.position(account, 2)
        return entry

    async def said(self) -> list[asyncpg.Record]:
        return list(await self.db.fetch("SELECT * FROM controls ORDER BY id"))


@pytest.fixture
async def books(fresh_database: DatabaseUrls) -> AsyncIterator[Books]:
    owner = await asyncpg.connect(fresh_database.owner.replace("+asyncpg", ""))
    found = Books(owner)
    await found.open()
    yield found
    await owner.close()


@pytest.fixture
async def eye(fresh_database: DatabaseUrls) -> AsyncIterator[asyncpg.Connection[Any]]:
    connection = await asyncpg.connect(fresh_database.sentinel.replace("+asyncpg", ""))
    yield connection
    await connection.close()


Doctor = Callable[[Books, int], Awaitable[None]]


async def _order_twice(books: Books, account: int) -> None:
    await books.order(account, await books.clean(account), 2)


async def _unclaimed(books: Books, account: int) -> None:
    await books.order(account, await books.entry(account, claimed=False), 1)


async def _larger(books: Books, account: int) -> None:
    await books.order(account, await books.entry(account), 1, qty=3)


async def _overfilled(books: Books, account: int) -> None:
    await books.fill(account, await books.clean(account), 1, qty=1)


async def _over_limit(books: Books, account: int) -> None:
    await books.db.execute("UPDATE accounts SET max_contracts = 1 WHERE id = $1", account)
    await books.clean(account)


async def _account_over_limit(books: Books, account: int) -> None:
    """Two contracts where one is allowed in all, however few each strategy has."""
    await books.db.execute(
        "UPDATE accounts SET rules = $2 WHERE id = $1",
        *(account, json.dumps({"limits": {"max_position_contracts": 1}})),
    )
    await books.clean(account)


async def _book_differs(books: Books, account: int) -> None:
    await books.clean(account)
    await books.db.execute(
        "UPDATE positions SET net_qty = 3, updated_at = now() WHERE account_id = $1", account
    )


async def _unknown(books: Books, account: int) -> None:
    await books.db.execute(
        "INSERT INTO orders (account_id, broker_order_id, user_id, contract, action, status, qty,"
        " client_id, version, as_of) VALUES ($1, 5, $2, 'NQZ6', 'Buy', 'Working', 1, $3, 1, now())",
        *(account, books.user, str(uuid5(NAMESPACE_URL, "of a record that is gone"))),
    )


async def _broker_differs(books: Books, account: int, minutes: tuple[int, ...] = (11, 1)) -> None:
    """What recorder saw at the broker and asked to have reconciled, so many minutes ago."""
    number = books.accounts.index(account) + 1
    seen = {"kind": "position", "account": number, "contract_id": 7, "broker": 2, "ours": 1}
    for ago in minutes:
        await books.db.execute(
            "INSERT INTO commands (user_id, kind, detail, requested_by, created_at)"
            " VALUES ($1, 'reconcile', $2, 'recorder', now() - make_interval(mins => $3))",
            *(books.user, json.dumps({"connection_id": books.login, "differences": [seen]}), ago),
        )


DOCTORED: dict[str, Doctor] = {
    "conservation.book_differs": _book_differs,
    "conservation.order_unknown": _unknown,
    "conservation.broker_differs": _broker_differs,
    "conservation.order_twice": _order_twice,
    "conservation.entries_exceed_legs": _order_twice,
    "conservation.order_unclaimed": _unclaimed,
    "conservation.order_larger": _larger,
    "conservation.overfilled": _overfilled,
    "conservation.filled_beyond_order": _overfilled,
    "conservation.position_over_limit": _over_limit,
    "conservation.account_over_limit": _account_over_limit,
}


def test_two_looks_take_less_than_two_seconds() -> None:
    assert 2 * LOOK_EVERY_S < 2.0


def test_every_check_has_a_doctored_book() -> None:
    assert DOCTORED.keys() == {check.code for check in CHECKS}


@pytest.mark.parametrize("code", DOCTORED)
async def test_a_breach_stops_its_account_at_the_second_look(
    books: Books, eye: asyncpg.Connection[Any], code: str
) -> None:
    sick, well = await books.account(), await books.account()
    await books.clean(well)
    await DOCTORED[code](books, sick)
    watch = Watch("unused", SystemClock())
    await watch.look(eye)
    assert await books.said() == []  # one look is believed by nobody
    await watch.look(eye)
    said = await books.said()
    assert {(row["scope"], row["scope_id"], row["word"], row["said_by"]) for row in said} == {
        ("account", sick, "kill", "sentinel")
    }
    assert any(code in row["reason"] for row in said)
    notes = await books.db.fetch("SELECT actor, action, detail FROM audit_log")
    assert {(row["actor"], row["action"]) for row in notes} == {("sentinel", "control.kill")}
    assert len(notes) == len(said)
    assert code in {json.loads(row["detail"])["code"] for row in notes}


async def test_clean_books_are_silent(books: Books, eye: asyncpg.Connection[Any]) -> None:
    account = await books.account(most=2)
    entry = await books.clean(account)
    # What a person trades, and what was taken back, is nobody's breach.
    await books.db.execute(
        "INSERT INTO orders (account_id, broker_order_id, user_id, contract, action, status, qty,"
        " version, as_of) VALUES ($1, 9, $2, 'NQZ6', 'Buy', 'Filled', 50, 1, now())",
        *(account, books.user),
    )
    await books.fill(account, entry, 1)
    await books.db.execute(
        "UPDATE fills SET active = false WHERE broker_fill_id ="
        " (SELECT max(broker_fill_id) FROM fills)"
    )
    watch = Watch("unused", SystemClock())
    for _ in range(3):
        await watch.look(eye)
    assert await books.said() == []


async def test_what_the_sender_holds_already_is_no_breach(
    books: Books, eye: asyncpg.Connection[Any]
) -> None:
    """Asked once, or quarantined, or named: somebody has seen it."""
    once, held, named = [await books.account() for _ in range(3)]
    await _broker_differs(books, once, (1,))
    for account in (held, named):
        await _broker_differs(books, account)
    await books.db.execute(
        "INSERT INTO risk_state (account_id, user_id, quarantined_at, quarantine_code)"
        " VALUES ($1, $2, now(), 'drift.position')",
        *(held, books.user),
    )
    await books.db.execute(
        "INSERT INTO drifts (user_id, account_id, strategy_id, root, contract, code, message,"
        " compared, policy, found_at) VALUES ($1, $2, 0, 'NQ', 'NQZ6', 'drift.quantity', 'm', '{}',"
        " 'alarm', now())",
        *(books.user, named),
    )
    watch = Watch("unused", SystemClock())
    for _ in range(2):
        await watch.look(eye)
    assert await books.said() == []


async def test_its_word_is_told_like_anybodys(books: Books, eye: asyncpg.Connection[Any]) -> None:
    """The owner's messages and screens read this event; its body has to be theirs."""
    account = await books.account()
    await _larger(books, account)
    watch = Watch("unused", SystemClock())
    for _ in range(3):
        await watch.look(eye)
    (told,) = await books.db.fetch("SELECT * FROM outbox")
    (said,) = await books.said()
    body = ControlSaid.model_validate_json(told["body"])
    assert (told["stream"], told["type"]) == (ControlSaid.stream, ControlSaid.type)
    assert (told["user_id"], told["published_at"]) == (books.user, None)
    assert (body.control_id, body.scope_id, body.word) == (said["id"], account, "kill")
    assert (body.said_by, body.reason, body.at) == ("sentinel", said["reason"], said["created_at"])


async def test_a_limit_lowered_under_a_position_is_no_breach(
    books: Books, eye: asyncpg.Connection[Any]
) -> None:
    account = await books.account()
    await books.clean(account)
    await books.db.execute(
        "UPDATE accounts SET max_contracts = 1, rules = $2, updated_at = now() WHERE id = $1",
        *(account, json.dumps({"limits": {"max_position_contracts": 1}})),
    )
    watch = Watch("unused", SystemClock())
    for _ in range(2):
        await watch.look(eye)
    assert await books.said() == []


async def test_a_breach_is_said_once_even_by_the_next_process(
    books: Books, eye: asyncpg.Connection[Any]
) -> None:
    account = await books.account()
    await _larger(books, account)
    watches = [Watch("unused", SystemClock()) for _ in range(2)]
    for watch in watches:
        for _ in range(3):
            await watch.look(eye)
    assert len(await books.said()) == 1
    await _larger_again(books, account)
    for _ in range(2):
        await watches[-1].look(eye)
    assert len(await books.said()) == 2


async def _larger_again(books: Books, account: int) -> None:
    await books.order(account, await books.entry(account), 7, qty=4)


async def test_many_accounts_at_once_stop_the_installation(
    books: Books, eye: asyncpg.Connection[Any]
) -> None:
    for _ in range(3):
        await _larger(books, await books.account())
    watch = Watch("unused", SystemClock())
    await watch.look(eye)
    await watch.look(eye)
    assert {(row["scope"], row["user_id"]) for row in await books.said()} == {("system", None)}


async def test_it_can_change_nothing_and_see_no_secret(eye: asyncpg.Connection[Any]) -> None:
    for statement in (
        "UPDATE controls SET word = 'resume'",
        "DELETE FROM controls",
        "INSERT INTO commands (user_id, kind, detail, requested_by) VALUES (1, 'close', '{}', 'x')",
        "UPDATE intents SET qty = 1",
        "SELECT * FROM outbox",
        "SELECT * FROM broker_sessions",
        "SELECT * FROM users",
        "SELECT * FROM broker_connections",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await eye.execute(statement)


async def test_as_a_process_it_stops_within_two_looks_and_outlives_its_line(
    books: Books, fresh_database: DatabaseUrls
) -> None:
    account = await books.account()
    await books.clean(account)
    watch = Watch(fresh_database.sentinel, SystemClock())
    task = asyncio.create_task(watch.run())
    try:
        await _until(lambda: _has_looked(watch))
        await books.db.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'tm_sentinel'"
            " AND datname = current_database()"
        )
        await _larger_again(books, account)
        await _until(lambda: _said(books))
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _has_looked(watch: Watch) -> bool:
    return await watch.look_age_s() < WAIT_S


async def _said(books: Books) -> bool:
    return bool(await books.said())


async def _until(enough: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(WAIT_S):
        while not await enough():  # noqa: ASYNC110 - another process's row, which nobody tells of
            await asyncio.sleep(0.05)
