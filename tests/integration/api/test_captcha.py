"""A captcha is verified by whoever gave it out, and nobody comes in while that cannot be asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest
from pydantic import SecretStr

from api.app import create_app
from api.resources import Resources
from api.security import captcha
from api.security.captcha import make_captcha
from tests.integration.api.helpers import BASE_URL, PASSWORD, Town, csrf

SOLVED = {"success": True, "hostname": "127.0.0.1"}


@dataclass(slots=True)
class Verifier:
    """Stands in for Google: answers what it is told to, and keeps what it was asked."""

    url: str
    answer: bytes = b"{}"
    asked: list[dict[str, list[str]]] = field(default_factory=list)


@contextmanager
def verifier() -> Iterator[Verifier]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            found.asked.append(parse_qs(self.rfile.read(length).decode()))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(found.answer)

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    found = Verifier(f"http://127.0.0.1:{server.server_port}/siteverify")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


async def enter(resources: Resources, token: str | None, url: str) -> httpx.Response:
    settings = resources.settings.model_copy(
        update={
            "captcha": "google",
            "captcha_secret": SecretStr("the site's secret"),
            "captcha_verify_url": url,
        }
    )
    app = create_app(replace(resources, settings=settings, captcha=make_captcha(settings)))
    body: dict[str, Any] = {"username": "Ada", "password": PASSWORD}
    if token is not None:
        body["captchaToken"] = token
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url=BASE_URL) as http:
        return await http.post("/api/auth/login/", json=body, headers=await csrf(http))


async def test_m25_a_solved_captcha_lets_in_and_is_asked_about_once(
    resources: Resources, town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(captcha, "TIMEOUT_S", 30.0)  # a machine that is slow today
    await town.person("Ada")
    with verifier() as google:
        google.answer = json.dumps(SOLVED).encode()
        answer = await enter(resources, "a token", google.url)
        assert answer.status_code == 200, answer.text
        [asked] = google.asked
        assert (asked["secret"], asked["response"]) == (["the site's secret"], ["a token"])


@pytest.mark.parametrize(
    ("token", "said"),
    [
        (None, SOLVED),
        ("a token", SOLVED | {"success": False}),
        ("a token", SOLVED | {"success": 1}),
        ("a token", SOLVED | {"hostname": "evil.example"}),
        ("a token", {}),
        ("a token", []),
        ("a token", None),
    ],
    ids=["none", "unsolved", "one", "elsewhere", "empty", "list", "rubbish"],
)
async def test_m25_anything_else_keeps_out(
    resources: Resources, town: Town, monkeypatch: pytest.MonkeyPatch, token: str | None, said: Any
) -> None:
    monkeypatch.setattr(captcha, "TIMEOUT_S", 30.0)
    await town.person("Ada")
    with verifier() as google:
        google.answer = b"<html>" if said is None else json.dumps(said).encode()
        answer = await enter(resources, token, google.url)
    assert (answer.status_code, answer.json()["code"]) == (403, "auth.captcha")


async def test_m25_nobody_comes_in_while_it_cannot_be_asked(
    resources: Resources, town: Town
) -> None:
    await town.person("Ada")
    answer = await enter(resources, "a token", "http://127.0.0.1:1/siteverify")
    assert (answer.status_code, answer.json()["code"]) == (403, "auth.captcha")
