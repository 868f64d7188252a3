"""The cases as a page. `python -m tests.contract.broker.table` writes it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.contract.broker.cases import CASES
from tests.contract.broker.registry import GROUPS

PAGE: Final = "docs/broker-acceptance.md"
_HEAD: Final = """\
# What a broker must pass

Written by `python -m tests.contract.broker.table`; change the cases, not this page.

The cases of `tests/contract/broker` know the port (`shared/ports/broker.py`), a market that can be
moved, and the venue's own books, looked at past the adapter. A further broker runs all of them
with one stage (`stage.py` says what that is, `paper_stage.py` is the first one). Besides its own
promise nearly every case ends by comparing all orders, fills, fees, positions and the cash that
the facts told with those of the venue, and by looking that no order was taken twice.
"""


def page() -> str:
    return _HEAD + "".join(_lines())


def _lines() -> Iterator[str]:
    for group, title in GROUPS.items():
        cases = [CASES[number] for number in sorted(CASES) if number.startswith(group)]
        yield f"\n## {group} {title}\n\n| case | promise |\n|---|---|\n"
        yield from (f"| {case.number} | {case.promise} |\n" for case in cases)


if __name__ == "__main__":
    (Path(__file__).parents[3] / PAGE).write_text(page())
