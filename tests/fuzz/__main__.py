"""python -m tests.fuzz: requests that nobody wrote, until there were as many as asked for.

    --cases 50000     how many in all; what earlier runs did counts (`--state`)
    --cut-every 0     cut every connection of the database after so many requests
    --minutes 0       stop after so long, and go on with the next run

Every documented route is asked with bodies that fit its schema and with bodies that do not, by a
signed-in administrator. An answer has to have a documented status, content type and shape; none is
a server's error, except 503 after the database was cut.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from requests.exceptions import RequestException
from schemathesis import GenerationMode
from schemathesis.checks import (
    content_type_conformance,
    not_a_server_error,
    response_schema_conformance,
    status_code_conformance,
)
from schemathesis.core.failures import Failure, FailureGroup

from tests.fuzz.house import House, house

_CHECKS: Final = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
_AT_ONCE: Final = 20
_ROUND: Final = settings(
    deadline=None,
    database=None,
    max_examples=_AT_ONCE,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
_UNAVAILABLE: Final = 503
_UNAUTHORIZED: Final = 401
_SHOWN_MAX: Final = 40
_TIMEOUT_S: Final = 60.0


@dataclass(slots=True)
class Tally:
    """What was seen so far; kept in a file, so that a run can be interrupted and continued."""

    cases: int = 0
    rounds: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    by_route: Counter[str] = field(default_factory=Counter)
    failures: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> Tally:
        if not path.exists():
            return cls()
        told = json.loads(path.read_text(encoding="utf-8"))
        return cls(
            cases=told["cases"],
            rounds=told["rounds"],
            statuses=Counter(told["statuses"]),
            by_route=Counter(told["by_route"]),
            failures=told["failures"],
        )

    def write(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        names = ("cases", "rounds", "statuses", "by_route", "failures")
        told = {name: getattr(self, name) for name in names}
        path.write_text(json.dumps(told, indent=1), encoding="utf-8")


@dataclass(slots=True)
class Fuzz:
    where: House
    tally: Tally
    cut_every: int
    http: requests.Session = field(default_factory=requests.Session)
    was_cut: bool = False

    def one(self, name: str, case: Any) -> None:
        """Send a request and judge its answer."""
        tally = self.tally
        if tally.cases % 2:  # half of them are about what is really there
            known = self.where.objects
            case.path_parameters = {
                each: known.get(each, value) for each, value in (case.path_parameters or {}).items()
            }
        self._maybe_cut()
        try:
            answer = case.call(
                base_url=self.where.url,
                session=self.http,
                headers=self.where.headers,
                timeout=_TIMEOUT_S,
                allow_redirects=False,
            )
        except (RequestException, ValueError):
            return  # what cannot be put on the wire was no request
        tally.cases += 1
        tally.by_route[name] += 1
        tally.statuses[str(answer.status_code)] += 1
        self._judge(name, case, answer)
        if answer.status_code == _UNAUTHORIZED or "logout" in name:
            self.where.sign_in()

    def _judge(self, name: str, case: Any, answer: Any) -> None:
        if answer.status_code == _UNAVAILABLE and self.was_cut:
            return
        try:
            case.validate_response(answer, checks=_CHECKS)
        except FailureGroup as group:
            for failure in group.exceptions:
                self._note(name, failure, case, answer)
        except Failure as failure:
            self._note(name, failure, case, answer)

    def _note(self, name: str, failure: BaseException, case: Any, answer: Any) -> None:
        key = f"{name} {answer.status_code} {type(failure).__name__}"
        if key not in self.tally.failures:
            body = answer.content[:300].decode(errors="replace")
            told = f"{failure}"[:600], case.as_curl_command()[:600], body
            self.tally.failures[key] = "\n".join(told)
            print(f"FAILED {key}", flush=True)

    def _maybe_cut(self) -> None:
        if self.cut_every and self.tally.cases % self.cut_every == 0:
            self.where.restart_database()
            self.was_cut = True


def main(arguments: list[str]) -> int:
    """0 when nothing failed, in this run and those before it."""
    given_ = _parse(arguments)
    tally = Tally.read(given_.state)
    until_s = time.monotonic() + given_.minutes * 60 if given_.minutes else float("inf")
    with house() as where:
        fuzz = Fuzz(where, tally, given_.cut_every)
        operations = _operations(where, given_.only)
        while tally.cases < given_.cases and time.monotonic() < until_s:
            for operation in operations:
                mode = list(GenerationMode)[tally.rounds % 2]
                _ask(fuzz, operation, mode, given_.seed + tally.rounds)
                tally.write(given_.state)
                if tally.cases >= given_.cases or time.monotonic() >= until_s:
                    break
            tally.rounds += 1
            where.work()
            print(f"{tally.cases} requests, {len(tally.failures)} kinds of failure", flush=True)
    return _report(tally)


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests.fuzz")
    parser.add_argument("--cases", type=int, default=50_000)
    parser.add_argument("--cut-every", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=0.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="a part of `METHOD /path`")
    parser.add_argument("--state", type=Path, default=Path(".tm/fuzz.json"))
    return parser.parse_args(arguments)


def _operations(where: House, only: str) -> list[Any]:
    schema = schemathesis.openapi.from_dict(where.app.openapi())
    found = [result.ok() for result in schema.get_all_operations()]
    return [each for each in found if only in each.label]


def _ask(fuzz: Fuzz, operation: Any, mode: GenerationMode, first: int) -> None:
    def check(case: Any) -> None:
        fuzz.one(operation.label, case)

    fuzz.where.sign_in()  # the brake on guessing passwords starts anew

    try:
        seed(first)(_ROUND(given(case=operation.as_strategy(generation_mode=mode))(check)))()
    except Exception as error:  # noqa: BLE001 - a generator that has nothing to give stops no other
        if "Unsatisfiable" not in type(error).__name__:
            print(f"GENERATOR {operation.label}: {type(error).__name__}: {error}"[:300], flush=True)


def _report(tally: Tally) -> int:
    for key, told in list(tally.failures.items())[:_SHOWN_MAX]:
        print(f"\n--- {key}\n{told}")
    print(f"\n{tally.cases} requests to {len(tally.by_route)} routes in {tally.rounds} rounds")
    print(", ".join(f"{status}: {count}" for status, count in sorted(tally.statuses.items())))
    print(f"{len(tally.failures)} kinds of failure")
    return 1 if tally.failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
