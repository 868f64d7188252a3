"""The rules of the house, held by tests: a rule is a check or it is a wish."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest

from cli.docs import GENERATED
from shared.db.ownership import (
    APPEND_ONLY,
    COUNTED,
    HANDED_OVER,
    MESSAGING,
    NO_OWNER,
    WRITER,
)
from shared.db.tables import metadata

ROOT = Path(__file__).parents[2]
ROOMS = (
    "api",
    "gateway",
    "execution",
    "recorder",
    "notifier",
    "paper",
    "cli",
    "shared",
    "sentinel",
)
FILE_LINES_MAX = 600
FUNCTION_LINES_MAX = 70

SOURCES = sorted(
    path
    for room in ROOMS
    for path in (ROOT / room).rglob("*.py")
    if "migrations/versions" not in path.as_posix()
)
TREES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in SOURCES}


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_there_is_something_to_check() -> None:
    assert len(SOURCES) > 100


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_files_and_functions_stay_small(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= FILE_LINES_MAX
    for node in ast.walk(TREES[path]):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            length = node.end_lineno - node.lineno + 1
            assert length <= FUNCTION_LINES_MAX, f"{node.name} has {length} lines"


# Near money nothing is a float: not in the cellar, not in books and ledgers.
MONEY_ROOMS = ("shared/domain", "shared/contracts", "execution/ledger", "recorder", "paper/book")
MONEY = [path for path in SOURCES if name(path).startswith(MONEY_ROOMS)]
# Seconds are floats everywhere; they say so in their names.
SECONDS = re.compile(r"(_s|_ms|_s_max|_s_min|_every_s|seconds)$")


@pytest.mark.parametrize("path", MONEY, ids=name)
def test_no_float_near_money(path: Path) -> None:
    found = [
        f"line {node.lineno}"
        for node in ast.walk(TREES[path])
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "float"
    ]
    found += [
        f"line {node.lineno}: {node.target.id}"
        for node in ast.walk(TREES[path])
        if isinstance(node, ast.AnnAssign)
        and isinstance(node.target, ast.Name)
        and "float" in ast.unparse(node.annotation)
        and not SECONDS.search(node.target.id)
    ]
    assert found == []


# An autocommit connection and the migrations' own runner are the only others.
COMMITTERS = {"shared/db/uow.py", "shared/db/migrations/env.py"}


# The venue has no database; its `commit` is a journal's.
@pytest.mark.parametrize("path", [p for p in SOURCES if not name(p).startswith("paper/")], ids=name)
def test_one_file_commits(path: Path) -> None:
    commits = [
        node.lineno
        for node in ast.walk(TREES[path])
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "commit"
    ]
    assert not commits or name(path) in COMMITTERS


def test_every_table_has_one_writer() -> None:
    tables = set(metadata.tables)
    known = [*WRITER, *APPEND_ONLY, *COUNTED, *HANDED_OVER, *MESSAGING]
    assert sorted(known) == sorted(tables)


def test_every_tenants_table_names_its_user() -> None:
    for table in metadata.tables.values():
        if table.name not in NO_OWNER | {"users"}:
            assert "user_id" in table.columns, table.name


def test_every_table_says_what_it_holds() -> None:
    assert [table.name for table in metadata.tables.values() if not table.comment] == []


STATEMENT = re.compile(r"\b(?:INSERT INTO|UPDATE|DELETE FROM)\s+([a-z_]+)")
SERVICES = ("api", "gateway", "execution", "recorder", "notifier")


@pytest.mark.parametrize("service", SERVICES)
def test_services_write_their_own_tables_only(service: str) -> None:
    for path in SOURCES:
        if not name(path).startswith(f"{service}/"):
            continue
        for table in STATEMENT.findall(path.read_text(encoding="utf-8")):
            assert table not in COUNTED, f"{name(path)} writes {table}"
            if table in metadata.tables and table in WRITER:
                assert WRITER[table] == service, f"{name(path)} writes {table}"


@pytest.mark.parametrize("path", sorted(GENERATED))
def test_generated_files_are_fresh(path: str) -> None:
    assert (ROOT / path).read_text(encoding="utf-8") == GENERATED[path](), "python -m cli docs"


# Time comes in as an argument; only the clock itself may ask the machine.
AMBIENT = {"datetime.now", "datetime.utcnow", "time.time", "random.random", "uuid.uuid4"}
PURE = [path for path in SOURCES if name(path).startswith(("shared/domain", "shared/contracts"))]


@pytest.mark.parametrize("path", PURE, ids=name)
def test_the_cellar_has_no_clock_and_no_dice(path: Path) -> None:
    calls = {ast.unparse(node.func) for node in ast.walk(TREES[path]) if isinstance(node, ast.Call)}
    assert calls & AMBIENT == set()


def test_no_secret_is_tracked() -> None:
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.split()
    assert [path for path in tracked if path.endswith((".pem", ".key", "secrets.json"))] == []
