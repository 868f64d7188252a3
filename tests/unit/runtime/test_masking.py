"""Secrets are masked by key and by shape; what is not secret stays readable."""

from __future__ import annotations

import pytest

from shared.runtime.masking import MASK, is_secret, mask, scrub


@pytest.mark.parametrize(
    "key",
    [
        "password", "db_password", "passwd", "token", "access_token", "accessToken",
        "mdAccessToken", "secret", "client_secret", "SECRET_KEY", "key", "keys", "api_key",
        "apiKey", "x-api-key", "webhook_key", "authorization", "Authorization", "cookie",
        "Set-Cookie", "sessionid", "session_id", "sessionId", "csrftoken", "X-CSRFToken",
        "ticket", "totp", "sealed", "credentials", "private_key", "recaptcha_token",
    ],
)  # fmt: skip
def test_secret_keys(key: str) -> None:
    assert is_secret(key)


@pytest.mark.parametrize(
    "key",
    [
        "event", "keyboard", "dedupe_key", "idempotency_key", "tokens_left", "signal_id",
        "account_id", "monkey", "secretary", "session", "correlation_id",
    ],
)  # fmt: skip
def test_other_keys(key: str) -> None:
    assert not is_secret(key)


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("POST /webhook/ABCDEFGHJKLMNPQR HTTP/1.1", "ABCDEFGHJKLMNPQR"),
        ("http://host/webhooks/ABCDEFGH?x=1", "ABCDEFGH"),
        ("postgresql://user:hunter22@host/db", "hunter22"),
        ("Authorization: Bearer abcdef.123456-xyz", "abcdef.123456-xyz"),
        ('{"password": "correct horse", "name": "x"}', "correct horse"),
        ("accessToken=abc123def&x=1", "abc123def"),
        ("{'sessionid': 'deadbeef'}", "deadbeef"),
        ("got eyJhbGciOi.eyJzdWIiOi.c2lnbmF0dXJl back", "eyJzdWIiOi"),
    ],
)
def test_secrets_in_text(text: str, secret: str) -> None:
    assert secret not in scrub(text)
    assert MASK in scrub(text)


def test_ordinary_text_is_left_alone() -> None:
    text = "order 42 filled at 5312.25 for account 7: MESU6 x 2"
    assert scrub(text) == text


def test_nesting_is_followed_and_bounded() -> None:
    assert mask({"a": [{"password": "x", "b": 1}]}) == {"a": [{"password": MASK, "b": 1}]}
    endless: dict[str, object] = {}
    endless["self"] = endless
    assert MASK in repr(mask(endless))


def test_text_is_cut_after_masking() -> None:
    assert scrub("x" * 50, 10) == "x" * 9 + "…"
    assert "hunter22" not in scrub("u://a:hunter22@h " + "x" * 50, 12)
