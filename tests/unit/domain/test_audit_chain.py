"""A chain of rows: whatever is done to one of them, it is the first that does not hold."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.domain.audit_chain import GENESIS, Broken, Head, Link, content_of, follow, hash_of

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def chain(length: int) -> list[Link]:
    made: list[Link] = []
    for seq in range(1, length + 1):
        bare = Link(
            id=seq * 10, user_id=None if seq % 2 else 7, actor=f"actor {seq}", action="kill",
            detail='{"reason": "x"}', at=NOON + timedelta(microseconds=seq), salt=bytes([seq]) * 16,
            seq=seq, prev_hash=made[-1].hash if made else GENESIS, content=b"", hash=b"",
            is_forgotten=False,
        )  # fmt: skip
        bare = replace(bare, content=content_of(bare))
        made.append(replace(bare, hash=hash_of(bare)))
    return made


def test_s7_a_whole_chain_ends_at_its_last_link_in_whatever_pieces_it_is_read() -> None:
    links = chain(7)
    head = follow(Head(), links)
    assert head == Head(7, links[-1].hash)
    half = follow(Head(), links[:3])
    assert isinstance(half, Head)
    assert follow(half, links[3:]) == head
    assert follow(Head(), []) == Head(0, GENESIS)


@pytest.mark.parametrize(
    "changed",
    [
        {"id": 31}, {"user_id": 8}, {"actor": "somebody else"}, {"action": "control.pause"},
        {"detail": "{}"}, {"at": NOON}, {"salt": b"other"}, {"salt": None}, {"prev_hash": GENESIS},
        {"content": GENESIS}, {"hash": GENESIS}, {"seq": 99},
        # What moves from one field into the next is another row, too.
        {"actor": 'actor 3{"reason": "x"}', "detail": ""},
    ],
    ids="+".join,
)  # fmt: skip
def test_s7_any_change_of_a_row_is_found_at_that_row(changed: dict[str, Any]) -> None:
    links = chain(5)
    links[2] = replace(links[2], **changed)
    found = follow(Head(), links)
    assert isinstance(found, Broken)
    assert found.row_id == links[2].id


def test_s7_a_row_taken_out_or_put_in_between_is_found() -> None:
    links = chain(5)
    without = follow(Head(), links[:2] + links[3:])
    assert isinstance(without, Broken)
    assert (without.row_id, without.why) == (40, "link 3 is missing before it")
    doubled = follow(Head(), [*links[:3], links[2], *links[3:]])
    assert isinstance(doubled, Broken)


def test_s7_a_changed_row_with_a_new_hash_of_its_own_breaks_the_next() -> None:
    links = chain(5)
    forged = replace(links[2], action="nothing happened")
    links[2] = replace(forged, hash=hash_of(forged))
    found = follow(Head(), links)
    assert isinstance(found, Broken)
    assert found.row_id == links[3].id


def test_s7_who_was_forgotten_leaves_the_chain_whole() -> None:
    links = chain(5)
    links[1] = replace(links[1], actor="deleted-7", detail="{}", salt=None, is_forgotten=True)
    assert isinstance(follow(Head(), links), Head)
    links[1] = replace(links[1], action="nothing happened")
    assert isinstance(follow(Head(), links), Broken)
