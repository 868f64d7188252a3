"""A run of histories that was stopped goes on where it was."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from tests.contract.ledger.run_histories import Progress, report


def test_a_slice_goes_on_where_it_was(tmp_path: Path) -> None:
    path = tmp_path / "deeper" / "slice.json"
    assert Progress.load(path, 7).next_batch == 7
    seen = Counter({"histories": 50, "claim | word": 3})
    Progress(9, 1.5, 0.5, seen, {"8": "parted"}).save(path)
    found = Progress.load(path, 7)
    assert found == Progress(9, 1.5, 0.5, seen, {"8": "parted"})
    assert report(found).startswith("50 histories, 1 batches broken")
