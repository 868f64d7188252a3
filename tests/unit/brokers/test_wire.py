"""Frames, JSON numbers and times of the wire."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from shared.brokers.tradovate.wire import (
    Beat,
    Closing,
    Garbled,
    Messages,
    Opened,
    decode,
    encode,
    instant,
    read_frame,
    request,
)


def test_frames_are_told_apart() -> None:
    assert read_frame("o") == Opened()
    assert read_frame("h") == Beat()
    assert read_frame('c[3000,"Go away!"]') == Closing(3000, "Go away!")
    assert read_frame('a[{"s":200,"i":0}]') == Messages(({"s": 200, "i": 0},))
    assert read_frame("a[]") == Messages(())


@pytest.mark.parametrize("text", ["", "x", "a", "a{}", "a[1]", "a[{]", "c", "c[]", 'c["x",1]'])
def test_other_text_is_garbled(text: str) -> None:
    with pytest.raises(Garbled):
        read_frame(text)


def test_a_request_keeps_the_newlines_of_empty_parts() -> None:
    assert request("authorize", 0, body="token") == "authorize\n0\n\ntoken"
    assert request("contract/find", 7, query="name=MNQH7") == "contract/find\n7\nname=MNQH7\n"


def test_prices_never_are_floats() -> None:
    assert decode('{"p":0.1}') == {"p": Decimal("0.1")}
    assert encode({"p": Decimal("110.015625")}) == b'{"p":110.015625}'


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2022-10-20T22:17:41.123Z", datetime(2022, 10, 20, 22, 17, 41, 123_000, tzinfo=UTC)),
        ("2017-12-15T22:29Z", datetime(2017, 12, 15, 22, 29, tzinfo=UTC)),
        ("2026-03-02T10:00:00-05:00", datetime(2026, 3, 2, 15, 0, tzinfo=UTC)),
        ("2026-03-02T10:00:00", datetime(2026, 3, 2, 10, 0, tzinfo=UTC)),
    ],
)
def test_times_are_aware_and_utc(text: str, at: datetime) -> None:
    assert instant(text) == at
    assert instant(text).utcoffset() == at.utcoffset()


def test_no_time_is_garbled() -> None:
    with pytest.raises(Garbled):
        instant("yesterday")
