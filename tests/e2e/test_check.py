"""`tm up --check` as a new user runs it, with prices that move fifty times as fast."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from cli.paths import ROOT
from tests.fixtures.servers import private_folder

pytestmark = pytest.mark.timeout(180)

STAGES = (
    *("alert", "received", "committed", "202 given", "decided", "claimed", "answered", "filled"),
    *("bracket", "recorded", "check"),
)
MONEY = re.compile(r"gross (-?\d+\.\d\d), fees (\d+\.\d\d), net (-?\d+\.\d\d) USD")


def test_one_alert_becomes_a_closed_trade_and_tells_its_story() -> None:
    with private_folder() as folder:
        ports = ("--api-port", "0", "--gateway-port", "0", "--paper-port", "0")
        done = subprocess.run(
            [
                *(sys.executable, "-P", "-m", "cli", "up", "--data", str(folder / "data")),
                *(*ports, "--speed", "50", "--check"),
            ],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=150,
            check=False,
        )
    told = done.stdout + done.stderr
    assert done.returncode == 0, told
    lines = done.stderr.splitlines()
    assert [stage for stage in STAGES if not any(line.startswith(stage) for line in lines)] == []
    assert any(line.startswith(("target hit", "stop hit")) for line in lines), told
    found = MONEY.search(told)
    assert found is not None, told
    gross, fees, net = (int(part.replace(".", "")) for part in found.groups())
    assert (gross - fees, fees) == (net, 158)  # two sides of one MNQ
    assert abs(gross) >= 100
