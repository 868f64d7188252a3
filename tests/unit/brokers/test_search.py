"""What is a contract of a root."""

from __future__ import annotations

import pytest

from shared.brokers.tradovate.search import is_contract_of


@pytest.mark.parametrize(
    ("name", "root", "expected"),
    [
        ("MESH7", "MES", True),
        ("MESH27", "MES", True),
        ("MESH7", "ME", False),
        ("M2KM6", "M2K", True),
        ("6EU6", "6E", True),
        ("ES", "ES", False),
        ("ESH7 C5000", "ES", False),
        ("NQA7", "NQ", False),
    ],
)
def test_the_rest_of_a_name_is_a_month(name: str, root: str, *, expected: bool) -> None:
    assert is_contract_of(name, root) is expected
