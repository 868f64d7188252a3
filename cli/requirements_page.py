"""The page of what was ordered and which tests show it, from the tests' own names."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from cli.paths import ROOT

_TESTS: Final = ROOT / "tests"
_LIST: Final = _TESTS / "rows.txt"
_ROW: Final = re.compile(r"([A-Z][0-9]{1,3}) (.+)")
_IN_NAME: Final = re.compile(r"^test_((?:[a-z][0-9]{1,3}_)+)")


@dataclass(slots=True)
class Row:
    """`shown_by` holds `file::test`, or a file all of whose tests are about it."""

    number: str
    words: str
    shown_by: set[str] = field(default_factory=set)


def page(note: str) -> str:
    """Raises LookupError for a test that is named and does not exist."""
    rows = _rows()
    shown = [row for row in rows if row.shown_by]
    still_open = [row for row in rows if not row.shown_by]
    lines = [
        *("# What was ordered, and what shows it", "", note, ""),
        "A test carries the row it shows in its name (`test_m187_...`), or stands in",
        "`tests/rows.txt`. A row is here with the tests that would fail if it were not so; what",
        "only a person can see, such as how a page looks, is open until a browser's test shows it.",
        *("", f"{len(shown)} of {len(rows)} rows are shown.", ""),
        *("| row | what | tests |", "|---|---|---|"),
        *(f"| {row.number} | {row.words} | {_told(row)} |" for row in shown),
        *("", "## Open", "", *(f"- {row.number} {row.words}" for row in still_open)),
    ]
    return "\n".join([*lines, ""])


def _told(row: Row) -> str:
    return "<br>".join(f"`{each}`" for each in sorted(row.shown_by))


def _rows() -> list[Row]:
    names = {path: _test_names(path) for path in _files()}
    rows = list(_listed(names))
    by_number = {row.number: row for row in rows}
    for row, tests in _named(names).items():
        if row.startswith("M"):
            by_number.setdefault(row, Row(row, "")).shown_by.update(tests)
    return sorted(by_number.values(), key=lambda row: int(row.number[1:]))


def _files() -> Iterator[str]:
    for path in sorted(_TESTS.rglob("test_*.py")):
        yield path.relative_to(_TESTS).as_posix()


def _test_names(path: str) -> list[str]:
    tree = ast.parse((_TESTS / path).read_text(encoding="utf-8"))
    return [
        each.name
        for each in ast.walk(tree)
        if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)
        and each.name.startswith("test_")
    ]


def _named(names: dict[str, list[str]]) -> dict[str, set[str]]:
    """Row -> tests whose names carry it."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for path, tests in names.items():
        for test in tests:
            carried = _IN_NAME.match(test)
            for row in carried[1].strip("_").split("_") if carried else ():
                found[row.upper()].add(f"{path}::{test}")
    return found


def _listed(names: dict[str, list[str]]) -> Iterator[Row]:
    row: Row | None = None
    for line in _LIST.read_text(encoding="utf-8").splitlines():
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        if not line.startswith(" "):
            if row is not None:
                yield row
            number, words = _ROW.fullmatch(text).groups()  # type: ignore[union-attr] # our own file
            row = Row(number, words)
        elif row is not None:
            row.shown_by.add(_existing(text, names))
    if row is not None:
        yield row


def _existing(test: str, names: dict[str, list[str]]) -> str:
    path, _, name = test.partition("::")
    if path not in names or (name and name not in names[path]):
        raise LookupError(f"tests/rows.txt names {test}, which does not exist")
    return test
