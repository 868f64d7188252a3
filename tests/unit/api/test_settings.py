"""Settings that would be unsafe refuse to start."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from api.settings import ApiSettings

BASE: dict[str, Any] = {
    "env": "production",
    "database_url": "postgresql://x/y",
    "redis_url": "redis://x",
    "secret_key": "kJ8sL2pQ9vR4tX7zB1nM6cW3eY5uA0dG",
    "public_url": "https://trade.example.org",
    "captcha": "google",
    "captcha_secret": "x",
}


def made(**changes: Any) -> ApiSettings:
    return ApiSettings.model_validate(BASE | changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"public_url": "http://trade.example.org"},
        {"public_url": "http://192.168.1.5:5001"},
        {"public_url": "ftp://trade.example.org"},
        {"public_url": "trade.example.org"},
        {"captcha": "off"},
        {"captcha_secret": ""},
        {"secret_key": "short"},
        {"secret_key": "a" * 40},
    ],
)
def test_the_unsafe_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        made(**changes)


@pytest.mark.parametrize("env", ["local", "test"])
def test_a_machine_of_ones_own_needs_no_captcha(env: str) -> None:
    assert made(env=env, captcha="off", public_url="http://127.0.0.1:5001").captcha == "off"


@pytest.mark.parametrize(
    ("public_url", "is_secure"),
    [
        ("https://trade.example.org/", True),
        ("http://localhost:5001", False),
        ("http://[::1]:5001", False),
        ("http://127.0.0.9", False),
    ],
)
def test_cookies_are_secure_exactly_when_the_address_is(public_url: str, is_secure: bool) -> None:
    assert made(public_url=public_url).is_secure is is_secure


def test_origins_are_the_public_one_and_the_listed() -> None:
    found = made(allowed_origins="https://a.example/, https://b.example:8443 ,").origins
    assert found == {"https://trade.example.org", "https://a.example", "https://b.example:8443"}
    local = made(env="local", api_port=5999).origins
    assert {"http://127.0.0.1:5999", "http://localhost:5999"} < local
