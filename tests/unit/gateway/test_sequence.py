"""Events of an account come out in the order of their numbers, each once."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import sequence
from gateway.sequence import Hole, Sequence
from shared.contracts.envelope import Envelope


def event(account_id: int, seq: int) -> Envelope:
    return Envelope(
        id=uuid4(), type="order.changed.v1", stream="tm.events",
        occurred_at=datetime(2026, 8, 3, tzinfo=UTC), correlation_id="c", user_id=1,
        account_id=account_id, seq=seq, aggregate="a", body={},
    )  # fmt: skip


def offer(book: Sequence, account_id: int, seq: int) -> list[int | None]:
    return [each.seq for each in book.offer(account_id, seq, event(account_id, seq))]


@given(st.permutations(range(1, 13)), st.lists(st.integers(1, 12)), st.integers(0, 5))
def test_any_order_with_repeats_comes_out_right(
    order: list[int], repeats: list[int], seen: int
) -> None:
    book = Sequence({7: seen})
    shown = [number for seq in [*order, *repeats] for number in offer(book, 7, seq)]
    assert shown == list(range(seen + 1, 13))
    assert book.holes() == []
    assert not book.is_lost


def test_a_hole_is_named_and_blocks_only_its_account() -> None:
    book = Sequence({7: 3, 8: 0})
    assert offer(book, 7, 6) == []
    assert offer(book, 7, 9) == []
    assert offer(book, 8, 1) == [1]
    assert book.holes() == [Hole(7, 4, 5)]
    assert offer(book, 7, 4) == [4]
    assert offer(book, 7, 5) == [5, 6]
    assert book.holes() == [Hole(7, 7, 8)]
    assert book.cursor(7) == 6


def test_an_unknown_account_needs_a_snapshot() -> None:
    book = Sequence({7: 3})
    assert offer(book, 9, 1) == []
    assert book.is_lost


def test_too_much_held_needs_a_snapshot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sequence, "HELD_MAX", 3)
    book = Sequence({7: 0})
    for seq in (2, 3, 3, 4):
        offer(book, 7, seq)
    assert not book.is_lost
    offer(book, 7, 5)
    assert book.is_lost


def test_what_was_released_is_no_longer_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sequence, "HELD_MAX", 3)
    book = Sequence({7: 0})
    for first in range(1, 100, 4):
        for seq in (first + 3, first + 2, first + 1, first):
            offer(book, 7, seq)
    assert not book.is_lost
    assert book.cursor(7) == 100
