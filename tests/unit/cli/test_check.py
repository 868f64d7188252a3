"""`--check` where it cannot pass: it says where it stopped, and exits 1."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any, ClassVar

import pytest

from cli.check import run
from cli.up.ports import any_free

DECISION = {"disposition": "BLOCKED", "code": "strategy.disabled", "message": "It is off."}
ANSWERS = {
    "/api/system/csrf-token": {"csrfToken": "t"},
    "/api/auth/login/": {"user": {}},
    "/webhook/KEY": {"signal_id": 7, "status": "accepted"},
    "/api/signals/7/": {"decisions": [DECISION]},
}


class Api(BaseHTTPRequestHandler):
    """Answers what `answers` holds, and 503 otherwise."""

    answers: ClassVar[dict[str, Any]] = {}

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        found = self.answers.get(self.path)
        body = json.dumps(found if found is not None else {"code": "db.unavailable"}).encode()
        self.send_response(503 if found is None else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815 - the name that http.server calls

    def log_message(self, *_: Any) -> None:
        """Not into the test's output."""


@pytest.fixture
def api_url() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Api) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def info(url: str) -> dict[str, str]:
    return {
        "api_url": url,
        "user": "ann",
        "password": "secret",
        "strategy": "Sample",
        "webhook_url": f"{url}/webhook/KEY",
    }


def test_a_signal_that_is_not_traded(api_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    Api.answers = ANSWERS
    assert run(info(api_url)) == 1
    said = capsys.readouterr().out.splitlines()[-1]
    assert said == "check failed: BLOCKED strategy.disabled: It is off."


def test_an_api_that_refuses(api_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    Api.answers = {path: answer for path, answer in ANSWERS.items() if "login" not in path}
    assert run(info(api_url)) == 1
    said = capsys.readouterr().out
    assert said.startswith("check failed: /api/auth/login/ answered 503")
    assert "db.unavailable" in said


def test_nobody_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(info(f"http://127.0.0.1:{any_free()}")) == 1
    assert capsys.readouterr().out.startswith("check failed: ")
