"""One message for each fact, to those who want it."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from notifier.rules import Kind, Person, is_wanted, notice_of
from shared.contracts.registry import EventBody
from tests.unit.notifier.bodies import closed, opened, resized


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (opened(), Kind.OPENED),
        (closed(exit_reason="Stop Loss"), Kind.STOP_HIT),
        (closed(exit_reason="Take Profit"), Kind.TARGET_HIT),
        (closed(exit_reason="Signal"), Kind.CLOSED),
        (closed(exit_reason="Manual"), Kind.CLOSED),
        (closed(exit_reason="Risk"), Kind.CLOSED),
        (resized(reason="Take Profit"), Kind.TARGET_HIT),
        (resized(reason="Take Profit", closed_qty=0), None),
        (resized(reason="Stop Loss"), None),
        (resized(reason=None, closed_qty=0), None),
        (resized(reason="Signal"), None),
    ],
)
def test_what_is_worth_a_message(body: EventBody, kind: Kind | None) -> None:
    notice = notice_of(body, uuid4())
    assert (None if notice is None else notice.kind) == kind


def test_a_closing_is_one_fact_however_often_it_is_told() -> None:
    first = notice_of(closed(fees_known=False), uuid4())
    again = notice_of(closed(version=9, exit_reason="Manual"), uuid4())
    other = notice_of(closed(recorded_position_id=8), uuid4())
    opening = notice_of(opened(), uuid4())
    assert first is not None
    assert again is not None
    assert other is not None
    assert opening is not None
    assert first.is_provisional
    assert not again.is_provisional
    assert first.event_id == again.event_id
    assert len({first.event_id, other.event_id, opening.event_id}) == 3


def test_each_part_taken_at_a_target_is_a_fact_of_its_own() -> None:
    one, two = uuid4(), uuid4()
    assert [notice.event_id for e in (one, two) if (notice := notice_of(resized(), e))] == [
        one,
        two,
    ]


@pytest.mark.parametrize(
    ("changed", "wanted"),
    [
        ({}, True),
        ({"enabled": False}, False),
        ({"is_disabled": True}, False),
        ({"kinds": {"opened": False}}, False),
        ({"kinds": {"opened": True, "closed": False}}, True),
    ],
)
def test_who_wants_it(changed: dict[str, Any], wanted: bool) -> None:
    chosen: dict[str, Any] = {
        "user_id": 1, "username": "a", "is_disabled": False, "discord_user_id": "1",
        "discord_dms_enabled": True, "enabled": True, "kinds": {},
    }  # fmt: skip
    assert is_wanted(Person(**{**chosen, **changed}), Kind.OPENED) is wanted
