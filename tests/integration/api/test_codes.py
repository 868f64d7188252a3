"""The catalogue of codes over REST: whoever meets a code can look it up."""

from __future__ import annotations

import httpx


async def test_the_code_of_a_refusal_is_explained(client: httpx.AsyncClient) -> None:
    refused = (await client.get("/api/trades/")).json()["code"]
    [found] = (await client.get("/api/system/codes/", params={"code": refused})).json()["codes"]
    assert (found["code"], found["place"]) == ("auth.no_session", "answer")
    assert "sign in" in found["meaning"]


async def test_a_broker_s_own_word_is_explained_by_its_beginning(client: httpx.AsyncClient) -> None:
    asked = {"code": "broker.refused.not_enough_margin"}
    [found] = (await client.get("/api/system/codes", params=asked)).json()["codes"]
    assert found["code"] == "broker.refused.*"


async def test_codes_of_a_place(client: httpx.AsyncClient) -> None:
    drifts = (await client.get("/api/system/codes/", params={"place": "drift"})).json()["codes"]
    assert {each["place"] for each in drifts} == {"drift"}
    everything = (await client.get("/api/system/codes/")).json()["codes"]
    assert len(everything) > len(drifts) > 3
    rule = next(each for each in everything if each["code"] == "risk.worst_case")
    assert rule["compares"]
    nothing = await client.get("/api/system/codes/", params={"code": "weather.rain"})
    assert nothing.json() == {"codes": []}
    assert (await client.get("/api/system/codes/", params={"place": "sky"})).status_code == 422
