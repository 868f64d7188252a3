"""A running installation with everybody around it: sender, browser, screen, DM reader, venue."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import asyncpg

from tests.e2e.story import BEGINS, MULTIPLIERS, STRATEGIES, SYMBOL, Alert, Bar, Step
from tests.fixtures.browser import Browser
from tests.fixtures.discord import DiscordServer
from tests.fixtures.ledger_check import Trip, cents, round_trips
from tests.fixtures.prices import write_chart
from tests.fixtures.sender import Sender, Sent
from tests.fixtures.servers import private_folder
from tests.fixtures.socket_client import View, watching
from tests.fixtures.stack import Stack
from tests.fixtures.venue import VenueControl, VenueLedger
from tests.fixtures.waiting import eventually

RESTS_WITHIN_S: Final = 30.0
DISCORD_USER: Final = "100000000000000042"
_UNDECIDED: Final = """
    SELECT count(*) FROM signals s WHERE s.status = 'accepted'
    AND NOT EXISTS (SELECT FROM signal_decisions d WHERE d.signal_id = s.id)
"""
_OPEN_INTENTS: Final = "SELECT role, state, broker_order_id FROM intents WHERE ended_at IS NULL"
_OPEN_RECORDS: Final = """
    SELECT a.name, r.contract, r.side, r.open_qty FROM recorded_positions r
    JOIN accounts a ON a.id = r.account_id WHERE r.open_qty <> 0
"""
_TRADES: Final = """
    SELECT r.opening_fill_id FROM trades t
    JOIN recorded_positions r ON r.id = t.recorded_position_id WHERE r.fees_known
"""


@dataclass(slots=True)
class House:
    """What the tests see and touch. `sent` holds what came of each alert by its number."""

    stack: Stack
    discord: DiscordServer
    venue: VenueControl
    sender: Sender
    browser: Browser
    database: asyncpg.Connection
    view: View
    accounts: dict[int, str]
    keys: dict[str, str]
    price: str = ""
    sent: dict[int, Sent] = field(default_factory=dict)

    # ---- doing

    async def step(self, step: Step) -> None:
        """The next bar, or an alert delivered as TradingView does; does not wait for its effect."""
        match step:
            case Bar(close):
                self.price = await self.venue.next_bar()
                assert float(self.price) == float(close), "the chart and the story differ"
            case Alert():
                await self.alert(step)

    async def alert(self, alert: Alert) -> None:
        message = alert.message(self.price, datetime.now(UTC))
        sent = await self.sender.send(self.webhook(alert.strategy), message)
        assert sent.status == 202, f"alert {alert.number}: {sent}"
        self.sent[alert.number] = sent

    def webhook(self, strategy: str) -> str:
        return f"{self.stack.info['api_url']}/webhook/{self.keys[strategy]}"

    async def rest(self, step: Step, within_s: float = RESTS_WITHIN_S) -> float:
        """Wait until everybody agrees on what this step did; how long it took."""

        async def missing() -> str | None:
            return await self._unlike(step) or await self.disagreement()

        return await eventually(missing, within_s=within_s, what=f"rest after {step}")

    async def quiet(self, within_s: float = RESTS_WITHIN_S) -> float:
        """Wait until everybody agrees; how long it took."""
        return await eventually(self.disagreement, within_s=within_s, what="rest")

    async def reconnect(self) -> None:
        """After PostgreSQL was away. Raises what the driver raises while it still is."""
        self.database.terminate()
        self.database = await connected(self.stack.info["database_url"])

    # ---- seeing

    async def _unlike(self, step: Step) -> str | None:
        if not isinstance(step, Alert):
            return None
        found = await self.decisions(step.number)
        wanted = dict.fromkeys(MULTIPLIERS[step.strategy], step.expected)
        return None if found == wanted else f"alert {step.number} came to {found}"

    async def decisions(self, number: int) -> dict[str, str]:
        """Disposition of an alert's signal by account."""
        rows = await self.database.fetch(
            "SELECT account_id, disposition FROM signal_decisions WHERE signal_id = $1",
            self.sent[number].signal_id,
        )
        return {self.accounts[row["account_id"]]: row["disposition"] for row in rows}

    async def disagreement(self) -> str | None:
        """What venue, books, records, messages and screen do not agree on; None: at rest."""
        ledger = await self.venue.ledger()
        trips = round_trips(ledger.fills)
        return (
            await self._undecided()
            or await self._books(ledger)
            or await self._records(trips)
            or await self._messages(trips)
            or self._screen(ledger, trips)
        )

    async def _undecided(self) -> str | None:
        count = await self.database.fetchval(_UNDECIDED)
        return f"{count} signals are undecided" if count else None

    async def _books(self, ledger: VenueLedger) -> str | None:
        orders = await self.database.fetch("SELECT broker_order_id, status FROM orders")
        if (ours := dict(map(tuple, orders))) != {o.id: o.status for o in ledger.orders.values()}:
            return f"orders differ: {ours} and {ledger.orders}"
        fills = await self.database.fetch("SELECT broker_fill_id, fee_usd FROM fills")
        known = {row[0]: row[1] is not None and cents(row[1]) for row in fills}
        if known != {fill.id: fill.fee_cents for fill in ledger.fills}:
            return f"fills differ: {known} and {ledger.fills}"
        intents = await self.database.fetch(_OPEN_INTENTS)
        working = {order.id for order in ledger.orders.values() if order.is_working}
        if {row["broker_order_id"] for row in intents} != working:
            return f"intents {list(map(tuple, intents))} are open, orders {working} work"
        return None

    async def _records(self, trips: list[Trip]) -> str | None:
        done = {row[0] for row in await self.database.fetch(_TRADES)}
        if done != {trip.opening_fill_id for trip in trips if not trip.is_open}:
            return f"{len(done)} trades are recorded, {trips} were made"
        held = {tuple(row) for row in await self.database.fetch(_OPEN_RECORDS)}
        wanted = {(t.account, t.contract, t.side, t.open_qty) for t in trips if t.is_open}
        return None if held == wanted else f"{held} is recorded, {wanted} is held"

    async def _messages(self, trips: list[Trip]) -> str | None:
        """One message for each beginning and end; parts taken at a target have theirs besides."""
        states = await self.database.fetch("SELECT state FROM deliveries")
        waiting = sum(row["state"] != "sent" for row in states)
        heads = [message.content.partition("\n")[0] for message in self.discord.messages]
        if waiting or len(heads) != len(states):
            return f"{len(states)} messages are due, {waiting} wait, {len(heads)} were seen"
        whole = sum(" of " not in head for head in heads)
        wanted = len(trips) + sum(not trip.is_open for trip in trips)
        return None if whole == wanted else f"{whole} of {wanted} messages were seen: {heads}"

    def _screen(self, ledger: VenueLedger, trips: list[Trip]) -> str | None:
        shown = {
            (self.accounts[a], contract): qty for (a, contract), qty in self.view.net().items()
        }
        if shown != ledger.positions:
            return f"the screen shows {shown}, the venue holds {ledger.positions}"
        working = {order.id for order in ledger.orders.values() if order.is_working}
        if {order for _, order in self.view.orders} != working:
            return f"the screen shows orders {self.view.orders}, {working} work"
        held = sum(trip.is_open for trip in trips)
        return None if len(self.view.records) == held else f"{self.view.records} are on the screen"


@asynccontextmanager
async def running_house(closes: list[str]) -> AsyncIterator[House]:
    """Everything up, two strategies created through the API, the chart before its first bar."""
    async with AsyncExitStack() as opened:
        folder = opened.enter_context(private_folder())
        discord = await opened.enter_async_context(DiscordServer())
        # A reader of one second's worth of a trading day: Discord's own pace would take minutes.
        discord.switches.set(message_limit=1_000)
        stack, control_port = await asyncio.to_thread(_start, folder, closes, discord.url)
        opened.callback(stack.stop)
        database = await connected(stack.info["database_url"])
        await database.execute("UPDATE users SET discord_user_id = $1", DISCORD_USER)
        browser = await opened.enter_async_context(await Browser.signed_in(stack.info))
        accounts = {row["id"]: row["name"] for row in await browser.get("/api/accounts/")}
        keys = {name: await _create(browser, name, accounts) for name in STRATEGIES}
        token = await browser.socket_token()
        gateway = stack.info["gateway_url"]
        view = await opened.enter_async_context(
            watching(gateway, browser.user, token, list(accounts))
        )
        house = House(
            stack=stack,
            discord=discord,
            venue=await opened.enter_async_context(VenueControl(control_port)),
            sender=await opened.enter_async_context(Sender()),
            browser=browser,
            database=database,
            view=view,
            accounts=accounts,
            keys=keys,
        )
        try:
            yield house
        finally:
            await house.database.close(timeout=1.0)


def _start(folder: Path, closes: list[str], discord_url: str) -> tuple[Stack, int]:
    chart = write_chart(folder, SYMBOL, BEGINS, closes)
    port = _free_port()
    environ = {
        "TM_PAPER_CONTROL_PORT": str(port),
        "TM_DISCORD_API_URL": discord_url,
        "TM_DISCORD_BOT_TOKEN": "test-bot",
    }
    flags = ("--prices", str(chart), "--speed", "0")
    return Stack.start(folder / "data", *flags, environ=environ), port


async def _create(browser: Browser, name: str, accounts: dict[int, str]) -> str:
    """The webhook key of a new strategy."""
    ids = {account: number for number, account in accounts.items()}
    links = [
        {"account_id": ids[account], "multiplier": str(multiplier)}
        for account, multiplier in MULTIPLIERS[name].items()
    ]
    body: dict[str, Any] = {"name": name, **STRATEGIES[name], "accounts": links}
    key: str = (await browser.post("/api/strategies/create/", body))["webhook_key"]
    return key


async def connected(url: str) -> asyncpg.Connection:
    """As the owner of the database, past row security."""
    return await asyncpg.connect(url.replace("+asyncpg", "", 1))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def overload() -> float:
    """1 on a machine of our own; more where others compete with us, by processes per core."""
    return max(1.0, os.getloadavg()[0] / (2 * (os.cpu_count() or 1)))
