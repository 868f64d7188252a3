"""Every code a gate can use is declared, once, with a sentence that its gate can fill."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from string import Formatter

import pytest

from shared.domain import gates
from shared.domain.gates import GATES, TABLE, first_denial
from shared.domain.gates.refusal import Refusal
from shared.domain.plan import Disposition
from tests.unit.domain.gates.builders import ENTRY

ROOM = Path(gates.__file__).parent
MODULES = sorted(path for path in ROOM.glob("*.py") if path.name != "refusal.py")


def test_codes_are_unique_and_stable_in_form() -> None:
    codes = [refusal.code for refusal in TABLE]
    assert len(codes) == len(set(codes)) > 20
    assert [code for code in codes if not re.fullmatch(r"[a-z]+\.[a-z_]+", code)] == []


@pytest.mark.parametrize("refusal", TABLE, ids=lambda refusal: refusal.code)
def test_a_refusal_reads_as_a_sentence(refusal: Refusal) -> None:
    assert refusal.compares
    assert refusal.says[0].isupper() or refusal.says[0] == "{"
    assert refusal.says.endswith((".", "{reason}"))
    names = [name for _, name, _, _ in Formatter().parse(refusal.says) if name is not None]
    denied = refusal.deny(**dict.fromkeys(names, "7"))
    assert (denied.disposition, denied.code) == (Disposition.BLOCKED, refusal.code)
    assert "{" not in denied.message
    assert denied.detail == dict.fromkeys(names, "7")


def test_a_sentence_whose_value_is_missing_fails_loudly() -> None:
    with pytest.raises(KeyError):
        Refusal("x.y", "z", "Says {what}.").deny(other=1)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_no_gate_refuses_but_by_a_declared_refusal(path: Path) -> None:
    """`Denied`, `blocked` and `skipped` are never called here; what is declared is in the table."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    called = {
        node.func.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert called & {"Denied", "blocked", "skipped"} == set()
    codes = {
        node.args[0].value
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "Refusal"
        and isinstance(node.args[0], ast.Constant)
    }
    assert codes <= {refusal.code for refusal in TABLE}


def test_a_plain_entry_meets_no_refusal() -> None:
    assert first_denial(ENTRY) is None
    assert all(gate(ENTRY) is None for gate in GATES)
