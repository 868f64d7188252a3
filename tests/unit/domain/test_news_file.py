"""The file of news windows: read whole, or refused with the number of its bad line."""

from __future__ import annotations

from datetime import date, time

import pytest

from shared.domain.rules.base import NEW_YORK
from shared.domain.rules.news_file import NEWS_LINES_MAX, NewsFileRefused, read_news


def test_a_file_is_read_in_its_order() -> None:
    text = """# date, start, stop, zone, what

2026-11-06, 08:28, 08:35, America/New_York, Jobs, wages
2026-12-09,13:58:30,14:10
2026-12-10, 07:25, 07:35, Europe/London
"""
    jobs, rates, london = read_news(text)
    assert (jobs.on, jobs.start, jobs.what) == (date(2026, 11, 6), time(8, 28), "Jobs, wages")
    assert (rates.zone, rates.start, rates.what) == (NEW_YORK, time(13, 58, 30), "")
    assert london.zone == "Europe/London"
    assert read_news("") == ()


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("2026-11-06", "commas"),
        ("2026-11-31, 08:28, 08:35", "on:"),
        ("2026-11-06, 8h28, 08:35", "start:"),
        ("2026-11-06, 08:35, 08:35", "ends after"),
        ("2026-11-06, 23:55, 00:05", "ends after"),
        ("2026-11-06, 08:28, 08:35, New York", "time zone"),
        ("2026-11-06, 08:28+01:00, 08:35", "offset"),
    ],
)
def test_a_bad_line_is_named(line: str, why: str) -> None:
    with pytest.raises(NewsFileRefused) as caught:
        read_news(f"# news\n\n{line}\n")
    assert caught.value.context["line"] == 3
    assert "line 3" in caught.value.message
    assert why in caught.value.message


def test_a_file_without_end_is_refused() -> None:
    with pytest.raises(NewsFileRefused, match="more than"):
        read_news("#\n" * (NEWS_LINES_MAX + 1))
