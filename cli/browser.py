"""What a browser does with our API, with the standard library alone."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from http.cookiejar import CookieJar
from typing import Any, Final
from urllib.parse import urlencode

TIMEOUT_S: Final = 10.0


class HttpError(Exception):
    """An answer that is none of 2xx; the text holds its status and what it says."""


class Browser:
    """Cookies, and the CSRF token in its header. Any proxy of the machine is passed by."""

    def __init__(self, api_url: str) -> None:
        self._url = api_url
        self._cookies = CookieJar()
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(self._cookies)
        )

    def sign_in(self, user: str, password: str) -> None:
        """Raises `HttpError`, or OSError when nobody answers."""
        self.get("/api/system/csrf-token")
        self.post("/api/auth/login/", {"username": user, "password": password})

    def get(self, path: str, query: Mapping[str, str] | None = None) -> Any:
        return self._ask(f"{path}?{urlencode(query)}" if query else path, None)

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        return self._ask(path, json.dumps(body).encode())

    def _ask(self, path: str, body: bytes | None) -> Any:
        token = next((each.value for each in self._cookies if each.name == "csrftoken"), None)
        headers = {"Content-Type": "application/json", "X-CSRFToken": token or ""}
        request = urllib.request.Request(self._url + path, body, headers)  # noqa: S310 - our own API
        try:
            with self._opener.open(request, timeout=TIMEOUT_S) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                said = error.read(1_000).decode(errors="replace")
            raise HttpError(f"{path} answered {error.code}: {said}") from None
