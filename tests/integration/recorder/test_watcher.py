"""The watcher against a venue's three lists, with the sealed token, under recorder's role."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request, Response
from sqlalchemy import insert, select, text

from recorder.allowance import Allowance
from recorder.reader import TradovateReader
from recorder.watch_store import watched
from recorder.watcher import Watcher
from shared.brokers.tradovate.budget import REQUESTS_PER_HOUR
from shared.brokers.tradovate.login import Environment, urls_for
from shared.brokers.tradovate.rest import Rest
from shared.brokers.tradovate.spend import Spending
from shared.contracts.envelope import Envelope
from shared.db.request_spend import RequestSpend
from shared.db.tables import metadata
from shared.db.uow import read_only, unit_of_work
from shared.domain.errors import BrokerUnavailable
from shared.ports.broker import Priority
from shared.ports.spending import Spent
from shared.runtime.clock import SystemClock
from shared.vault import Opener, generate_keypair
from tests.integration.recorder.world import World

TOKEN = "token-of-the-test"
ES = 11
LONG_AGO = "2026-03-02T15:00:01.000Z"


@dataclass
class Venue:
    """Lists as the broker answers them; `status` other than 200 is answered to everything."""

    status: int = 200
    lists: dict[str, list[dict[str, Any]]] = field(
        default_factory=lambda: {"order": [], "fill": [], "position": []}
    )
    asked: list[str] = field(default_factory=list)

    def app(self) -> FastAPI:
        app = FastAPI()

        @app.get("/v1/{kind}/list")
        async def answer(kind: str, request: Request) -> Response:
            self.asked.append(kind)
            if request.headers["authorization"] != f"Bearer {TOKEN}":
                return Response(status_code=401)
            return Response(
                json.dumps(self.lists[kind]), self.status, media_type="application/json"
            )

        return app

    def fill(self, fill_id: int, qty: int, price: float, account: int = 700) -> None:
        self.lists["order"].append(
            {"id": fill_id + 1_000, "accountId": account, "ordStatus": "SomethingNew"}
        )
        self.lists["fill"].append(
            {
                "id": fill_id,
                "orderId": fill_id + 1_000,
                "contractId": ES,
                "timestamp": LONG_AGO,
                "tradeDate": {"year": 2026, "month": 3, "day": 2},
                "action": "Buy",
                "qty": qty,
                "price": price,
                "active": True,
            }
        )

    def position(self, net: int, account: int = 700) -> None:
        self.lists["position"] = [
            {
                "id": 1,
                "accountId": account,
                "contractId": ES,
                "timestamp": LONG_AGO,
                "netPos": net,
                "netPrice": 5000.25,
            }
        ]


@dataclass
class Watch:
    world: World
    venue: Venue
    watcher: Watcher
    vault: Opener
    rung: list[Envelope]

    async def sign_in(self, token: str = TOKEN, left_s: int = 600) -> None:
        plain = json.dumps({"access": token, "market_data": None}).encode()
        sealed = self.vault.seal(
            plain, table="broker_sessions", row_id=self.world.connection, column="token_sealed"
        )
        await self._as_execution(
            insert(metadata.tables["broker_sessions"]).values(
                connection_id=self.world.connection,
                user_id=self.world.user,
                token_sealed=sealed,
                token_expires_at=datetime.now(UTC) + timedelta(seconds=left_s),
            )
        )

    async def hold(self, net: int) -> None:
        """Execution's position, an hour old."""
        await self._as_execution(
            insert(metadata.tables["positions"]).values(
                account_id=self.world.account,
                contract="ESH6",
                strategy_id=self.world.strategy,
                user_id=self.world.user,
                root="ES",
                net_qty=net,
                avg_price=Decimal(5000),
                version=1,
                updated_at=datetime.now(UTC) - timedelta(hours=1),
            )
        )

    async def answer_commands(self) -> None:
        await self._as_execution(
            text(
                "INSERT INTO command_results (command_id, user_id, status, code, message, detail)"
                " SELECT id, user_id, 'done', 'command.done', '', '{}' FROM commands c"
                " WHERE NOT EXISTS (SELECT FROM command_results r WHERE r.command_id = c.id)"
            )
        )

    async def commands(self) -> list[dict[str, Any]]:
        rows = metadata.tables["commands"]
        async with read_only(self.world.recorder) as connection:
            found = await connection.execute(select(rows).order_by(rows.c.id))
            return [dict(row) for row in found.mappings()]

    async def _as_execution(self, statement: Any) -> None:
        async with unit_of_work(self.world.execution) as connection:
            await connection.execute(statement)


@pytest.fixture
async def watch(world: World) -> AsyncIterator[Watch]:
    venue, rung = Venue(), list[Envelope]()
    rest = Rest("http://venue/v1", transport=httpx.ASGITransport(venue.app()))
    vault = Opener(generate_keypair()[0])
    readers = {"demo": TradovateReader(rest)}
    clock = SystemClock()
    spending = Spending(clock, RequestSpend(world.recorder))
    allowance = Allowance(spending, {"demo": urls_for(Environment.DEMO)})
    watcher = Watcher(
        world.recorder, readers, vault, clock, allowance, every_s=60, bell=rung.extend
    )
    made = Watch(world, venue, watcher, vault, rung)
    await made._as_execution(
        insert(metadata.tables["contracts"]).values(
            environment="demo",
            name="ESH6",
            broker_contract_id=ES,
            root="ES",
            tick_size=Decimal("0.25"),
            point_value_usd=Decimal(50),
        )
    )
    yield made
    await rest.aclose()


async def test_equal_books_ask_for_nothing(watch: Watch) -> None:
    await watch.sign_in()
    await watch.world.fill(1, "Buy", 2, "5000.25")
    await watch.hold(2)
    watch.venue.fill(1, 2, 5000.25)
    watch.venue.position(2)
    await watch.watcher.round()
    assert watch.venue.asked == ["position", "fill", "order"]
    assert await watch.commands() == []


async def test_a_missing_fill_becomes_one_command(watch: Watch) -> None:
    await watch.sign_in()
    watch.venue.fill(5, 1, 5000.25)
    watch.venue.position(1)
    await watch.watcher.round()
    await watch.watcher.round()  # the first is still open
    [command] = await watch.commands()
    assert (command["kind"], command["requested_by"]) == ("reconcile", "recorder")
    assert command["user_id"] == watch.world.user
    assert command["detail"] == {
        "connection_id": watch.world.connection,
        "differences": [
            {"kind": "fill_missing", "fill_id": 5, "account": 700},
            {"kind": "position", "account": 700, "contract_id": ES, "broker": 1, "ours": 0},
        ],
    }
    [bell] = watch.rung
    assert (bell.type, bell.stream) == ("command.requested.v1", "tm.commands")
    assert bell.body == {"command_id": command["id"]}


async def test_what_reconciling_did_not_mend_is_not_repeated_at_once(watch: Watch) -> None:
    await watch.sign_in()
    watch.venue.position(1)
    await watch.watcher.round()
    await watch.answer_commands()
    await watch.watcher.round()
    assert len(await watch.commands()) == 1
    watch.venue.position(3)  # something else is wrong now
    await watch.watcher.round()
    assert len(await watch.commands()) == 2


async def test_accounts_we_were_not_given_are_ignored(watch: Watch) -> None:
    await watch.sign_in()
    watch.venue.fill(5, 1, 5000.25, account=999)
    watch.venue.position(1, account=999)
    await watch.watcher.round()
    assert await watch.commands() == []


async def test_a_token_that_has_ended_is_left_to_execution(watch: Watch) -> None:
    await watch.sign_in(left_s=-1)
    await watch.watcher.round()
    assert watch.venue.asked == []


async def test_live_logins_are_not_polled(watch: Watch) -> None:
    await watch.sign_in()
    async with unit_of_work(watch.world.owner) as connection:
        await connection.execute(text("UPDATE broker_connections SET environment = 'live'"))
    await watch.watcher.round()
    assert watch.venue.asked == []


@pytest.mark.parametrize("status", [401, 429, 500])
async def test_a_failed_look_proves_nothing(watch: Watch, status: int) -> None:
    await watch.sign_in()
    await watch.hold(2)
    watch.venue.status = status
    await watch.watcher.round()
    assert watch.venue.asked == ["position"]
    assert await watch.commands() == []


async def test_a_refused_token_ends_the_look(watch: Watch) -> None:
    await watch.sign_in(token="another")
    await watch.hold(2)
    await watch.watcher.round()
    assert await watch.commands() == []


async def test_a_token_sealed_for_another_place_does_not_stop_the_round(watch: Watch) -> None:
    other = Opener(generate_keypair()[0])
    watch.vault, mine = other, watch.vault
    await watch.sign_in()
    watch.vault = mine
    await watch.watcher.round()
    assert watch.venue.asked == []


@pytest.mark.parametrize(
    "row", [{"id": 1}, {"id": 1, "accountId": 700, "contractId": 1, "netPos": 1, "timestamp": "?"}]
)
async def test_rows_that_cannot_be_read_prove_nothing(watch: Watch, row: dict[str, Any]) -> None:
    watch.venue.lists["position"] = [row]
    rest = Rest("http://venue/v1", transport=httpx.ASGITransport(watch.venue.app()))
    with pytest.raises(BrokerUnavailable, match=r".") as raised:
        await TradovateReader(rest).look(TOKEN)
    assert raised.value.code == "broker.unreadable"
    await rest.aclose()


async def test_a_look_draws_from_the_budget_of_execution_and_after_it(watch: Watch) -> None:
    """Two processes' worth of objects on one record: what one spends, the other goes without."""
    clock = SystemClock()
    await watch.sign_in()
    async with read_only(watch.world.recorder) as connection:
        (login,) = await watched(connection)
    theirs = Spending(clock, RequestSpend(watch.world.execution))
    budget = theirs.budget(urls_for(Environment.DEMO), login.login_name)
    await watch.watcher.compare(login)
    await theirs.sync()
    assert budget.hour_spent() == 3
    record = RequestSpend(watch.world.execution)
    scope = f"tradovateapi.com/{login.login_name}"
    reserve = int(REQUESTS_PER_HOUR * 0.4)  # what recording may see spent by everybody
    await record.add([Spent(scope, 600, reserve - 8)], [scope])
    watch.venue.asked.clear()
    await watch.watcher.compare(login)
    assert len(watch.venue.asked) == 3
    with pytest.raises(BrokerUnavailable) as caught:
        await watch.watcher.compare(login)
    assert caught.value.code == "broker.budget_spent"
    assert len(watch.venue.asked) == 3  # the broker was not asked
    await theirs.sync()
    assert budget.draw(Priority.ENTRY) == 0  # entries still have room above recording
