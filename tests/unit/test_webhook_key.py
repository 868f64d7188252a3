"""Webhook keys: long, stable, and different wherever anything differs."""

from __future__ import annotations

import math
import re

from shared.domain.names import name_key
from shared.domain.webhook_key import KEY_LENGTH, key_hash, webhook_key

SECRET = b"a test's secret"


def test_a_key_is_capital_letters_of_at_least_160_bits() -> None:
    key = webhook_key(SECRET, 12, 1)
    assert re.fullmatch(r"[A-Z]{35}", key)
    assert KEY_LENGTH * math.log2(26) >= 160


def test_a_key_is_the_same_again_and_another_for_anything_else() -> None:
    keys = {
        webhook_key(secret, strategy, version)
        for secret in (SECRET, b"another")
        for strategy in (1, 2, 11, 111)
        for version in (1, 2, 11, 111)
    }
    assert len(keys) == 32
    assert webhook_key(SECRET, 1, 1) == webhook_key(SECRET, 1, 1)


def test_every_letter_occurs_about_as_often() -> None:
    letters = "".join(webhook_key(SECRET, number, 1) for number in range(300))
    counts = [letters.count(chr(code)) for code in range(ord("A"), ord("Z") + 1)]
    assert min(counts) > len(letters) / 26 * 0.75
    assert max(counts) < len(letters) / 26 * 1.25


def test_any_text_at_all_can_be_looked_up() -> None:
    assert key_hash("A") != key_hash("a")
    assert len(key_hash("\udcff")) == 32


def test_names_are_compared_without_case_and_spaces() -> None:
    assert name_key("  My \t Strategy ") == name_key("my strategy")
    assert name_key("STRASSE") == name_key("straße")
    assert name_key("a b") != name_key("ab")
