import os
import socket
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from cli.up import credentials, ports
from cli.up.data import LOG_LIMIT_BYTES, DataDir, Run, socket_folder
from cli.up.errors import UpError
from shared.vault import Opener, Sealer


@pytest.fixture
def data(tmp_path: Path) -> DataDir:
    made = DataDir(tmp_path / "data")
    made.create(None)
    return made


def test_secrets_are_made_once_and_kept(data: DataDir) -> None:
    first = credentials.load(data, {})
    assert credentials.load(data, {}) == first
    assert stat.S_IMODE(data.secrets.stat().st_mode) == 0o600
    assert len(bytes.fromhex(first.secret_key)) == 32


def test_the_keys_of_the_vault_are_a_pair() -> None:
    made = credentials.invented()
    sealed = Sealer(made.vault_public_key).seal(b"login", table="t", row_id=1, column="c")
    opener = Opener(made.vault_private_key)
    assert opener.open(sealed, table="t", row_id=1, column="c") == b"login"


def test_a_given_password_wins_and_is_stored(data: DataDir) -> None:
    first = credentials.load(data, {})
    given = credentials.load(data, {"password": "mine"})
    assert given == replace(first, password="mine")
    assert credentials.load(data, {}) == given


def test_secrets_do_not_show_in_a_traceback() -> None:
    made = credentials.invented()
    assert made.secret_key not in repr(made)


def test_a_damaged_file_is_named(data: DataDir) -> None:
    data.secrets.write_text("{", encoding="ascii")
    with pytest.raises(UpError, match=r"secrets\.json is damaged"):
        credentials.load(data, {})


def test_one_run_at_a_time(data: DataDir) -> None:
    with (
        data.locked(),
        pytest.raises(UpError, match=f"process {os.getpid()}"),
        DataDir(data.path).locked(),
    ):
        pass
    with data.locked():
        pass


def test_what_a_killed_run_left_is_forgotten(data: DataDir) -> None:
    sockets = socket_folder(None)
    assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
    assert len(str(sockets / ".s.PGSQL.5432.lock")) < 107
    run = Run(pid=1, sockets=str(sockets), database_url="d", redis_url="r")
    data.record(run)
    assert data.recorded() == run
    data.forget()
    assert data.recorded() is None
    assert not sockets.exists()


def test_only_a_folder_of_ours_is_removed(data: DataDir, tmp_path: Path) -> None:
    data.record(Run(pid=1, sockets=str(tmp_path), database_url="d", redis_url="r"))
    data.forget()
    assert data.path.exists()


def test_a_long_log_makes_room(data: DataDir) -> None:
    data.log("long").write_bytes(b"x" * (LOG_LIMIT_BYTES + 1))
    data.log("short").write_bytes(b"x")
    data.rotate_logs()
    assert not data.log("long").exists()
    assert data.log("long").with_suffix(".log.1").stat().st_size == LOG_LIMIT_BYTES + 1
    assert data.log("short").exists()


def test_a_taken_port_is_refused_with_its_flag() -> None:
    with socket.create_server((ports.HOST, 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UpError, match=f"port {port} .* --api-port"):
            ports.wanted(port, "--api-port", patient=False)
        assert ports.preferred(port) != port
    assert ports.wanted(port, "--api-port", patient=False) == port
    assert ports.wanted(0, "--api-port", patient=False) > 0
