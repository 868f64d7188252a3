"""Every event ever published must still be readable: one golden body for each type and version.

A golden file is never edited. A new event needs a new file; a breaking change is a new version.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from uuid import UUID

import pytest

import shared.contracts
from shared.contracts import registry
from shared.contracts.envelope import Envelope

GOLDEN = Path(__file__).parent / "golden"
FILES = sorted(GOLDEN.glob("*.json"))

for module in iter_modules(shared.contracts.__path__, "shared.contracts."):
    import_module(module.name)


def envelope(kind: str, body: dict[str, object]) -> Envelope:
    return Envelope.model_validate(
        {
            "id": UUID(int=1),
            "type": kind,
            "stream": "tm.events",
            "occurred_at": datetime(2026, 11, 2, 15, tzinfo=UTC),
            "correlation_id": "1",
            "aggregate": "x:1",
            "body": body,
        }
    )


def test_every_event_has_a_golden_file() -> None:
    ours = {
        kind
        for kind, body in registry.registered().items()
        if body.__module__.startswith("shared.contracts.")
    }
    assert ours
    assert ours <= {path.stem for path in FILES}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_golden_body_is_read_and_written_as_it_stands(path: Path) -> None:
    golden = json.loads(path.read_text(encoding="utf-8"))
    body = registry.parse(envelope(path.stem, golden))
    assert body is not None
    if body.type == path.stem:
        assert body.to_json() == golden


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_an_old_reader_survives_a_field_it_does_not_know(path: Path) -> None:
    golden = json.loads(path.read_text(encoding="utf-8")) | {"of_a_later_version": 1}
    assert registry.parse(envelope(path.stem, golden)) is not None
