"""A whole installation under fire: real processes, real stores, the venue, and links to hurt."""

from __future__ import annotations

import asyncio
import json
import sys
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import asyncpg

from cli.seed import open_accounts
from cli.up.credentials import Credentials
from cli.up.ports import any_free
from tests.chaos.layout import Strategy, strategies
from tests.chaos.proxy import Link
from tests.chaos.up import NAME
from tests.fixtures.browser import Browser
from tests.fixtures.stack import Stack, children

DISCORD_USER: Final = "100000000000000042"
PAPER_PASSWORD: Final = "of-no-account"
CONNECT_LIMIT_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Plan:
    """`executions` processes share `logins` logins with `accounts` accounts in all."""

    accounts: int
    logins: int
    executions: int = 2

    def users(self) -> list[dict[str, Any]]:
        share, more = divmod(self.accounts, self.logins)
        return [
            {"user": f"login{i}", "password": PAPER_PASSWORD, "prefix": f"L{i}A",
             "accounts": share + (i <= more)}
            for i in range(1, self.logins + 1)
        ]  # fmt: skip


@dataclass(slots=True)
class House:
    """`accounts` are names by our id, `keys` webhook keys by strategy."""

    stack: Stack
    folder: Path
    links: dict[str, Link]
    control_url: str
    accounts: dict[int, str]
    strategies: tuple[Strategy, ...]
    keys: dict[str, str]
    database_url: str
    executions: int
    _ports: dict[str, int] = field(default_factory=dict)

    def webhook(self, strategy: str) -> str:
        return f"{self.stack.info['api_url']}/webhook/{self.keys[strategy]}"

    @property
    def processes(self) -> list[str]:
        """Every process of ours that must be ready; the venue is not ours."""
        more = [f"execution{number}" for number in range(2, self.executions + 1)]
        return ["api", "gateway", "execution", *more, "recorder", "notifier"]

    def pid(self, name: str) -> int | None:
        """Of the process that runs it now."""
        if name in {"postgres", "valkey"}:
            return self.stack.pid(name)
        wanted = f"{NAME}={name}"
        found = (p for p in children(self.stack.process.pid) if wanted in _environ(p))
        return next(found, None)

    def health_port(self, name: str) -> int | None:
        """Where this process itself says whether it is ready; the same after a restart."""
        pid = None if name in self._ports else self.pid(name)
        if pid is not None:
            wanted = {"api": "TM_API_PORT", "gateway": "TM_GATEWAY_PORT"}.get(
                name, "TM_HEALTH_PORT"
            )
            told = dict(word.partition("=")[::2] for word in _environ(pid))
            self._ports[name] = int(told[wanted])
        return self._ports.get(name)

    def backends(self) -> list[int]:
        """Server processes of PostgreSQL that serve somebody of ours."""
        parent = self.stack.pid("postgres")
        return [] if parent is None else [p for p in children(parent) if _serves(p)]


def _environ(pid: int) -> list[str]:
    """Of a process of ours; empty when it is gone."""
    with suppress(OSError):
        raw = Path(f"/proc/{pid}/environ").read_bytes()
        return [word.decode(errors="replace") for word in raw.split(b"\0")]
    return []


def _serves(pid: int) -> bool:
    with suppress(OSError):
        return b" tm " in Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ")
    return False


@asynccontextmanager
async def running_house(
    folder: Path, plan: Plan, on_call: Callable[[str], None]
) -> AsyncIterator[House]:
    """Everything up in `folder`, accounts and strategies made, ready for the first alert."""
    async with AsyncExitStack() as opened:
        data = folder / "data"
        paper_port, control_port = any_free(), any_free()
        links = {
            link.name: await opened.enter_async_context(link)
            for link in _links(data, paper_port, plan.executions, on_call)
        }
        discord = await opened.enter_async_context(_discord(folder / "messages.jsonl"))
        environ = {
            "TM_PAPER_CONTROL_PORT": str(control_port),
            "TM_PAPER_LOGINS": json.dumps(plan.users()),
            "TM_PAPER_ACCOUNTS": "1",
            "TM_DISCORD_API_URL": discord,
            "TM_DISCORD_BOT_TOKEN": "test-bot",
            # Fifteen seconds apart they would take five minutes to sign in for the first time.
            "TM_BROKER_LOGIN_SPACING_S": "0",
            "TM_CHAOS": json.dumps({"executions": plan.executions, "links": _told(links)}),
        }
        stack = await asyncio.to_thread(
            Stack.start,
            data,
            "--paper-port",
            str(paper_port),
            environ=environ,
            program=("tests.chaos.up",),
        )
        opened.callback(stack.stop)
        accounts = await _accounts(stack, plan)
        house = House(
            stack=stack,
            folder=folder,
            links=links,
            control_url=f"http://127.0.0.1:{control_port}",
            accounts=accounts,
            strategies=strategies(list(accounts.values())),
            keys={},
            database_url=_plain(stack.info["database_url"]),
            executions=plan.executions,
        )
        browser = await opened.enter_async_context(await Browser.signed_in(stack.info))
        for strategy in house.strategies:
            house.keys[strategy.name] = await _create(browser, strategy, accounts)
        yield house


def _links(
    data: Path, paper_port: int, executions: int, on_call: Callable[[str], None]
) -> Iterator[Link]:
    """Each execution has a link of its own to the venue, so that one knows who calls."""
    for name in ("execution", "api"):
        yield Link(f"{name}-postgres", lambda: _dial_store(data, ".s.PGSQL.5432"))
    yield Link("execution-valkey", lambda: _dial_store(data, "valkey.sock"))
    for number in range(1, executions + 1):
        name = "execution" if number == 1 else f"execution{number}"
        yield Link(f"{name}-venue", lambda: _dial(paper_port), on_call)


async def _dial(port: int) -> tuple[StreamReader, StreamWriter]:
    async with asyncio.timeout(CONNECT_LIMIT_S):
        return await asyncio.open_connection("127.0.0.1", port)


async def _dial_store(data: Path, socket: str) -> tuple[StreamReader, StreamWriter]:
    """Where the stores are is known only once they were started."""
    folder = json.loads((data / "run.json").read_text(encoding="utf-8"))["sockets"]
    async with asyncio.timeout(CONNECT_LIMIT_S):
        return await asyncio.open_unix_connection(f"{folder}/{socket}")


def _told(links: dict[str, Link]) -> dict[str, dict[str, str]]:
    """What each process is told instead of the true addresses."""

    def database(name: str) -> dict[str, str]:
        port = links[f"{name}-postgres"].port
        return {"TM_DATABASE_URL": f"postgresql+asyncpg://tm_{name}@127.0.0.1:{port}/tm"}

    executions = [name.removesuffix("-venue") for name in links if name.endswith("-venue")]
    redis = {"TM_REDIS_URL": f"redis://127.0.0.1:{links['execution-valkey'].port}/0"}
    return {"api": database("api")} | {
        name: {
            **database("execution"),
            **redis,
            "TM_PAPER_URL": f"http://127.0.0.1:{links[f'{name}-venue'].port}/v1",
        }
        for name in executions
    }


@asynccontextmanager
async def _discord(ledger: Path) -> AsyncIterator[str]:
    """Discord's stand-in, a process with a ledger of its own; its address."""
    command = ("-m", "tests.fixtures.discord", "--ledger", str(ledger), "--limit", "1000")
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        yield (await process.stdout.readline()).decode().strip()
    finally:
        with suppress(ProcessLookupError):  # told to stop together with us
            process.terminate()
        await process.wait()


async def _accounts(stack: Stack, plan: Plan) -> dict[int, str]:
    """The logins of the venue become connections of the sample user; their accounts by our id."""
    secrets = json.loads((stack.data / "secrets.json").read_text(encoding="utf-8"))
    known = Credentials(**secrets)
    database = await asyncpg.connect(_plain(stack.info["database_url"]))
    try:
        async with database.transaction():
            user = await database.fetchval("SELECT id FROM users WHERE username = $1", known.user)
            await database.execute("UPDATE users SET discord_user_id = $1", DISCORD_USER)
            ids: Sequence[int] = [
                account
                for login in plan.users()
                for account in await open_accounts(
                    database,
                    user,
                    replace(known, paper_user=login["user"], paper_password=login["password"]),
                    stack.info["paper_url"],
                )
            ]
        rows = await database.fetch("SELECT id, name FROM accounts WHERE id = ANY ($1)", ids)
    finally:
        await database.close()
    return {row["id"]: row["name"] for row in sorted(rows, key=lambda row: int(row["id"]))}


async def _create(browser: Browser, strategy: Strategy, accounts: dict[int, str]) -> str:
    ids = {name: number for number, name in accounts.items()}
    links = [
        {"account_id": ids[name], "multiplier": str(times)} for name, times in strategy.accounts
    ]
    body = {**strategy.settings(), "accounts": links}
    key: str = (await browser.post("/api/strategies/create/", body))["webhook_key"]
    return key


def _plain(url: str) -> str:
    return url.replace("+asyncpg", "", 1)
