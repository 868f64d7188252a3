"""What is not taken of the original's settings is told on a page of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from api.strategies.original import IN_FULL, IN_LISTS, without_neutral
from shared.domain.errors import InvalidInput

PAGE = Path(__file__).parents[3] / "docs" / "original.md"


def test_the_page_names_every_setting_that_is_not_taken() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert [name for name in {**IN_LISTS, **IN_FULL} if f"`{name}`" not in page] == []


@pytest.mark.parametrize("name", sorted(IN_FULL.keys() - {"Private"}))
def test_what_is_not_taken_is_refused_by_name_and_neutral_is_no_news(name: str) -> None:
    assert without_neutral({name: IN_FULL[name]}) == {}
    with pytest.raises(InvalidInput, match=name):
        without_neutral({name: "7"})
