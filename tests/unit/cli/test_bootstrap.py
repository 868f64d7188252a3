"""The front door, without installing anything."""

import subprocess
import sys
from pathlib import Path

import pytest

import tm


def pip_says(monkeypatch: pytest.MonkeyPatch, *lines: str) -> None:
    said = subprocess.CompletedProcess([], 0, stdout="\n".join(lines) + "\n")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: said)


def test_pips_indexes_are_told_to_uv(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("UV_DEFAULT_INDEX", "UV_FIND_LINKS", "UV_INDEX", "UV_INSECURE_HOST"):
        monkeypatch.delenv(name, raising=False)
    pip_says(
        monkeypatch,
        "global.index-url='https://a.test/simple'",
        "install.index-url='https://b.test/simple'",
        "global.extra-index-url='\\nhttps://c.test/simple\\nhttps://d.test/simple'",
        "global.find-links='/e /f'",
        "list.format='columns'",
    )
    environ = tm.installer_environ()
    assert environ["UV_DEFAULT_INDEX"] == "https://b.test/simple"
    assert environ["UV_INDEX"].split() == ["https://c.test/simple", "https://d.test/simple"]
    assert environ["UV_FIND_LINKS"] == "/e,/f"
    assert "UV_INSECURE_HOST" not in environ


def test_what_is_set_for_uv_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_DEFAULT_INDEX", "https://mine.test/simple")
    pip_says(monkeypatch, ":env:.index-url='https://a.test/simple'")
    assert tm.installer_environ()["UV_DEFAULT_INDEX"] == "https://mine.test/simple"


@pytest.fixture
def built(tmp_path: Path) -> Path:
    venv = tmp_path / "venv"
    (venv / "bin").mkdir(parents=True)
    (venv / "bin" / "python").symlink_to(sys.executable)
    (venv / tm.STAMP).write_text(tm.expected_stamp(), encoding="ascii")
    return venv


def test_a_finished_environment_is_used_as_it_is(
    built: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tm, "build", lambda _: pytest.fail("it was built again"))
    tm.ensure_environment(built)


@pytest.mark.parametrize("flaw", ["unfinished", "another lock", "no python"])
def test_anything_else_is_built_again(
    built: Path, monkeypatch: pytest.MonkeyPatch, flaw: str
) -> None:
    if flaw == "unfinished":
        (built / tm.STAMP).write_text("", encoding="ascii")
    elif flaw == "another lock":
        monkeypatch.setattr(tm, "LOCK", tm.BOOTSTRAP_LOCK)
    else:
        (built / "bin" / "python").unlink()
    builds: list[Path] = []
    monkeypatch.setattr(tm, "build", builds.append)
    tm.ensure_environment(built)
    assert builds == [built]


def test_a_folder_that_is_no_environment_is_never_emptied(tmp_path: Path) -> None:
    precious = tmp_path / "thesis.txt"
    precious.touch()
    with pytest.raises(tm.BootstrapError, match="TM_VENV"):
        tm.build(tmp_path)
    assert precious.exists()


def test_without_pip_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(tm.BootstrapError, match="apt-get install python3-pip"):
        tm.fetch_uv(tmp_path, {})


def test_an_old_python_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tm, "OLDEST_PYTHON", (99, 0))
    with pytest.raises(SystemExit, match=r"needs Python 3\.11 or newer"):
        tm.main([])
