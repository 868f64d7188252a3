"""Every alert of the corpus means what the corpus says."""

from __future__ import annotations

import json
from typing import Any

import pytest

from shared.domain.alert_codes import MEANINGS
from shared.domain.errors import AlertRefused
from shared.domain.signal import ParseCode, Signal, read_alert
from shared.domain.signal_json import signal_from_json, signal_to_json
from tests.corpus.read import Row, rows

ROWS = list(rows())


def outcome(body: bytes) -> Signal | str:
    try:
        return read_alert(body, None)
    except AlertRefused as refused:
        return str(refused.code)


def plain(signal: Signal) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(json.dumps(signal_to_json(signal)))
    del content["dialect"]
    if content["order_type"] == "market":
        del content["order_type"]
    return content


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_reads_as_the_corpus_says(row: Row) -> None:
    found = outcome(row.body)
    if isinstance(found, str):
        assert found == row.refused
        return
    assert plain(found) == row.reads
    assert found.dialect == row.dialect
    assert signal_from_json(signal_to_json(found)) == found


def test_the_corpus_is_rich() -> None:
    assert len(ROWS) >= 120
    assert all((row.reads is None) != (row.refused is None) for row in ROWS)
    refused = {row.refused for row in ROWS if row.refused is not None}
    assert refused == set(ParseCode)


def test_every_code_has_its_sentence() -> None:
    assert set(MEANINGS) == set(ParseCode)
