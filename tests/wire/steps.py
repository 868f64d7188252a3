"""What every driver is asked to do, and how it reports: one line of JSON for each step.

Runs inside the clients' own environments too, so it needs the standard library only.
"""

from __future__ import annotations

import json
import os
import sys
import time
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

STEPS: Final = (
    "login",
    "time penalty",
    "accounts",
    "contracts",
    "place",
    "modify",
    "cancel",
    "oso",
    "oco",
    "strategies",
    "positions",
    "fills",
    "fill pairs",
    "cash snapshot",
    "authorise",
    "sync",
    "props",
    "quotes",
    "heartbeat",
)
PASSED, FAILED, NOT_OFFERED = "passed", "failed", "not offered"
WAIT_S: Final = 8.0
_POLL_S: Final = 0.01
_DIRECT: Final = urllib.request.build_opener(urllib.request.ProxyHandler({}))

T = TypeVar("T")


class NotOffered(Exception):  # noqa: N818 - an outcome, not an accident
    """The client itself cannot do this, and says why."""


def run(steps: Mapping[str, Callable[[], None]], not_offered: Mapping[str, str]) -> None:
    """Run each step, however the others ended, and report all of them on stdout."""
    report, sys.stdout = sys.stdout, sys.stderr  # clients talk to stdout
    for step, do in steps.items():
        outcome, detail = _outcome(do)
        _tell(report, step, outcome, detail)
    for step, reason in not_offered.items():
        _tell(report, step, NOT_OFFERED, reason)


def _outcome(do: Callable[[], None]) -> tuple[str, str]:
    try:
        do()
    except NotOffered as reason:
        return NOT_OFFERED, str(reason)
    except Exception as error:  # noqa: BLE001 - the edge of a step
        return FAILED, f"{type(error).__name__}: {error}"
    return PASSED, ""


def _tell(report: Any, step: str, outcome: str, detail: str) -> None:
    report.write(json.dumps({"step": step, "outcome": outcome, "detail": detail}) + "\n")
    report.flush()


def setting(name: str) -> str:
    """VENUE and CONTROL (host:port), USER or PASSWORD, as the runner set them."""
    return os.environ[f"TM_WIRE_{name}"]


def control(path: str, **body: object) -> Any:
    """One request to the venue's second port: prices, and orders as a person would click them."""
    url, data = f"http://{setting('CONTROL')}/{path}", json.dumps(body).encode()
    with _DIRECT.open(urllib.request.Request(url, data), timeout=WAIT_S) as response:
        return json.load(response)


def walk(*prices: str) -> None:
    """One trade after the other in the NQ family."""
    control("walk", root="NQ", prices=prices)


def eventually(probe: Callable[[], T | None], what: str) -> T:
    """The first true answer of `probe`; raises TimeoutError after `WAIT_S`."""
    end = time.monotonic() + WAIT_S
    while not (found := probe()):
        if time.monotonic() > end:
            raise TimeoutError(f"no {what} within {WAIT_S} s")
        time.sleep(_POLL_S)
    return found
