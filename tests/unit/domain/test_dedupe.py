"""Two deliveries are one alert on evidence only."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.dedupe import (
    UNANSWERED_WINDOW,
    Evidence,
    EvidenceKind,
    body_hash,
    evidence_of,
    unanswered_evidence,
)
from shared.domain.signal import read

NOW = datetime(2026, 11, 21, 14, 3, 30, tzinfo=UTC)


def evidence(body: bytes, received_at: datetime = NOW) -> Evidence | None:
    return evidence_of(body, read(body, None).fields, received_at)


def alert(**fields: object) -> bytes:
    return json.dumps({"action": "buy"} | fields).encode()


@pytest.mark.parametrize("name", ["alert_id", "signal_id", "dedupe_id", "dedupe_key", "Alert_ID"])
def test_an_id_is_evidence_for_seven_days_whatever_else_differs(name: str) -> None:
    first = evidence(alert(**{name: "a1", "price": 1}))
    again = evidence(alert(**{name: " a1 ", "price": 2}), NOW + timedelta(days=6))
    assert first is not None
    assert first == again
    assert (first.kind, first.window) == (EvidenceKind.ID, timedelta(days=7))


def test_ids_differ_by_value_and_by_field() -> None:
    bodies = [alert(alert_id="1"), alert(alert_id="2"), alert(signal_id="1")]
    assert len({evidence(body) for body in bodies}) == 3


def test_a_number_is_an_id_as_it_is_written() -> None:
    assert evidence(alert(alert_id=17)) == evidence(alert(alert_id="17"))


def test_the_first_id_field_rules_and_an_id_comes_before_an_instant() -> None:
    body = alert(dedupe_id="x", alert_id="a", timenow="2026-11-21T14:03:22Z")
    assert evidence(body) == evidence(alert(alert_id="a"))


@pytest.mark.parametrize("empty", ["", "  ", None, True, ["a"], {"a": 1}])
def test_what_is_no_id_is_no_evidence(empty: object) -> None:
    assert evidence(alert(alert_id=empty)) is None


@pytest.mark.parametrize("value", ["x" * 5000, "\u0000", "\ud800", "\u20ac"])
def test_a_key_is_short_ascii_whatever_the_id(value: str) -> None:
    found = evidence(alert(alert_id=value))
    assert found is not None
    assert found.key.isascii()
    assert len(found.key) <= 80


MOMENTS: list[tuple[str, object]] = [
    ("timenow", "2026-11-21T14:03:22Z"),
    ("time", "2026-11-21 14:03:22"),
    ("time", "2026-11-21 14:03:22 UTC"),
    ("time", "2026-11-21T14:03:22.123Z"),
    ("time", "2026-11-21T14:03:00.500Z"),
    ("time", "2026-11-21T15:03:22+01:00"),
    ("time", "2026-11-21T08:03:22-0600"),
    ("time", "2026-11-21T15:03:22+01"),
    ("comment", "fired at 2026-11-21T14:03:22Z."),
    ("comment", "bar 2026-11-21T13:00:00Z, fired 2026-11-21T14:03:22Z"),
    ("time", 1795269802),
    ("timestamp", "1795269802"),
    ("timenow", 1795269802123),
    # Only this field never holds the time of a bar.
    ("timenow", "2026-11-21T14:03:00Z"),
    ("timenow", "1795269780"),
]


@pytest.mark.parametrize(("name", "value"), MOMENTS)
def test_equal_bytes_holding_their_moment_are_evidence_for_a_day(name: str, value: object) -> None:
    body = alert(**{name: value})
    assert evidence(body) == Evidence(
        EvidenceKind.INSTANT, f"instant:{sha256(body).hexdigest()}", timedelta(hours=24)
    )


def test_other_bytes_with_the_same_moment_are_another_alert() -> None:
    moment = "2026-11-21T14:03:22Z"
    assert evidence(alert(time=moment)) != evidence(alert(time=moment, price=1))


NO_EVIDENCE: list[dict[str, object]] = [
    {},
    {"order_id": "Long"},
    {"price": 1795269802},
    {"id": "7"},
    {"comment": "1795269802"},
    {"time": "14:03:22"},
    {"time": "2026-11-21T14:03Z"},
    {"time": "2026-11-21"},
    # The opening of the bar that is running: two real alerts may share it.
    {"time": "2026-11-21T14:03:00Z"},
    {"timestamp": 1795269780},
    {"comment": "2026-11-21T14:03:00Z"},
    # Hours away: a bar of a slow chart.
    {"timenow": "2026-11-21T10:03:22Z"},
    {"timenow": "2026-11-21T14:03:22+05:00"},
    {"timenow": "2026-02-30T14:03:22Z"},
    {"timenow": "2026-11-21T14:03:22+99:00"},
    {"timenow": "12026-11-21T14:03:22Z"},
    {"timenow": "2026-11-21T14:03:222"},
    {"timenow": 17952698021},
    {"timenow": {"at": "2026-11-21T14:03:22Z"}},
    {"timenow": True},
]


@pytest.mark.parametrize("fields", NO_EVIDENCE)
def test_anything_else_is_none(fields: dict[str, object]) -> None:
    assert evidence(alert(**fields)) is None


@pytest.mark.parametrize("sign", [1, -1])
def test_ten_minutes_either_way(sign: int) -> None:
    body = alert(timenow="2026-11-21T14:03:22Z")
    moment = datetime(2026, 11, 21, 14, 3, 22, tzinfo=UTC)
    limit = timedelta(minutes=10)
    assert evidence(body, moment + sign * limit) is not None
    assert evidence(body, moment + sign * (limit + timedelta(microseconds=1))) is None


def test_plain_text_carries_evidence_too() -> None:
    by_time = evidence(b"A: sell, Action = flat, Time = 2026-11-21T14:03:22Z")
    by_id = evidence(b"A: sell, Action = flat, alert_id = 7")
    assert by_time is not None
    assert by_id is not None
    assert (by_time.kind, by_id.kind) == (EvidenceKind.INSTANT, EvidenceKind.ID)


def test_unanswered_bytes_are_evidence_of_their_own_kind_for_a_minute() -> None:
    body = alert(timenow="2026-11-21T14:03:22Z")
    found = unanswered_evidence(body)
    assert found == Evidence(
        EvidenceKind.UNANSWERED, f"unanswered:{body_hash(body)}", UNANSWERED_WINDOW
    )
    assert timedelta(seconds=60) == UNANSWERED_WINDOW
    assert found != evidence(body)


@settings(deadline=None)
@given(st.datetimes(datetime(2000, 1, 1), datetime(2099, 12, 31)), st.integers(-1200, 1200))  # noqa: DTZ001 - hypothesis wants naive bounds; UTC is added below
def test_a_moment_is_evidence_exactly_when_near(moment: datetime, late_s: int) -> None:
    moment = moment.replace(microsecond=0, tzinfo=UTC)
    body = alert(timenow=moment.strftime("%Y-%m-%dT%H:%M:%SZ"))
    found = evidence(body, moment + timedelta(seconds=late_s))
    assert (found is not None) == (abs(late_s) <= 600)
