"""What follows from a try."""

from __future__ import annotations

from datetime import timedelta

import pytest

from notifier.channels.base import Delivered, NotYet, Outcome, Undeliverable
from notifier.channels.discord import NONCE_LENGTH_MAX, nonce
from notifier.delivery import BACKOFF_S_MAX, GIVE_UP_AFTER, verdict
from notifier.rules import Person
from notifier.store import Claimed

PERSON = Person(1, "a", False, "1", True, True, {})


@pytest.mark.parametrize(
    ("outcome", "attempts", "age", "expected"),
    [
        (Delivered(), 1, timedelta(0), ("sent", None, 0.0)),
        (Undeliverable("c"), 1, timedelta(0), ("failed", "c", 0.0)),
        (NotYet("c"), 1, timedelta(0), ("pending", "c", 1.0)),
        (NotYet("c"), 4, timedelta(0), ("pending", "c", 8.0)),
        (NotYet("c"), 9_999, timedelta(0), ("pending", "c", BACKOFF_S_MAX)),
        (NotYet("c", 300.0), 1, timedelta(0), ("pending", "c", 300.0)),
        (NotYet("c"), 1, GIVE_UP_AFTER * 2, ("failed", "c", 0.0)),
        (Delivered(), 1, GIVE_UP_AFTER * 2, ("sent", None, 0.0)),
    ],
)
def test_verdict(
    outcome: Outcome, attempts: int, age: timedelta, expected: tuple[str, str | None, float]
) -> None:
    assert verdict(outcome, Claimed(1, "opened", "x", attempts, age, PERSON)) == expected


def test_the_longest_nonce_fits() -> None:
    assert len(nonce(2**63 - 1)) <= NONCE_LENGTH_MAX
    assert nonce(1) != nonce(2)
