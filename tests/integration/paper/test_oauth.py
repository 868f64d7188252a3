"""The code flow, as a browser and an application go through it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from tests.integration.paper.process import PASSWORD, USER, VenueProcess, venue

CLIENT, SECRET, URI = "app-1", "app-1-secret", "http://127.0.0.1:1/callback?x=1"
ASKED = {"response_type": "code", "client_id": CLIENT, "redirect_uri": URI, "state": "s&t"}


@pytest.fixture(scope="module")
async def it() -> AsyncIterator[VenueProcess]:
    async with venue(TM_PAPER_CLIENTS=json.dumps([{"id": CLIENT, "secret": SECRET}])) as started:
        yield started


async def code_of(it: VenueProcess) -> str:
    page = await it.http.get("/oauth", params=ASKED)
    assert 'name="state" value="s&amp;t"' in page.text
    wrong = await it.http.post("/oauth", data=ASKED | {"name": USER, "password": "wrong"})
    assert (wrong.status_code, "Incorrect" in wrong.text) == (200, True)
    sent = await it.http.post("/oauth", data=ASKED | {"name": USER, "password": PASSWORD})
    assert sent.status_code == 302
    told = parse_qs(urlsplit(sent.headers["location"]).query)
    assert (told["state"], told["x"]) == (["s&t"], ["1"])
    return told["code"][0]


async def exchange(it: VenueProcess, form: str, code: str) -> httpx.Response:
    body = {"grant_type": "authorization_code", "code": code, "redirect_uri": URI}
    keys = {"client_id": CLIENT, "client_secret": SECRET}
    match form:
        case "json":
            return await it.http.post("/v1/auth/oauthtoken", json=body | keys)
        case "form":
            return await it.http.post("/auth/oAuthToken", data=body | keys)
        case _:
            return await it.http.post("/auth/oauthtoken", data=body, auth=(CLIENT, SECRET))


@pytest.mark.parametrize("form", ["json", "form", "basic"])
async def test_a_code_becomes_a_token_once_and_the_token_is_renewed(
    it: VenueProcess, form: str
) -> None:
    code = await code_of(it)
    answer = (await exchange(it, form, code)).json()
    assert (answer["token_type"], answer["expires_in"]) == ("Bearer", 4800)
    assert (await it.get("auth/me", answer["access_token"]))["name"] == USER
    renewed = await it.get("auth/renewaccesstoken", answer["access_token"])
    assert (await it.get("auth/me", renewed["accessToken"]))["name"] == USER
    again = await exchange(it, form, code)
    assert (again.status_code, again.json()["error"]) == (200, "invalid_grant")


async def test_strangers_get_no_page_and_wrong_keys_no_login(it: VenueProcess) -> None:
    for wrong in ({"client_id": "other"}, {"redirect_uri": "javascript:x"}):
        assert (await it.http.get("/oauth", params=ASKED | wrong)).status_code == 400
    login = {"name": USER, "password": PASSWORD, "cid": CLIENT}
    for keys, is_in in (({"sec": SECRET}, True), ({"sec": "x"}, False)):
        answer = (await it.post("auth/accesstokenrequest", login | keys)).json()
        assert ("accessToken" in answer) is is_in
