"""`tm up` as its reader meets it: ready, stopped, started again, killed."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from subprocess import Popen

import pytest

from cli.paths import ROOT
from cli.up import postgres, valkey
from cli.up.account import server_account
from cli.up.environment import SERVICES
from tests.fixtures.servers import private_folder, running
from tests.fixtures.stack import Stack, all_gone, is_alive, until

pytestmark = pytest.mark.timeout(300)

GONE_LIMIT_S = 5.0
RESTART_LIMIT_S = 60.0
IMPORT_FACTOR = 2.5  # a second start may take this many times what its imports take
KEYS = {
    *("api_url", "gateway_url", "paper_url", "paper_user", "paper_password", "user", "password"),
    *("webhook_url", "webhook_key", "strategy", "database_url", "redis_url", "pids"),
}


@pytest.fixture(scope="module")
def data() -> Iterator[Path]:
    """One data directory, so that only the first test pays for a first start."""
    with private_folder() as folder:
        yield folder / "data"


@pytest.fixture
def stack(data: Path) -> Iterator[Stack]:
    with Stack.start(data) as started:
        yield started


def status(url: str) -> int:
    with urllib.request.urlopen(url, timeout=10.0) as answer:  # noqa: S310 - our own loopback URL
        return int(answer.status)


def test_everything_named_in_the_ready_line_is_there(stack: Stack) -> None:
    assert stack.info.keys() == KEYS
    assert stack.pids.keys() == {*SERVICES, "postgres", "valkey"}
    assert {name: stack.pid(name) for name in stack.pids} == stack.pids
    assert all(is_alive(pid) for pid in stack.pids.values())
    assert stack.info["paper_url"].endswith("/v1")
    assert stack.info["webhook_url"].endswith(stack.info["webhook_key"])
    assert status(f"{stack.info['api_url']}/readyz") == 200


def test_ctrl_c_stops_everything_in_order(data: Path) -> None:
    stack = Stack.start(data)
    pids = list(stack.pids.values())
    assert stack.stop(signal.SIGINT) == 0
    assert all_gone(pids)
    assert "killed" not in stack.messages
    assert not Path(stack.info["redis_url"].removeprefix("unix://")).exists()


def test_a_second_start_continues_with_the_same_data(data: Path) -> None:
    with Stack.start(data) as first:
        kept = {key: first.info[key] for key in ("user", "password", "webhook_key", "strategy")}
    with Stack.start(data) as second:
        assert {key: second.info[key] for key in kept} == kept


def test_nothing_outlives_a_killed_supervisor_and_its_data_is_good(data: Path) -> None:
    stack = Stack.start(data)
    stack.kill_supervisor()
    took_s = until(lambda: all_gone(list(stack.pids.values())), GONE_LIMIT_S, "the end of all")
    print(f"gone {took_s:.2f} s after the supervisor was killed")
    with Stack.start(data) as again:
        assert again.info["webhook_key"] == stack.info["webhook_key"]


@pytest.mark.parametrize("service", ["execution", "postgres"])
def test_a_service_that_dies_comes_back(stack: Stack, service: str) -> None:
    stack.kill(service)
    until(lambda: f"{service} was ended by SIGKILL" in stack.messages, RESTART_LIMIT_S, "its death")
    until(lambda: ready_again(stack), RESTART_LIMIT_S, "readiness")


def ready_again(stack: Stack) -> bool:
    try:
        return status(f"{stack.info['api_url']}/readyz") == 200
    except OSError:
        return False


def test_a_second_up_on_the_same_data_is_refused(stack: Stack) -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-m", "cli", "up", "--data", str(stack.data)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert f"process {stack.process.pid}" in done.stderr
    assert ready_again(stack)


def test_the_running_servers_are_durable(stack: Stack) -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-m", "cli", "doctor", "--data", str(stack.data)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [line.split() for line in done.stdout.splitlines()]
    assert {(row[1], row[2]) for row in rows} == {
        ("fsync", "on"),
        ("full_page_writes", "on"),
        ("synchronous_commit", "on"),
        ("data_checksums", "on"),
        ("appendonly", "yes"),
        ("appendfsync", "everysec"),
        ("maxmemory-policy", "noeviction"),
    }


def test_a_second_start_is_hardly_longer_than_its_imports(data: Path) -> None:
    with Stack.start(data):
        pass  # so that the data is there, whichever test runs first
    imports_s = min(importing_all() for _ in range(2))
    start_s = min(starting(data) for _ in range(2))
    print(f"second start {start_s:.2f} s, imports of the services {imports_s:.2f} s")
    assert start_s <= IMPORT_FACTOR * imports_s


def importing_all() -> float:
    """All services at once, as they start: they share the processors then too."""
    began_s = time.monotonic()
    starting_up = [
        Popen(
            [sys.executable, "-P", "-c", f"import {name}.__main__"],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        for name in SERVICES
    ]
    assert [process.wait(120) for process in starting_up] == [0] * len(SERVICES)
    return time.monotonic() - began_s


def starting(data: Path) -> float:
    with Stack.start(data) as stack:
        return stack.ready_after_s


@pytest.fixture
def own_servers() -> Iterator[dict[str, str]]:
    """Durable servers that are not the supervisor's, as a production machine has them."""
    install = postgres.locate(server_account())
    with private_folder() as folder:
        cluster = folder / "pgdata"
        postgres.initialise(install, cluster)
        database = postgres.server(install, cluster, folder, folder / "postgres.log")
        queue = valkey.server(folder, folder, folder / "valkey.log")
        with (
            running(database, lambda process: postgres.is_ready(cluster, process)),
            running(queue, lambda _: valkey.is_ready(folder)),
        ):
            owner = postgres.url(folder).replace("+asyncpg", "", 1)
            yield {"DATABASE_URL": owner, "TM_REDIS_URL": valkey.url(folder)}


def test_servers_of_ones_own_are_used(own_servers: dict[str, str]) -> None:
    with (
        private_folder() as folder,
        Stack.start(folder / "data", environ=own_servers) as stack,
    ):
        assert stack.pids.keys() == set(SERVICES)
        assert stack.info["redis_url"] == own_servers["TM_REDIS_URL"]
        assert stack.info["database_url"].replace("+asyncpg", "") == own_servers["DATABASE_URL"]
        assert not (stack.data / "pgdata").exists()
        assert status(f"{stack.info['api_url']}/readyz") == 200


def test_the_secrets_are_for_their_owner_alone(stack: Stack) -> None:
    file = stack.data / "secrets.json"
    assert file.stat().st_mode & 0o777 == 0o600
    stored = json.loads(file.read_bytes())
    assert stored["password"] == stack.info["password"]
