"""Jobs: committed when answered, done by whoever has time, in batches that survive a crash."""

from __future__ import annotations

import csv
import io
import json
from decimal import Decimal
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import func, select

from api.jobs import exports, imports, store
from api.jobs.work import Work
from api.jobs.worker import CLAIMS_MAX, Worker
from api.resources import Resources
from shared.db.tables.jobs import imported_trades, job_parts
from tests.integration.api.desk import Browser, Desk, signed_in
from tests.integration.api.helpers import Town, csrf

HEAD = "ticker,side,qty,entry_price,exit_price,entry_at,exit_at,fees_usd,strategy\n"
ROW = "NQ1!,BUY,1,21000,21010,2026-03-02T15:30:00Z,2026-03-02T15:{:02}:00Z,4.20,{}\n"


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "_ROWS_AT_ONCE", 2)
    monkeypatch.setattr(imports, "_ROWS_AT_ONCE", 2)


async def ask(browser: Browser, body: dict[str, Any], key: str, status: int = 202) -> Any:
    headers = await csrf(browser.http) | {"Idempotency-Key": key}
    answer = await browser.http.post("/api/jobs/", json=body, headers=headers)
    assert answer.status_code == status, answer.text
    return answer.json()


async def done(
    browser: Browser, resources: Resources, body: dict[str, Any], key: str = "a-key-of-mine"
) -> Any:
    job = await ask(browser, body, key)
    assert await Worker(resources).once()
    return await browser.get(f"/api/jobs/{job['id']}/")


def trades(*rows: str, **more: Any) -> dict[str, Any]:
    return {"kind": "import_trades", "format": "csv", "text": HEAD + "".join(rows), **more}


async def fetch(browser: Browser, job: Any) -> str:
    answer = await browser.http.get(f"/api/jobs/{job['id']}/file/")
    assert answer.status_code == 200, answer.text
    return answer.text


async def test_trades_go_out_and_come_in_elsewhere_the_same(
    ada: Browser, app: FastAPI, town: Town, resources: Resources
) -> None:
    desk, strategy = Desk(town), await town.strategy(ada.person.id)
    account = await desk.account(ada.person.id)
    for minutes in (5, 6, 7):
        await desk.trade(strategy, account, minutes=minutes)
    for kind in ("csv", "json"):
        body = {"kind": "export_trades", "format": kind, "strategy": strategy.name}
        job = await done(ada, resources, body, f"export-{kind}")
        assert (job["status"], job["result"], job["has_file"]) == ("done", {"rows": 3}, True)
        text = await fetch(ada, job)
        rows = list(csv.DictReader(io.StringIO(text))) if kind == "csv" else json.loads(text)
        assert [row["net_usd"] for row in rows] == ["45.8"] * 3
        assert {row["trade_date"] for row in rows} == {"2026-03-02"}
        async with signed_in(app, town, f"Bob{kind}") as bob:
            theirs = await town.strategy(bob.person.id)
            brought = {"kind": "import_trades", "format": kind, "text": text}
            job = await done(bob, resources, brought)
            assert job["result"] | {"problems": []} == {
                "imported": 3, "duplicates": 0, "bad": 0, "problems": [],
            }  # fmt: skip
            shown = await bob.get("/api/trades/")
            assert [each["Profit"] for each in shown] == [45.8] * 3
            assert {each["account"] for each in shown} == {"Imported"}
            mine = await ada.get("/api/trades/")
            same = ("Ticker", "Open_Time", "Closed_Time", "Open_Price", "Position_Size", "net")
            assert [[t[name] for name in same] for t in shown] == [
                [t[name] for name in same] for t in mine
            ]
            for path in (f"/api/strategies/{theirs.id}/analytics/", "/api/profiles/statistics/"):
                assert await bob.get(path)
            summary = await bob.get("/api/dashboard/summary/")
            assert Decimal(str(summary["total_pnl"])) == Decimal("137.4")
            page = await bob.http.get("/api/trades/?limit=2")
            rest = await bob.get("/api/trades/", after=page.headers["X-Next"])
            assert [each["id"] for each in page.json() + rest] == [each["id"] for each in shown]


async def test_an_import_counts_what_is_new_known_and_bad(
    ada: Browser, town: Town, resources: Resources
) -> None:
    strategy = await town.strategy(ada.person.id)
    named = [ROW.format(minute, strategy.name) for minute in range(31, 36)]
    nameless, foreign = ROW.format(40, ""), ROW.format(41, "Nobody's")
    twins = [ROW.format(50, strategy.name)] * 2
    rows = [*named, nameless, foreign, *twins, "rubbish\n"]
    job = await done(ada, resources, trades(*rows, strategy_id=strategy.id), "first-of-two")
    assert (job["status"], job["progress_done"], job["progress_total"]) == ("done", 10, 10)
    counts = {name: job["result"][name] for name in ("imported", "duplicates", "bad")}
    assert counts == {"imported": 8, "duplicates": 0, "bad": 2}
    assert [each["line"] for each in job["result"]["problems"]] == [7, 10]
    # The same file again, and one more row: what is here is here once.
    rows.append(ROW.format(51, strategy.name))
    again = await done(ada, resources, trades(*rows, strategy_id=strategy.id), "second-of-two")
    assert (again["result"]["imported"], again["result"]["duplicates"]) == (1, 8)
    undone = await ada.post(f"/api/jobs/{job['id']}/undo/")
    assert undone["removed"] == 8
    refused = await ada.post(f"/api/jobs/{job['id']}/undo/", status=409)
    assert refused["code"] == "job.not_undoable"
    assert len(await ada.get("/api/trades/")) == 1


async def test_a_crash_between_batches_repeats_and_loses_nothing(
    ada: Browser, town: Town, resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    strategy = await town.strategy(ada.person.id)
    rows = [ROW.format(minute, strategy.name) for minute in range(31, 36)]
    job = await ask(ada, trades(*rows), "crashing")
    # A process takes it, does one batch and stands still for longer than its lease.
    claimed = await store.claim(resources.engine)
    assert claimed is not None
    slow = await Work.begin(resources, claimed)
    known = {"opening range": strategy.id}
    monkeypatch.setattr(imports, "_strategies", _always(known))
    first = _FirstBatchOnly(slow)
    with pytest.raises(_StandsStillError):
        await imports.trades(first)  # type: ignore[arg-type] # it is a Work that stops
    assert not await Worker(resources).once()  # the lease holds
    await town.sql("UPDATE jobs SET lease_until = now()")
    assert await Worker(resources).once()
    shown = await ada.get(f"/api/jobs/{job['id']}/")
    assert (shown["status"], shown["result"]["imported"]) == ("done", 5)
    assert shown["result"]["duplicates"] == 0
    [count] = await town.rows(select(func.count()).select_from(imported_trades))
    assert count[0] == 5


class _StandsStillError(Exception):
    pass


class _FirstBatchOnly:
    """Everything of a `Work`, until the second batch begins."""

    def __init__(self, work: Work) -> None:
        object.__setattr__(self, "_work", work)
        object.__setattr__(self, "_begun", 0)

    def __getattr__(self, name: str) -> Any:
        if name == "batch":
            object.__setattr__(self, "_begun", self._begun + 1)
            if self._begun > 1:
                raise _StandsStillError
        return getattr(self._work, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._work, name, value)


def _always(found: dict[str, int]) -> Any:
    async def answer(_: object) -> dict[str, int]:
        return found

    return answer


async def test_one_that_fails_again_and_again_is_given_up(
    ada: Browser, town: Town, resources: Resources
) -> None:
    job = await ask(ada, {"kind": "export_strategies"}, "poisonous")
    await town.sql("UPDATE jobs SET claim = :claims", claims=CLAIMS_MAX)
    assert await Worker(resources).once()
    shown = await ada.get(f"/api/jobs/{job['id']}/")
    assert (shown["status"], shown["code"]) == ("failed", "job.gave_up")


async def test_cancelling(ada: Browser, town: Town, resources: Resources) -> None:
    waiting = await ask(ada, {"kind": "export_strategies"}, "waiting-1")
    ended = await ada.post(f"/api/jobs/{waiting['id']}/cancel/")
    assert ended["status"] == "cancelled"
    running = await ask(ada, trades(ROW.format(31, "x")), "running-1")
    claimed = await store.claim(resources.engine)
    assert claimed is not None
    assert claimed.id == running["id"]
    told = await ada.post(f"/api/jobs/{running['id']}/cancel/")
    assert (told["status"], told["cancel_requested"]) == ("running", True)
    await town.sql("UPDATE jobs SET lease_until = now()")
    assert await Worker(resources).once()
    shown = await ada.get(f"/api/jobs/{running['id']}/")
    assert (shown["status"], shown["code"]) == ("cancelled", "job.cancelled")
    listed = await ada.get("/api/jobs/", wrap=1)
    assert [each["status"] for each in listed["jobs"]] == ["cancelled", "cancelled"]


async def test_strategies_go_out_and_come_in_elsewhere_the_same(
    ada: Browser, app: FastAPI, town: Town, resources: Resources
) -> None:
    rules = {"inverse": True, "limits": {"daily_loss_usd": "500.50"}}
    body = {"name": "Ünder/over", "position_size": 0, "rules": rules, "symbol": "NQ1!"}
    await ada.post("/api/strategies/create/", body, 201)
    job = await done(ada, resources, {"kind": "export_strategies"}, "strategies-out")
    text = await fetch(ada, job)
    assert "webhook" not in text
    async with signed_in(app, town, "Bob") as bob:
        items = [*json.loads(text), {"name": ""}, {"name": "Ünder/over"}]
        brought = {"kind": "import_strategies", "text": json.dumps(items)}
        job = await done(bob, resources, brought)
        assert (job["result"]["imported"], job["result"]["bad"]) == (1, 2)
        assert [each["line"] for each in job["result"]["problems"]] == [2, 3]
        again = await done(bob, resources, {"kind": "export_strategies"}, "strategies-again")
        assert await fetch(bob, again) == text
        assert (await bob.post(f"/api/jobs/{job['id']}/undo/"))["removed"] == 1
        assert await bob.get("/api/strategies/") == []


async def test_what_is_no_file_fails_with_its_reason(
    ada: Browser, town: Town, resources: Resources
) -> None:
    for number, body in enumerate(
        ({"kind": "import_strategies", "text": "{"}, trades() | {"text": "nothing\n"})
    ):
        job = await done(ada, resources, body, f"no-file-{number}")
        assert (job["status"], job["code"]) == ("failed", "import.unreadable")
        refused = await ada.http.get(f"/api/jobs/{job['id']}/file/")
        assert (refused.status_code, refused.json()["code"]) == (409, "job.no_file")


async def test_bounds(ada: Browser, app: FastAPI, town: Town, resources: Resources) -> None:
    for number in range(store.OPEN_MAX):
        await ask(ada, {"kind": "export_strategies"}, f"job-number-{number}")
    same = await ask(ada, {"kind": "export_strategies"}, "job-number-0")
    more = await ask(ada, {"kind": "export_strategies"}, "one-too-many", 409)
    assert more["code"] == "job.too_many"
    async with signed_in(app, town, "Bob") as bob:
        for verb in ("", "file/"):
            await bob.get(f"/api/jobs/{same['id']}/{verb}", 404)
        for verb in ("cancel/", "undo/"):
            await bob.post(f"/api/jobs/{same['id']}/{verb}", status=404)
        unknown = await ask(bob, trades(strategy_id=1), "bobs-own-key", 404)
        assert unknown["code"] == "strategy.unknown"
    assert await Worker(resources).once()
    await town.sql("UPDATE jobs SET ended_at = ended_at - interval '8 days'")
    await ask(ada, {"kind": "export_strategies"}, "sweeps-old-files")
    assert await town.rows(select(job_parts)) == []
