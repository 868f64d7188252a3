"""Every route x who asks, from the route table: what nobody allowed is refused.

A new route is asked by itself; one with an object in its path that is not known here fails, until
it is said whose object that is.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from api.access import ADMIN, PERSON, PUBLIC, SESSION, SIGN_IN, WEBHOOK, Rule, rule_of
from api.commands import service as commands
from shared.db.tables import metadata
from shared.db.uow import read_only
from tests.integration.api.desk import START, Browser, Desk, signed_in
from tests.integration.api.helpers import BASE_URL, PASSWORD, Town, csrf

SAFE = {"GET", "HEAD"}
NOT_THERE = 999_999_999
RESENDS_MAX = 20
# No body of any route has this field, so that an allowed request changes nothing.
NO_BODY = {"no such field": 1}
# Where a body is looked at before the object and `{}` will not do: one that is right, so that the
# object decides.
RIGHT_BODIES: dict[str, dict[str, Any]] = {
    "PUT /api/strategies/{strategy_id}": {"description": "mine now"},
    "POST /api/strategies/{strategy_id}/preview": {"alert": "buy"},
    "PUT /api/accounts/{account_id}": {"enabled": False},
    "POST /api/controls/strategy/{strategy_id}/resume": {},
    "POST /api/controls/account/{account_id}/resume": {},
    "POST /api/accounts/{account_id}/enable-live": {"password": PASSWORD, "account_name": "x"},
    "PUT /api/connections/{connection_id}": {"name": "mine now"},
    "POST /api/strategies/{strategy_id}/rotate-key": {"password": PASSWORD},
    "PUT /api/trades/{trade_id}/note": {"note": "mine now", "tags": []},
    "PATCH /api/trades/{trade_id}/note": {"note": "mine now"},
    "POST /api/drifts/{drift_id}/give": {"strategy_id": 1},
}
DENIED = {401, 403}
# Tables in which asking leaves traces of one's own.
TRACES = {"sessions", "login_attempts", "outbox", "api_keys", "users"}


@dataclass(frozen=True, slots=True)
class Call:
    """`path` with the owner's objects in it; `absent` with ids that never were."""

    rule: Rule
    method: str
    pattern: str
    path: str
    absent: str

    @property
    def is_safe(self) -> bool:
        return self.method in SAFE

    @property
    def has_object(self) -> bool:
        return self.path != self.absent

    @property
    def right_body(self) -> dict[str, Any]:
        return RIGHT_BODIES.get(str(self), {})

    def __str__(self) -> str:
        return f"{self.method} {self.pattern.rstrip('/')}"


@dataclass(frozen=True, slots=True)
class Seen:
    status: int
    code: str
    body: Any


class House:
    """An owner with one of each thing, and everybody who might ask for them."""

    def __init__(self, app: FastAPI, town: Town, owner: Browser) -> None:
        self.app = app
        self.town = town
        self.owner = owner
        self.objects: dict[str, str] = {}

    async def fill(self) -> None:
        town, person = self.town, self.owner.person
        desk = Desk(town)
        strategy, account = await town.strategy(person.id), await desk.account(person.id)
        trade_id = await desk.trade(strategy, account)
        await desk.record(strategy, account)
        key = await self.owner.post("/api/user/api-keys/", {"name": "k", "scopes": ["read"]}, 201)
        other = await self.owner.get("/api/user/sessions/")
        made: dict[str, Any] = {
            "strategy_id": strategy.id,
            "account_id": account.id,
            "trade_id": trade_id,
            "connection_id": account.connection_id,
            "key_id": key["id"],
            "session_id": other[0]["id"],
            "person_id": person.id,
            "command_id": await self._add("commands", kind="close", detail={}, requested_by="x"),
            "signal_id": await self._signal(strategy.id),
            "drift_id": await self._add(
                "drifts",
                account_id=account.id,
                strategy_id=strategy.id,
                root="ES",
                contract="ESH6",
                code="drift.position",
                message="x",
                compared={},
                policy="hold",
                found_at=START,
            ),
            "job_id": await self._job(),
            "word": "pause",
            "key": strategy.key,
        }
        self.objects = {name: str(value) for name, value in made.items()}

    async def _add(self, table: str, **values: Any) -> int:
        rows = metadata.tables[table]
        statement = rows.insert().values(user_id=self.owner.person.id, **values)
        made: int = await self.town.write(statement.returning(rows.c.id))
        return made

    async def _job(self) -> int:
        """An export that is done, with its file."""
        params = {"format": "csv"}
        job_id = await self._add("jobs", kind="export_trades", params=params, status="done")
        part = {"job_id": job_id, "way": "out", "no": 0, "body": b"id\n"}
        rows = metadata.tables["job_parts"]
        await self.town.write(rows.insert().values(user_id=self.owner.person.id, **part))
        return job_id

    async def _signal(self, strategy_id: int) -> int:
        body = {"symbol": "ES1!", "action": "buy", "quantity": 1}
        [key] = [
            row["webhook_key"] for row in [await self.owner.get(f"/api/strategies/{strategy_id}/")]
        ]
        answer = await self.owner.http.post(f"/webhook/{key}", json=body)
        for _ in range(RESENDS_MAX):  # as its sender does while the answer is 503
            if answer.status_code != 503:
                break
            answer = await self.owner.http.post(f"/webhook/{key}", json=body)
        assert answer.status_code == 202, answer.text
        return int((await self.town.signals())[0].id)

    def calls(self) -> list[Call]:
        """Each route once; its twin with or without a slash is the same function."""
        found = {}
        for route in self.app.routes:
            if isinstance(route, APIRoute):
                for method in sorted(route.methods or ()):
                    found[method, route.path.rstrip("/")] = self._call(route, method)
        return list(found.values())

    def _call(self, route: APIRoute, method: str) -> Call:
        names = route.param_convertors
        unknown = names.keys() - self.objects.keys()
        assert not unknown, f"{route.path}: whose is {unknown}? Say it in House.fill"
        absent = {name: str(NOT_THERE) for name in names} | {"word": "pause", "key": "A" * 32}
        return Call(
            rule=rule_of(route),
            method=method,
            pattern=route.path,
            path=route.path.format(**self.objects),
            absent=route.path.format(**absent),
        )

    async def holdings(self) -> dict[str, list[str]]:
        """Everything of the owner's, in every table."""
        out = {}
        async with read_only(self.town.owner) as connection:
            for table in metadata.sorted_tables:
                if "user_id" in table.c and table.name not in TRACES:
                    query = select(table).where(table.c.user_id == self.owner.person.id)
                    out[table.name] = sorted(map(str, await connection.execute(query)))
        return out


async def ask(
    http: httpx.AsyncClient,
    call: Call,
    *,
    path: str = "",
    headers: dict[str, str] | None = None,
    body: dict[str, Any] | None = None,
) -> Seen:
    if body is None and not call.is_safe:
        body = NO_BODY
    answer = await http.request(call.method, path or call.path, json=body, headers=headers)
    assert answer.status_code < 500, f"{call}: {answer.status_code} {answer.text}"
    try:
        found = answer.json()
    except ValueError:
        found = answer.text
    code = found.get("code", "") if isinstance(found, dict) else ""
    if isinstance(found, dict):
        found.pop("correlation_id", None)
    return Seen(answer.status_code, code, found)


@asynccontextmanager
async def nobody(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url=BASE_URL) as http:
        yield http


@pytest.fixture(autouse=True)
def no_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody carries commands out here."""
    monkeypatch.setattr(commands, "WAIT_S", 0.0)


@pytest.fixture
async def house(app: FastAPI, town: Town, engine: AsyncEngine) -> AsyncIterator[House]:
    async with signed_in(app, town, "Ada") as owner:
        made = House(app, town, owner)
        await made.fill()
        yield made


def unless(allowed: Callable[[Call, Seen], str | None], call: Call, seen: Seen) -> str | None:
    said = allowed(call, seen)
    return (
        None
        if said is None
        else f"{call} [{call.rule.name}]: {said}, got {seen.status} {seen.code}"
    )


# --- nobody -----------------------------------------------------------------------------------
def nobody_may(call: Call, seen: Seen) -> str | None:
    match call.rule:
        case rule if rule is PUBLIC:
            # check-auth says by its status that nobody is signed in.
            return None if seen.status not in DENIED or "check-auth" in call.path else "is public"
        case rule if rule is SIGN_IN:
            return None if (seen.status, seen.code) == (403, "auth.csrf") else "wants a CSRF token"
        case rule if rule is WEBHOOK:
            return None if seen.status not in DENIED else "the key decides"
        case _:
            return None if (seen.status, seen.code) == (401, "auth.no_session") else "wants 401"


async def test_m37_nobody_gets_in_without_a_session(house: House) -> None:
    before = await house.holdings()
    async with nobody(house.app) as http:
        wrong = [
            unless(nobody_may, call, await ask(http, call))
            for call in house.calls()
            if call.rule is not WEBHOOK  # the owner's own key is known here, and is the proof
        ]
    assert [each for each in wrong if each] == []
    assert await house.holdings() == before


# --- a page elsewhere, in the owner's browser ---------------------------------------------------
async def test_m20_no_unsafe_request_passes_without_token_or_from_elsewhere(house: House) -> None:
    before = await house.holdings()
    wrong = []
    foreign = await csrf(house.owner.http) | {"Origin": "https://evil.example"}
    for call in house.calls():
        if call.is_safe or call.rule in {PUBLIC, WEBHOOK}:
            continue
        without = await ask(house.owner.http, call)
        if (without.status, without.code) != (403, "auth.csrf"):
            wrong.append(f"{call} without token: {without.status} {without.code}")
        elsewhere = await ask(house.owner.http, call, headers=foreign)
        if (elsewhere.status, elsewhere.code) != (403, "auth.origin"):
            wrong.append(f"{call} from elsewhere: {elsewhere.status} {elsewhere.code}")
    assert wrong == []
    assert await house.holdings() == before


# --- another user -----------------------------------------------------------------------------
async def test_m34_another_users_things_look_as_if_they_were_not_there(
    house: House, town: Town
) -> None:
    """Also for an administrator, who is nobody's owner."""
    before = await house.holdings()
    wrong = []
    async with signed_in(house.app, town, "Bob") as bob, signed_in(house.app, town, "Root") as root:
        await town.sql("UPDATE users SET admin = true WHERE username = 'Root'")
        askers = [
            ("another", bob, await csrf(bob.http)),
            ("an administrator", root, await csrf(root.http)),
        ]
        for call in house.calls():
            if call.rule not in {SESSION, PERSON} or not call.has_object:
                continue
            for who, browser, headers in askers:
                body = None if call.is_safe else call.right_body
                theirs = await ask(browser.http, call, headers=headers, body=body)
                absent = await ask(browser.http, call, path=call.absent, headers=headers, body=body)
                if theirs.status == 422:
                    wrong.append(f"{call}: say a right body in RIGHT_BODIES, {theirs.body}")
                elif theirs != absent or theirs.status != 404:
                    wrong.append(f"{call} by {who}: {theirs} and {absent}")
            in_body = {"id": int(house.objects["strategy_id"]), "description": "mine now"}
            await bob.post("/api/strategies/update/", in_body, 404)
    assert wrong == []
    assert await house.holdings() == before


async def test_m34_lists_hold_nothing_of_anybody_else(house: House, town: Town) -> None:
    strategy, account = house.objects["strategy_id"], house.objects["account_id"]
    [login] = await house.owner.get("/api/connections/")
    marks = ["Ada", house.objects["key"], login["login_name"], "Opening Range", "PAPER"]
    leaks = []
    async with signed_in(house.app, town, "Bob") as bob:
        for call in house.calls():
            if call.is_safe and call.rule in {SESSION, PERSON} and not call.has_object:
                seen = await ask(bob.http, call)
                leaks += [f"{call}: {mark}" for mark in marks if mark in str(seen.body)]
        for path in (f"/api/trades/?strategy={strategy}", f"/api/trades/?account={account}"):
            assert await bob.get(path) == []
    assert leaks == []


# --- keys of programs ---------------------------------------------------------------------------
def key_may(call: Call, seen: Seen, scope: str) -> str | None:
    has_scope = call.is_safe if scope == "read" else not call.is_safe
    if call.rule is SESSION:
        wanted = (403, "auth.scope")
        if has_scope:
            return (
                None
                if seen.code not in {"auth.scope", "auth.person"} and (seen.status not in DENIED)
                else "the scope is enough"
            )
        return None if (seen.status, seen.code) == wanted else "wants the other scope"
    if call.rule in {PERSON, ADMIN}:
        return None if (seen.status, seen.code) == (403, "auth.person") else "is a person's"
    return None


@pytest.mark.parametrize("scope", ["read", "trade"])
async def test_m37_a_key_opens_exactly_its_scope(house: House, scope: str) -> None:
    body = {"name": scope, "scopes": [scope]}
    key = (await house.owner.post("/api/user/api-keys/", body, 201))["key"]
    wrong = []
    async with nobody(house.app) as http:
        headers = {"Authorization": f"Bearer {key}"}
        for call in house.calls():
            if call.rule in {SESSION, PERSON, ADMIN}:
                # What it may do is done to things that are not there.
                path = call.path if call.is_safe else call.absent
                seen = await ask(http, call, path=path, headers=headers)
                wrong.append(unless(lambda c, s: key_may(c, s, scope), call, seen))
    assert [each for each in wrong if each] == []


# --- the owner, and administrators --------------------------------------------------------------
async def test_m34_the_owner_reads_everything_of_hers(house: House) -> None:
    wrong = []
    for call in house.calls():
        if not call.is_safe or call.rule not in {SESSION, PERSON}:
            continue
        seen = await ask(house.owner.http, call)
        if seen.status not in {200, 422}:  # 422: something is to be asked for by name
            wrong.append(f"{call}: {seen.status} {seen.code}")
    assert wrong == []


async def test_m34_what_is_an_administrators_is_nobody_elses(house: House, town: Town) -> None:
    wrong = []
    async with signed_in(house.app, town, "Root") as root:
        await town.sql("UPDATE users SET admin = true WHERE username = 'Root'")
        for call in house.calls():
            if call.rule is not ADMIN:
                continue
            hers = await ask(house.owner.http, call, headers=await csrf(house.owner.http))
            if (hers.status, hers.code) != (403, "auth.admin"):
                wrong.append(f"{call} by a user: {hers.status} {hers.code}")
            his = await ask(root.http, call, headers=await csrf(root.http))
            if his.status in DENIED:
                wrong.append(f"{call} by an administrator: {his.status} {his.code}")
    assert wrong == []
