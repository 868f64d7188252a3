"""Notes and tags on trades, and a year of trades for a tax return."""

from __future__ import annotations

import csv
import io
from datetime import date
from typing import Any

from sqlalchemy import select

from shared.db.tables.audit import audit_log
from shared.db.tables.records import recorded_positions, trade_notes, trades
from tests.integration.api.desk import DAY, START, Browser, Desk
from tests.integration.api.helpers import Strategy, Town


def _path(trade_id: int) -> str:
    return f"/api/trades/{trade_id}/note/"


async def _imported(desk: Desk, strategy: Strategy, **values: Any) -> int:
    """Its id as the API shows it."""
    user = strategy.user_id
    job = await desk.add("jobs", user_id=user, kind="import_trades", params={})
    told = {
        "user_id": user, "job_id": job, "strategy_id": strategy.id, "fingerprint": b"one",
        "contract": "NQH6", "root": "NQ", "side": "BUY", "qty": 1, "entry_price": 1,
        "exit_price": 2, "entry_at": START, "exit_at": START, "exit_reason": "Imported",
        "gross_usd": 20, "fees_usd": 0, "net_usd": 20, "trade_date": DAY,
    } | values  # fmt: skip
    return -int(await desk.add("imported_trades", **told))


async def test_m141_notes_and_tags_are_the_owners_to_write(
    ada: Browser, town: Town, desk: Desk
) -> None:
    strategy, account = await town.strategy(ada.person.id), await desk.account(ada.person.id)
    ours, theirs = await desk.trade(strategy, account), await _imported(desk, strategy)
    for trade_id in (ours, theirs):
        assert await ada.get(_path(trade_id)) == {"note": "", "tags": []}
        body = {"note": "Late.\nThe news.", "tags": ["News", "late", "news"]}
        written = {"note": "Late.\nThe news.", "tags": ["late", "news"]}
        assert await ada.send("PUT", _path(trade_id), body) == written
        assert await ada.send("PUT", _path(trade_id), body) == written  # once more changes nothing
        changed = await ada.send("PATCH", _path(trade_id), {"tags": ["plan"]})
        assert changed == {"note": "Late.\nThe news.", "tags": ["plan"]}
        assert await ada.get(_path(trade_id)) == changed
    listed = {trade["id"]: trade for trade in await ada.get("/api/trades/")}
    assert {(each["note"], *each["tags"]) for each in listed.values()} == {
        ("Late.\nThe news.", "plan")
    }
    noted = await town.rows(
        select(audit_log.c.detail).where(audit_log.c.action == "trade.noted").order_by("id")
    )
    assert [row.detail["trade_id"] for row in noted] == [ours, ours, theirs, theirs]
    assert "Late" not in str(noted)
    assert await ada.get("/api/trades/tags/") == {"tags": [{"value": "plan", "trades": 2}]}
    await ada.send("PUT", _path(ours), {"note": "", "tags": []})
    assert len(await town.rows(select(trade_notes))) == 1


async def test_what_no_note_is(ada: Browser, town: Town, desk: Desk) -> None:
    strategy, account = await town.strategy(ada.person.id), await desk.account(ada.person.id)
    trade_id = await desk.trade(strategy, account)
    wrong: tuple[dict[str, Any], ...] = (
        {"note": "x" * 4_001, "tags": []}, {"note": "a\x00b", "tags": []}, {"note": "x"},
        {"note": "", "tags": ["x" * 41]}, {"note": "", "tags": ["a\nb"]},
        {"note": "", "tags": [""]}, {"note": "", "tags": [str(n) for n in range(21)]},
    )  # fmt: skip
    for body in wrong:
        found = await ada.send("PUT", _path(trade_id), body, 422)
        assert found["code"] == "request.invalid", body
    for absent in (trade_id + 1, -1, 0):
        assert (await ada.get(_path(absent), 404))["code"] == "trade.unknown"
        await ada.send("PATCH", _path(absent), {"note": "x"}, 404)


async def test_m132_trades_are_found_by_tag_and_words(ada: Browser, town: Town, desk: Desk) -> None:
    one, account = await town.strategy(ada.person.id, "One"), await desk.account(ada.person.id)
    two = await town.strategy(ada.person.id, "Two")
    made = [
        await desk.trade(one if minute % 2 else two, account, minutes=minute, net=f"{minute - 3}")
        for minute in range(1, 7)
    ]
    made.append(await _imported(desk, two))
    for trade_id in (made[0], made[1], made[5], made[6]):
        await ada.send("PUT", _path(trade_id), {"note": "100% Plan_A", "tags": ["Good one"]})
    await ada.send("PUT", _path(made[2]), {"note": "else", "tags": ["other"]})
    cases: list[tuple[dict[str, Any], list[int]]] = [
        ({"tag": "good ONE"}, [made[5], made[1], made[0], made[6]]),
        ({"tag": "good"}, []),
        ({"q": "plan_a"}, [made[5], made[1], made[0], made[6]]),
        ({"q": "% plan"}, [made[5], made[1], made[0], made[6]]),
        ({"q": "100_"}, []),
        ({"q": "GOOD"}, [made[5], made[1], made[0], made[6]]),
        ({"q": "oth"}, [made[2]]),
        ({"tag": "good one", "strategy": "two"}, [made[5], made[1], made[6]]),
        ({"tag": "good one", "result": "win"}, [made[5], made[6]]),
        ({"tag": "good one", "since": "2026-03-03"}, []),
    ]
    for asked, wanted in cases:
        found = await ada.get("/api/trades/", **asked)
        assert [trade["id"] for trade in found] == wanted, asked
        totals = await ada.get("/api/trades/totals/", **asked)
        assert totals["trades"] == len(wanted), asked
        first = await ada.get("/api/trades/", wrap=1, limit=2, **asked)
        if first["next"] is not None:
            rest = await ada.get("/api/trades/", after=first["next"], **asked)
            assert [trade["id"] for trade in [*first["trades"], *rest]] == wanted


async def test_a_note_stays_when_a_trade_is_recorded_anew_or_given_away(
    ada: Browser, town: Town, desk: Desk
) -> None:
    strategy, account = await town.strategy(ada.person.id), await desk.account(ada.person.id)
    other = await town.strategy(ada.person.id, "Other")
    trade_id = await desk.trade(strategy, account)
    await ada.send("PUT", _path(trade_id), {"note": "kept", "tags": ["a"]})
    [record] = await town.rows(select(recorded_positions))
    await town.write(trades.delete())
    await town.write(recorded_positions.delete())
    again = await desk.trade(other, account)
    opened = recorded_positions.update().values(opening_fill_id=record.opening_fill_id)
    await town.write(opened)
    assert again != trade_id
    assert await ada.get(_path(again)) == {"note": "kept", "tags": ["a"]}


async def test_m141_a_year_for_a_tax_return(ada: Browser, town: Town, desk: Desk) -> None:
    """By the trading day: the evening of New Year's Eve counts to the next year already."""
    strategy, account = await town.strategy(ada.person.id), await desk.account(ada.person.id)
    for net in ("100.5", "-20.25"):
        await desk.trade(strategy, account, net=net)
    await desk.trade(strategy, account, net="7", on=date(2027, 1, 1))
    await _imported(desk, strategy)
    answer = await ada.http.get("/api/trades/tax/", params={"year": 2026})
    assert answer.headers["content-type"].startswith("text/csv")
    assert [*csv.DictReader(io.StringIO(answer.text))] == [
        {
            "trade_date": "2026-03-02", "account": "Imported", "contract": "NQH6", "trades": "1",
            "contracts": "1", "gross_usd": "20", "fees_usd": "0", "net_usd": "20",
        },
        {
            "trade_date": "2026-03-02", "account": account.name, "contract": "ESH6",
            "trades": "2", "contracts": "4", "gross_usd": "88.65", "fees_usd": "8.4",
            "net_usd": "80.25",
        },
    ]  # fmt: skip
    later = (await ada.http.get("/api/trades/tax/", params={"year": 2027})).text
    assert later.splitlines()[1].endswith(",1,2,11.2,4.2,7")
    await ada.get("/api/trades/tax/", 422, year=1800)
    await ada.get("/api/trades/tax/", 422)
