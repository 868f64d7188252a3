"""Creating, changing and showing strategies, in our names and in the original's."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import select

from shared.db.tables.strategies import strategies, strategy_accounts
from shared.domain.webhook_key import key_hash
from tests.integration.api.desk import START, Browser, Desk, signed_in
from tests.integration.api.helpers import PASSWORD, Strategy, Town, csrf

EIGHTEEN = {
    "id", "Strat_Name", "Strat_Type", "Days2Expo", "Strike_Offset", "Stoploss", "Position_Size",
    "Position_Add", "TakeProfit", "Trim", "TPSL_Units", "DirStrat", "SubTicker", "SubTimeFrame",
    "Enabled", "Owner", "Accounts", "Alternate_Name",
}  # fmt: skip
THIRTY_NINE = EIGHTEEN | {
    "TradeTrim", "Description", "Discord_Server", "Discord_Channel", "AlgoDriven", "Private",
    "PremiumFilter", "TimeFilter", "IP_Address", "SLTP_Data", "Recorder", "Manual", "Lock",
    "Profit", "Delay_Add", "Maxcons", "UseLimits", "Linked_Strat", "Inverse", "IgnoreAlgoSpecs",
    "Leverage",
}  # fmt: skip
OURS = {
    "id", "name", "strat_type", "symbol", "timeframe", "description", "position_size",
    "position_add", "size_from", "take_profit", "stop_loss", "tpsl_units", "active",
    "recording_enabled", "accounts", "rules", "created_at", "updated_at",
}  # fmt: skip


@pytest.fixture
async def bob(app: FastAPI, town: Town) -> AsyncIterator[Browser]:
    async with signed_in(app, town, "Bob") as browser:
        yield browser


async def made(browser: Browser, **body: Any) -> int:
    answer = await browser.post("/api/strategies/create/", {"name": "Breakout"} | body, 201)
    found: int = answer["id"]
    return found


@pytest.mark.parametrize("path", ["/api/strategies/create", "/api/strategies/create/",
                                  "/api/strategies", "/api/strategies/"])  # fmt: skip
async def test_creating_answers_the_key_and_stores_its_hash_only(
    ada: Browser, town: Town, path: str
) -> None:
    answer = await ada.post(path, {"name": " Opening Range "}, 201)
    assert set(answer) == {"message", "id", "webhook_key"}
    assert re.fullmatch("[A-Z]{35}", answer["webhook_key"])
    [row] = await town.rows(select(strategies))
    assert (row.id, row.user_id, row.name) == (answer["id"], ada.person.id, "Opening Range")
    assert row.webhook_key_hash == key_hash(answer["webhook_key"])
    assert (row.position_size, row.position_add, row.active, row.recording_enabled) == (1, 1, 1, 1)


async def test_the_new_key_takes_alerts(ada: Browser, town: Town) -> None:
    answer = await ada.post("/api/strategies/create/", {"name": "Live"}, 201)
    sent = await ada.http.post(f"/webhook/{answer['webhook_key']}", json={"action": "buy"})
    assert sent.status_code == 202
    [signal] = await town.signals()
    assert signal.strategy_id == answer["id"]


async def test_the_originals_names_are_ours(ada: Browser, desk: Desk) -> None:
    account = await desk.account(ada.person.id)
    body = {
        "Strat_Name": "Original", "Strat_Type": "Futures", "Position_Size": 3, "Position_Add": 2,
        "TakeProfit": [12], "Stoploss": 8, "TPSL_Units": "Ticks", "SubTicker": "ES1!",
        "SubTimeFrame": "5", "Enabled": False, "Recorder": False, "Description": "as before",
        "Days2Expo": 0, "Strike_Offset": 0, "Trim": [0], "DirStrat": "", "Alternate_Name": "",
        "SLTP_Data": {"sl": 8, "SL_Units": "Ticks", "Trim_Units": "Percent", "avgdn": 0},
        "TimeFilter": {"start1": None, "stop1": None, "start2": "", "stop2": ""},
        "Accounts": {str(account.connection_id): {account.name: [5, "MES1!", 0.5]}},
    }  # fmt: skip
    answer = await ada.post("/api/strategies/create/", body, 201)
    found = await ada.get(f"/api/strategies/{answer['id']}/")
    assert {name: found[name] for name in OURS - {"id", "rules", "created_at", "updated_at"}} == {
        "name": "Original", "strat_type": "Futures", "position_size": 3, "position_add": 2,
        "take_profit": ["12"], "stop_loss": "8", "tpsl_units": "Ticks", "symbol": "ES1!",
        "timeframe": "5", "active": False, "recording_enabled": False, "size_from": "signal",
        "description": "as before",
        "accounts": [{
            "account_id": account.id, "connection_id": account.connection_id,
            "name": account.name, "multiplier": "0.5", "max_contracts": 5,
            "custom_ticker": "MES1!", "enabled": True,
        }],
    }  # fmt: skip


async def test_zero_is_a_value_and_no_leg(ada: Browser, town: Town, desk: Desk) -> None:
    account = await desk.account(ada.person.id, multiplier=2, max_contracts=7)
    links = [{"account_id": account.id, "multiplier": 0, "max_contracts": 0}]
    await made(
        ada, position_size=0, position_add=0, stop_loss=0, take_profit=[0, 0], accounts=links
    )
    [row] = await town.rows(select(strategies))
    assert (row.position_size, row.position_add, row.rules) == (0, 0, {})
    [link] = await town.rows(select(strategy_accounts))
    assert (link.multiplier, link.max_contracts) == (0, 0)
    [item] = await ada.get("/api/strategies/")
    assert item["Accounts"] == {
        str(account.connection_id): {str(account.broker_account_id): [0, "", 0]}
    }
    assert (item["Stoploss"], item["TakeProfit"]) == (0, [])


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({"symbol": "HELLO"}, "symbol.unknown", "symbol"),
        ({"SubTicker": "12"}, "symbol.unknown", "symbol"),
        ({"tpsl_units": "Pips"}, "request.invalid", "tpsl_units"),
        ({"TakeProfit": [4], "Trim": [1]}, "settings.trim_units", "trim_units"),
        ({"TakeProfit": [4], "Trim": [1, 1]}, "settings.trim", "trim"),
        ({"take_profit": [4] * 11}, "request.invalid", "rules.bracket.targets"),
        ({"TimeFilter": {"start1": "09:30"}}, "settings.window", "TimeFilter"),
        ({"TimeFilter": {"start1": "9 o'clock"}}, "request.invalid", "TimeFilter.start1"),
        ({"DirStrat": "Nobody"}, "follow.unknown", "DirStrat"),
        ({"rules": {"follows": [{"strategy_id": 4711}]}}, "follow.unknown", "rules.follows"),
        ({"rules": {"entries": {"max_adds": -1}}}, "request.invalid", "rules.entries.max_adds"),
        (
            {"rules": {"limits": {"daily_loss_usd": 0.5}}},
            "request.invalid",
            "rules.limits.daily_loss_usd",
        ),
        ({"rules": {"direction": "up"}}, "request.invalid", "rules.direction"),
        ({"rules": {"hurry": True}}, "request.invalid", "rules.hurry"),
        ({"rules": {"bracket": {}}, "Stoploss": 8}, "settings.twice", "stop_loss"),
        ({"accounts": [{"account_id": 4711}]}, "account.unknown", "accounts"),
        ({"Accounts": {"1": {"DEMO": [0, "", 1]}}}, "account.unknown", "accounts"),
        ({"Linked_Strat": "Other"}, "settings.not_offered", "Linked_Strat"),
        ({"UseLimits": True}, "settings.not_offered", "UseLimits"),
        ({"Leverage": 2}, "settings.not_offered", "Leverage"),
        ({"SLTP_Data": {"avgdn": 1}}, "settings.average_down", "average_down_step"),
        ({"SLTP_Data": {"SL_Type": "Odd"}}, "settings.not_offered", "SLTP_Data.SL_Type"),
        ({"SLTP_Data": {"SL_Type": "Trailing"}}, "settings.trailing", "stop_loss"),
        ({"SLTP_Data": {"sl": 4}, "Stoploss": 5}, "settings.stop", "SLTP_Data.sl"),
        ({"position_size": -1}, "request.invalid", "position_size"),
        ({"position_size": 1.5}, "request.invalid", "position_size"),
        ({"position_size": True}, "request.invalid", "position_size"),
        ({"position_size": None}, "request.invalid", "position_size"),
        ({"accounts": [{"account_id": 1, "multiplier": 1001}]}, "request.invalid", "accounts"),
        ({"stop_loss": "NaN"}, "request.invalid", "stop_loss"),
        ({"name": "  "}, "request.invalid", "name"),
        ({"name": "a\x00b"}, "request.invalid", "name"),
        ({"description": "a\x00b"}, "request.invalid", "description"),
        ({"user_id": 1}, "request.invalid", "user_id"),
        ({"Owner": "Bob"}, "request.invalid", "Owner"),
        ({"Position_Size": 1, "position_size": 2}, "request.invalid", "position_size"),
    ],
)
async def test_what_is_refused_and_why(
    ada: Browser, town: Town, body: dict[str, Any], code: str, field: str
) -> None:
    answer = await ada.post("/api/strategies/create/", {"name": "Breakout"} | body, 422)
    found = answer["fields"][0]["field"]
    assert (answer["code"], found if "." in field else found.partition(".")[0]) == (code, field)
    assert await town.rows(select(strategies)) == []


async def test_names_fold_and_are_a_users_own(ada: Browser, bob: Browser, town: Town) -> None:
    await made(ada, name="My  Strategy")
    other = await made(ada, name="Other")
    taken = await ada.post("/api/strategies/create/", {"name": "my strategy"}, 409)
    renamed = await ada.post("/api/strategies/update/", {"id": other, "name": "MY STRATEGY"}, 409)
    assert taken["code"] == renamed["code"] == "strategy.name_taken"
    await made(bob, name="My Strategy")
    await ada.post("/api/strategies/update/", {"id": other, "name": "oTHER"})
    await town.sql("UPDATE strategies SET deleted_at = now() WHERE id = :id", id=other)
    await made(ada, name="other")


async def test_two_at_once_cannot_both_have_a_name(ada: Browser, town: Town) -> None:
    headers = await csrf(ada.http)
    answers = await asyncio.gather(
        *(
            ada.http.post("/api/strategies/create/", json={"name": name}, headers=headers)
            for name in ("Twin", "tWIN", " twin")
        )
    )
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409]
    assert len(await town.rows(select(strategies))) == 1


async def test_accounts_have_to_be_ones_own_and_named_once(
    ada: Browser, bob: Browser, desk: Desk
) -> None:
    mine, theirs = await desk.account(ada.person.id), await desk.account(bob.person.id)
    for accounts, code in (
        ([{"account_id": theirs.id}], "account.unknown"),
        ({str(theirs.connection_id): {theirs.name: [0, "", 1]}}, "account.unknown"),
        ([{"account_id": mine.id}, {"account_id": mine.id}], "account.twice"),
        ([{"account_id": mine.id, "custom_ticker": "??"}], "symbol.unknown"),
    ):
        body = {"name": "Breakout", "accounts": accounts}
        assert (await ada.post("/api/strategies/create/", body, 422))["code"] == code


async def test_a_change_touches_what_it_names(ada: Browser, town: Town, desk: Desk) -> None:
    account = await desk.account(ada.person.id)
    strategy_id = await made(
        ada, position_size=4, stop_loss=8, take_profit=[12], symbol="NQ1!",
        accounts=[{"account_id": account.id}],
    )  # fmt: skip
    [before] = await town.rows(select(strategies))

    answer = await ada.post("/api/strategies/update/", {"id": strategy_id, "Enabled": False})

    assert set(answer) == {"message", "id", "webhook_key"}
    assert key_hash(answer["webhook_key"]) == before.webhook_key_hash
    [after] = await town.rows(select(strategies))
    changed = {
        name
        for name in strategies.c.keys()  # noqa: SIM118 - names, not columns
        if getattr(before, name) != getattr(after, name)
    }
    assert changed == {"active", "updated_at"}
    assert len(await town.rows(select(strategy_accounts))) == 1

    await ada.post("/api/strategies/update", {"id": strategy_id, "stop_loss": None, "accounts": []})
    [after] = await town.rows(select(strategies))
    assert after.rules == {"bracket": {"targets": [{"at": "12"}]}}
    assert (after.position_size, after.active) == (4, False)
    assert await town.rows(select(strategy_accounts)) == []


async def test_a_change_may_repeat_what_get_strat_said(ada: Browser, desk: Desk) -> None:
    account = await desk.account(ada.person.id)
    strategy_id = await made(
        ada, stop_loss=8, take_profit=[12], accounts=[{"account_id": account.id}]
    )
    told = await ada.get("/api/strategies/get-strat/", id=strategy_id)
    told_back = {name: told[name] for name in THIRTY_NINE - {"Owner", "Profit"}}
    await ada.post("/api/strategies/update/", told_back | {"Position_Size": "3"})
    again = await ada.get("/api/strategies/get-strat/", id=strategy_id)
    assert again | {"updated_at": 0} == told | {
        "Position_Size": "3", "position_size": 3, "updated_at": 0
    }  # fmt: skip


async def test_an_account_in_use_stays(ada: Browser, town: Town, desk: Desk) -> None:
    account = await desk.account(ada.person.id)
    strategy_id = await made(ada, accounts=[{"account_id": account.id}])
    strategy = Strategy(strategy_id, ada.person.id, "Breakout", "")
    empty = {"id": strategy_id, "accounts": []}
    await desk.position(strategy, account, 1)
    refused = await ada.post("/api/strategies/update/", empty, 409)
    assert refused["code"] == "strategy.account_in_use"
    await town.sql("UPDATE positions SET net_qty = 0")
    await desk.intent(strategy, account, state="WORKING", ended_at=None)
    await ada.post("/api/strategies/update/", empty, 409)
    await town.sql("UPDATE intents SET ended_at = now()")
    await ada.post("/api/strategies/update/", empty)


async def test_the_list_has_the_originals_keys_and_numbers(ada: Browser, desk: Desk) -> None:
    account = await desk.account(ada.person.id, multiplier="1.5", custom_ticker="MES1!")
    strategy_id = await made(
        ada, symbol="ES1!", timeframe="5", stop_loss=8, take_profit=[12],
        accounts=[{"account_id": account.id, "max_contracts": 5}],
    )  # fmt: skip
    raw = (await ada.http.get("/api/strategies")).text
    assert '"TakeProfit":[12]' in raw  # a number, to the digit
    [item] = await ada.get("/api/strategies/")
    assert set(item) == EIGHTEEN | OURS
    assert {name: item[name] for name in EIGHTEEN} == {
        "id": strategy_id, "Strat_Name": "Breakout", "Strat_Type": "Futures", "Days2Expo": 0,
        "Strike_Offset": 0, "Stoploss": 8, "Position_Size": 1, "Position_Add": 1,
        "TakeProfit": [12], "Trim": [], "TPSL_Units": "Ticks", "DirStrat": "",
        "SubTicker": "ES1!", "SubTimeFrame": "5", "Enabled": True, "Owner": "Ada",
        "Alternate_Name": "",
        "Accounts": {
            str(account.connection_id): {str(account.broker_account_id): [5, "MES1!", 1.5]}
        },
    }  # fmt: skip
    assert await ada.get("/api/strategies/", wrap=1) == {"strategies": [item]}


async def test_m91_the_manual_list_is_what_takes_orders_by_hand(ada: Browser, desk: Desk) -> None:
    accounts = [{"account_id": (await desk.account(ada.person.id)).id}]
    await made(ada, name="No account")
    await made(ada, name="By hand", accounts=accounts)
    await made(ada, name="Against", accounts=accounts, inverse=True)
    await made(ada, name="Off", accounts=accounts, active=False)
    assert [s["name"] for s in await ada.get("/api/strategies/", manual="true")] == ["By hand"]


async def test_the_lists_other_forms(ada: Browser, desk: Desk) -> None:
    account = await desk.account(ada.person.id)
    await made(ada, name="Recorder")
    await made(ada, name="Trader", accounts=[{"account_id": account.id}])
    everything = await ada.get("/api/strategies/")
    assert [item["name"] for item in everything] == ["Recorder", "Trader"]
    assert [s["name"] for s in await ada.get("/api/strategies/", style="at")] == ["Trader"]
    names = await ada.get("/api/strategies/", val="DirStrat")
    assert names == {"strategies": [{"name": "Recorder"}, {"name": "Trader"}]}


async def test_get_strat_has_thirty_nine_keys_and_the_webhook(ada: Browser, desk: Desk) -> None:
    account = await desk.account(ada.person.id)
    answer = await ada.post(
        "/api/strategies/create/",
        {"name": "Break Out", "stop_loss": 8, "take_profit": [12], "description": "why"},
        201,
    )
    strategy = Strategy(answer["id"], ada.person.id, "Break Out", "")
    await desk.trade(strategy, account, net="12.50")
    await desk.trade(strategy, account, net="-3.25")
    found = await ada.get("/api/strategies/get-strat/", strat="break  OUT", at="true")
    assert found == await ada.get("/api/strategies/get-strat", id=answer["id"])
    assert len(THIRTY_NINE) == 39
    assert set(found) == THIRTY_NINE | OURS | {"webhook_key", "webhook_url"}
    assert found["webhook_key"] == answer["webhook_key"]
    assert found["webhook_url"] == f"http://127.0.0.1:5001/webhook/{answer['webhook_key']}"
    texts = {"Stoploss": "8", "Position_Size": "1", "TakeProfit": ["12"], "Profit": "9.25",
             "Days2Expo": "0", "Leverage": "1", "Delay_Add": "0", "Maxcons": "0"}  # fmt: skip
    assert {name: found[name] for name in texts} == texts
    assert found["TimeFilter"] == dict.fromkeys(("start1", "stop1", "start2", "stop2"))
    assert found["SLTP_Data"] == {
        "sl": "8", "avgdn": "0", "avgdnAmnt": "0", "avgdnType": "", "SL_Type": "Fixed",
        "SL_Units": "Ticks", "Trim_Units": "Contracts",
    }  # fmt: skip
    assert (found["Description"], found["Recorder"], found["Manual"]) == ("why", True, False)


async def test_m106_option_fields_are_kept_and_given_back(ada: Browser) -> None:
    strategy_id = await made(ada, Days2Expo="7", Strike_Offset=-2)
    [item] = await ada.get("/api/strategies/")
    assert (item["Days2Expo"], item["Strike_Offset"]) == (7, -2)
    full = await ada.get("/api/strategies/get-strat", id=strategy_id)
    assert (full["Days2Expo"], full["Strike_Offset"]) == ("7", "-2")
    await ada.post("/api/strategies/update/", {"id": strategy_id, "strike_offset": 0})
    copied = await ada.post(f"/api/strategies/{strategy_id}/duplicate/", {}, 201)
    for each in (strategy_id, copied["id"]):
        kept = await ada.get("/api/strategies/get-strat", id=each)
        assert (kept["Days2Expo"], kept["Strike_Offset"]) == ("7", "0")
    await ada.post("/api/strategies/update/", {"id": strategy_id, "Days2Expo": -1}, 422)


async def test_the_details_carry_the_log(ada: Browser, town: Town, desk: Desk) -> None:
    account = await desk.account(ada.person.id)
    strategy = await town.strategy(ada.person.id, "Logged")
    signal_id = 0
    for seq in (1, 2):
        signal_id = await desk.add(
            "signals", user_id=ada.person.id, strategy_id=strategy.id, seq=seq, status="accepted",
            content={}, received_at=START,
        )  # fmt: skip
        await desk.add(
            "signal_decisions", user_id=ada.person.id, signal_id=signal_id,
            account_id=account.id if seq == 2 else 0, strategy_id=strategy.id,
            disposition="BLOCKED", code="netting.owned_by", message="Owned.",
            detail={"owner": "7"}, decided_at=START, ended_at=START,
        )  # fmt: skip
    found = await ada.get(f"/api/strategies/{strategy.id}")
    assert set(found) == EIGHTEEN | OURS | {"webhook_key", "webhook_url", "log"}
    assert [line["account"] for line in found["log"]] == [account.name, None]
    assert found["log"][0] == {
        "at": "2026-03-02T15:30:00Z", "signal_id": signal_id, "account_id": account.id,
        "account": account.name, "disposition": "BLOCKED", "code": "netting.owned_by",
        "message": "Owned.", "detail": {"owner": "7"}, "ended_at": "2026-03-02T15:30:00Z",
    }  # fmt: skip


async def test_another_users_strategy_is_not_there(ada: Browser, bob: Browser, town: Town) -> None:
    strategy_id = await made(ada, name="Mine")
    assert await bob.get("/api/strategies/") == []
    assert await bob.get("/api/strategies/", val="DirStrat") == {"strategies": []}
    for path, params in (
        (f"/api/strategies/{strategy_id}/", {}),
        ("/api/strategies/get-strat/", {"id": strategy_id}),
        ("/api/strategies/get-strat/", {"strat": "Mine"}),
    ):
        answer = await bob.get(path, 404, **params)
        assert answer["code"] == "strategy.unknown"
    body = {"id": strategy_id, "name": "Stolen"}
    assert (await bob.post("/api/strategies/update/", body, 404))["code"] == "strategy.unknown"
    [row] = await town.rows(select(strategies))
    assert row.name == "Mine"


async def test_which_strategy_has_to_be_said(ada: Browser) -> None:
    assert (await ada.get("/api/strategies/get-strat/", 422))["code"] == "strategy.which"
    await ada.get("/api/strategies/get-strat/", 422, id=2**63)
    await ada.get(f"/api/strategies/{2**63}/", 404)
    await ada.get("/api/strategies/elsewhere/", 404)
    await ada.get("/api/strategies/get-strat/", 422, strat="a\x00b")


async def test_nobody_comes_in_without_session_or_token(ada: Browser) -> None:
    answer = await ada.http.post("/api/strategies/create/", json={"name": "Forged"})
    assert (answer.status_code, answer.json()["code"]) == (403, "auth.csrf")
    ada.http.cookies.clear()
    assert (await ada.http.get("/api/strategies/")).status_code == 401
    assert (await ada.http.post("/api/strategies/create/", json={})).status_code == 401


async def test_m87_a_key_is_rotated_and_the_one_before_it_ended(
    ada: Browser, app: FastAPI, town: Town
) -> None:
    first = await ada.post("/api/strategies/create/", {"name": "Breakout"}, 201)
    path = f"/api/strategies/{first['id']}"
    body = {"password": PASSWORD, "keep_previous": True}

    async def taken(key: str) -> int:
        alert = {"symbol": "NQ1!", "action": "buy"}
        status = 503
        while status == 503:  # as its sender does, on a machine that is slow today
            status = (await ada.http.post(f"/webhook/{key}", json=alert)).status_code
        return status

    second = await ada.post(f"{path}/rotate-key/", body)
    assert [await taken(each["webhook_key"]) for each in (first, second)] == [202, 202]
    await ada.post(f"{path}/end-previous-key/")
    await ada.post(f"{path}/end-previous-key/")
    assert [await taken(each["webhook_key"]) for each in (first, second)] == [404, 202]
    third = await ada.post(f"{path}/rotate-key/", {"password": PASSWORD})
    assert [await taken(each["webhook_key"]) for each in (second, third)] == [404, 202]
    found = await ada.get("/api/strategies/get-strat/", id=first["id"])
    assert found["webhook_key"] == third["webhook_key"]
    wrong = await ada.post(f"{path}/rotate-key/", body | {"password": "not it"}, 403)
    assert wrong["code"] == "auth.wrong_password"
    async with signed_in(app, town, "Bob") as bob:
        for verb in ("rotate-key", "end-previous-key"):
            assert (await bob.post(f"{path}/{verb}/", body, 404))["code"] == "strategy.unknown"
    assert await taken(third["webhook_key"]) == 202
    actions = [each["action"] for each in await ada.get("/api/user/audit/")]
    assert actions.count("strategy.key_rotated") == 2
