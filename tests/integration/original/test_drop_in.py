"""A client of the original works against this installation unchanged, on real servers."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from shared.runtime.clock import SystemClock
from shared.streams.quotes import Quote, QuoteStream
from tests.integration.api.helpers import PASSWORD
from tests.integration.original import shapes
from tests.integration.original.client import OriginalClient
from tests.integration.original.conftest import Installation
from tests.integration.original.shapes import unlike


def settings(installation: Installation) -> dict[str, Any]:
    """What the original's form sends: numbers as numbers, lists, its own names."""
    account = installation.account
    return {
        "Strat_Name": "Second Leg", "Strat_Type": "Futures", "Days2Expo": 0, "Strike_Offset": 0,
        "Stoploss": 20, "Position_Size": 2, "Position_Add": 1, "TakeProfit": [10, 20],
        "Trim": [1, 1], "TPSL_Units": "Ticks", "DirStrat": "Opening Range", "SubTicker": "NQ1!",
        "SubTimeFrame": "5", "Enabled": True, "Description": "after the first hour",
        "Accounts": {str(account.connection_id): {str(account.broker_account_id): [3, "MNQ1!", 2]}},
        "TimeFilter": {"start1": "09:30", "stop1": "11:00", "start2": None, "stop2": None},
        "SLTP_Data": {"sl": 20, "SL_Type": "Fixed", "SL_Units": "Ticks", "Trim_Units": "Contracts",
                      "avgdn": 0, "avgdnAmnt": 0, "avgdnType": ""},
        "Recorder": True, "Manual": False, "Lock": False, "Delay_Add": 0, "Maxcons": 4,
        "UseLimits": False, "Linked_Strat": "", "Inverse": False, "IgnoreAlgoSpecs": False,
        "Leverage": 1, "Private": True, "AlgoDriven": False, "PremiumFilter": 0, "TradeTrim": "",
        "Discord_Server": "", "Discord_Channel": "", "IP_Address": "",
    }  # fmt: skip


async def signed_in(original: OriginalClient) -> OriginalClient:
    await original.sign_in("Ada", PASSWORD)
    return original


async def test_m30_m191_it_signs_in_and_is_known(original: OriginalClient) -> None:
    nobody = await original.get("/api/auth/check-auth/", status=401)
    assert nobody == {"authenticated": False}
    answer = await original.sign_in("Ada", PASSWORD)
    assert unlike(answer["user"], shapes.USER) == []
    known = await original.get("/api/auth/check-auth/")
    assert unlike(known, shapes.USER | {"sessionId": "text", "authenticated": "bool"}) == []
    assert (known["authenticated"], len(known["sessionId"])) == (True, 32)


async def test_m132_m133_m134_it_reads_trades_and_figures(original: OriginalClient) -> None:
    await signed_in(original)
    lost, closed = await original.get("/api/trades/", user="Ada", usageType="true")
    assert unlike(lost, shapes.TRADE) + unlike(closed, shapes.TRADE) == []
    assert (lost["Profit"], lost["Direction"], lost["Position_Size"]) == (-54.2, "SELL", -2)
    assert (closed["Ticker"], closed["Direction"], closed["Position_Size"]) == ("ES1!", "BUY", 2)
    [open_now] = await original.get("/api/trades/open/")
    assert unlike(open_now, shapes.OPEN_TRADE) == []
    assert unlike(open_now["SLTP_Data"], shapes.STEP) == []
    figures = await original.get("/api/profiles/get-widget-info/")
    assert unlike(figures, shapes.WIDGET) == []
    assert (figures["wins"], figures["winrate"], figures["maxTiT"]) == (1, 50, 15)
    assert figures["strategies"] == [{"name": "Opening Range"}]
    assert figures["users"] == [{"username": "Ada"}]
    [account] = figures["accounts"]
    assert account.keys() >= {"name", "value"}
    for name, wanted in (("tickers", "ES1!"), ("timeframes", "5")):
        assert await original.get(f"/api/trades/{name}/") == {name: []}
        found = await original.get(f"/api/trades/{name}/", strat="Opening Range")
        assert found == {name: [{"name": wanted}]}


async def test_m95_m97_it_creates_lists_and_changes(
    original: OriginalClient, installation: Installation
) -> None:
    await signed_in(original)
    made = await original.post("/api/strategies/create/", settings(installation))
    assert unlike(made, {"message": "text", "id": "int", "webhook_key": "text"}) == []
    assert made["webhook_key"].isalpha()
    assert made["webhook_key"].isupper()
    listed = await original.get("/api/strategies/")
    traded = await original.get("/api/strategies/", style="at")  # those with accounts
    assert [each["Strat_Name"] for each in listed] == ["Opening Range", "Second Leg"]
    assert traded == listed[1:]
    for found in listed:
        assert unlike(found, shapes.STRATEGY) == []
    for found in traded:
        asked = {"Strat_Name", "Stoploss", "Position_Size", "TakeProfit", "Trim", "Accounts"}
        assert {key: found[key] for key in asked} == {
            key: settings(installation)[key] for key in asked
        }
    names = await original.get("/api/strategies/", val="DirStrat")
    assert names == {"strategies": [{"name": "Opening Range"}, {"name": "Second Leg"}]}
    changed = await original.post(
        "/api/strategies/update/", {"id": made["id"], "Position_Size": 5, "Enabled": False}
    )
    assert changed.keys() >= {"message", "id", "webhook_key"}
    assert changed["webhook_key"] == made["webhook_key"]
    full = await original.get("/api/strategies/get-strat/", id=made["id"])
    assert unlike(full, shapes.STRATEGY_FULL) == []
    assert unlike(full["TimeFilter"], shapes.TIME_FILTER) == []
    assert unlike(full["SLTP_Data"], shapes.SLTP) == []
    assert (full["Position_Size"], full["Position_Add"], full["Enabled"]) == ("5", "1", False)
    assert full["TimeFilter"] == settings(installation)["TimeFilter"]
    assert full["DirStrat"] == "Opening Range"


async def test_m93_m97_what_it_was_given_it_may_send_back(
    original: OriginalClient, installation: Installation
) -> None:
    """Its form holds the whole object, numbers as text, and saves all of it."""
    await signed_in(original)
    made = await original.post("/api/strategies/create/", settings(installation))
    before = await original.get("/api/strategies/get-strat/", id=made["id"])
    whole = {key: before[key] for key in shapes.STRATEGY_FULL}
    await original.post("/api/strategies/update/", whole | {"Description": "again"})
    after = await original.get("/api/strategies/get-strat/", id=made["id"])
    assert {key: after[key] for key in whole} == whole | {"Description": "again"}


async def test_m38_m146_m148_it_reads_accounts_and_sets_its_profile(
    original: OriginalClient,
) -> None:
    await signed_in(original)
    for path in ("/api/accounts/", "/api/accounts/get-all-at-accounts/"):
        [account] = await original.get(path)
        assert unlike(account, shapes.ACCOUNT) == []
    assert (await original.get("/api/profiles/get-favorites/")).keys() == {"favorites"}
    cards = await original.get("/api/profiles/get-stat-config/")
    assert [type(each) for each in cards] == [int] * 8
    wanted = [0, 1, 2, 3, 9, 5, 6, 7]
    answer = await original.post("/api/profiles/update-stat-config/", {"stat_config": wanted})
    assert unlike(answer, {"message": "text"}) == []
    assert await original.get("/api/profiles/get-stat-config/") == wanted
    summary = await original.get("/api/dashboard/summary/")
    assert summary.keys() >= {"active_positions", "today_pnl", "total_pnl", "total_strategies"}


async def test_m153_m156_its_sockets_are_let_in_and_told_prices(
    original: OriginalClient, installation: Installation
) -> None:
    """One socket for each account at once, under one token; each ends without a word."""
    await signed_in(original)
    [account] = await original.get("/api/accounts/")
    async with original.socket() as first, original.socket() as second:
        for socket in (first, second):
            assert await socket.authenticate()
            assert await socket.set_up(account["main"]) == "Success"
        quotes = QuoteStream(installation.redis, SystemClock())
        price = Decimal("5000.25")
        await quotes.publish([Quote("ESH6", price, datetime.now(UTC), "md")])
        told = (await second.until("DATA"))["data"]
        assert told["ticker"] == "ESH6"
        assert told["prices"] == {"ask": 5000.25, "bid": 5000.25}
        assert told["tickinfo"] == {"step": 0.25, "amnt": 12.5}
    async with original.socket() as later:
        assert await later.authenticate()
