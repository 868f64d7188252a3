"""A client written from the broker's documentation alone, against the venue as a process.

The same driver is one column of `make venue-clients`; here it stands in the gate.
"""

from __future__ import annotations

import ast
import asyncio
import json
import sys
from pathlib import Path

import pytest

from tests.integration.paper.process import PASSWORD, ROOT, USER, VenueProcess, venue
from tests.wire.raw.fields import required
from tests.wire.steps import FAILED, PASSED, STEPS

WIRE = ROOT / "tests" / "wire"
SOURCES = [*sorted((WIRE / "raw").glob("*.py")), WIRE / "steps.py"]
DRIVE_LIMIT_S = 60


async def drive(broker: VenueProcess) -> dict[str, tuple[str, str]]:
    """Outcome and detail of each step."""
    env = {
        "PYTHONPATH": str(ROOT),
        "TM_WIRE_VENUE": broker.http.base_url.netloc.decode(),
        "TM_WIRE_CONTROL": broker.control_http.base_url.netloc.decode(),
        "TM_WIRE_USER": USER,
        "TM_WIRE_PASSWORD": PASSWORD,
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.wire.raw.driver"), env=env, stdout=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(DRIVE_LIMIT_S):
        output, _ = await process.communicate()
    reports = [json.loads(line) for line in output.splitlines()]
    return {report["step"]: (report["outcome"], report["detail"]) for report in reports}


async def test_every_step_of_the_protocol_works_as_documented() -> None:
    async with venue() as broker:
        assert await drive(broker) == dict.fromkeys(STEPS, (PASSED, ""))


async def test_every_step_works_with_events_repeated_and_out_of_order() -> None:
    async with venue() as broker:
        await broker.control("fault", name="shuffle_events", count=None)
        await broker.control("fault", name="duplicate_events", count=None)
        assert await drive(broker) == dict.fromkeys(STEPS, (PASSED, ""))


async def test_a_venue_that_errs_is_noticed() -> None:
    async with venue() as broker:
        await broker.control("fault", name="error_after_accept")
        outcome, detail = (await drive(broker))["place"]
    assert (outcome, detail.partition(":")[0]) == (FAILED, "RefusedError")


@pytest.mark.parametrize(
    ("row", "wrong"),
    [
        ({}, "id:int"),
        ({"id": 7, "name": "NQ", "symbol": "$"}, "contractMaturityId"),
        ({"id": "7", "name": "NQ", "contractMaturityId": 1}, "id:int"),
        ({"id": True, "name": "NQ", "contractMaturityId": 1}, "id:int"),
        ({"id": 7, "name": "NQ", "contractMaturityId": 1, "more": None}, "left out"),
    ],
)
def test_a_missing_or_mistyped_field_is_noticed(row: dict[str, object], wrong: str) -> None:
    with pytest.raises(AssertionError, match=wrong):
        required("contract", [row])


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_the_driver_knows_nothing_of_the_product(path: Path) -> None:
    known = sys.stdlib_module_names | {"websockets", "tests.wire.steps", "tests.wire.raw"}
    names: list[str] = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0
            names.append(node.module or "")
    strange = [n for n in names if not any(n == k or n.startswith(f"{k}.") for k in known)]
    assert strange == []
