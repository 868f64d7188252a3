"""One shape for every line, ours or a library's."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from shared.runtime.logging import FIELD_LENGTH_MAX, configure_logging, correlated, get_logger


@pytest.fixture
def out() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    configure_logging("tests", stream=stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def _lines(out: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_a_line_names_event_service_level_time_and_correlation(out: io.StringIO) -> None:
    with correlated("signal-1", account_id=7):
        get_logger("room").info("order_sent", quantity=2)
    get_logger("room").info("afterwards")
    first, second = _lines(out)
    assert first["event"] == "order_sent"
    assert (first["service"], first["level"], first["logger"]) == ("tests", "info", "room")
    assert (first["correlation_id"], first["account_id"], first["quantity"]) == ("signal-1", 7, 2)
    assert first["at"].endswith("Z")
    assert "correlation_id" not in second


def test_a_library_gets_the_same_shape_and_the_same_mask(out: io.StringIO) -> None:
    # Not uvicorn's own name: an in-process server of another test may have set its handlers.
    logging.getLogger("library.access").info('"POST /webhook/%s HTTP/1.1" 202', "ABCDEFGHJK")
    (line,) = _lines(out)
    assert line["event"] == '"POST /webhook/*** HTTP/1.1" 202'
    assert line["service"] == "tests"


def test_secrets_are_masked_in_fields_and_exceptions(out: io.StringIO) -> None:
    try:
        int("token=abc123")
    except ValueError:
        get_logger("room").exception("login_failed", password="hunter2", detail={"apiKey": "k1"})
    text = out.getvalue()
    assert "login_failed" in text
    assert "Traceback" in text
    for secret in ("hunter2", "abc123", "k1"):
        assert secret not in text


def test_a_field_is_not_endless(out: io.StringIO) -> None:
    get_logger("room").info("long", field="x" * (FIELD_LENGTH_MAX * 2))
    assert len(_lines(out)[0]["field"]) == FIELD_LENGTH_MAX


def test_levels_below_the_configured_one_are_silent(out: io.StringIO) -> None:
    get_logger("room").debug("chatter")
    logging.getLogger("httpx").info("GET https://host/?token=x")
    assert out.getvalue() == ""
