"""Every broker through every numbered case."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import pytest

from tests.contract.broker import paper_stage
from tests.contract.broker.cases import CASES
from tests.contract.broker.registry import Case
from tests.contract.broker.stage import House, NotHere, Stage
from tests.contract.broker.table import PAGE, page

HOUSES: Final = (paper_stage.HOUSE,)
_ROOT: Final = Path(__file__).parents[3]


async def played(house: House, case: Case) -> None:
    play: Callable[[Stage], Awaitable[None]] = case.play
    async with house.stage(case.setting) as stage:
        await play(stage)


@pytest.mark.parametrize("house", HOUSES, ids=lambda house: house.name)
@pytest.mark.parametrize("case", CASES.values(), ids=lambda case: case.number)
def test_case(house: House, case: Case) -> None:
    try:
        house.run(played(house, case))
    except NotHere as cannot:
        pytest.skip(f"{house.name} has no such venue: {cannot}")


def test_the_table_is_fresh() -> None:
    assert (_ROOT / PAGE).read_text() == page(), "python -m tests.contract.broker.table"
