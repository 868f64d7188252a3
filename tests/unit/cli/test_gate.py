import pytest

from cli.test import command
from cli.test.command import Step


class Recorder:
    """Runs nothing; the steps named in `failing` fail with the code given there."""

    def __init__(self, **failing: int) -> None:
        self._failing = failing
        self.ran: list[Step] = []
        self.full: list[str | None] = []

    def __call__(self, step: Step, environ: dict[str, str]) -> int:
        self.ran.append(step)
        self.full.append(environ.get("TM_FULL"))
        return self._failing.get(step.name, 0)

    @property
    def names(self) -> list[str]:
        return [step.name for step in self.ran]


def test_the_whole_gate_ends_with_the_tests() -> None:
    run = Recorder()
    assert command.main([], run) == 0
    assert run.names == ["format", "lint", "contracts", "types", "pytest"]
    assert run.ran[-1].command[-4:] == ("-n", "2", "--dist", "loadfile")


def test_arguments_are_for_pytest_alone() -> None:
    run = Recorder()
    command.main(["tests/unit", "-k", "one"], run)
    assert run.names == ["pytest"]
    assert run.ran[0].command[-3:] == ("tests/unit", "-k", "one")


def test_full_is_a_setting_for_the_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TM_FULL", raising=False)
    run = Recorder()
    command.main(["--full"], run)
    assert run.names[-1] == "pytest"
    assert "--full" not in run.ran[-1].command
    assert run.full == ["1"] * 5


def test_a_failed_check_fails_the_gate_but_not_the_tests(
    capsys: pytest.CaptureFixture[str],
) -> None:
    run = Recorder(lint=1, types=2)
    assert command.main([], run) == 1
    assert run.names[-1] == "pytest"
    assert "FAILED before the tests: lint, types" in capsys.readouterr().out


def test_the_tests_own_code_is_the_gates() -> None:
    assert command.main([], Recorder(pytest=5, lint=1)) == 5
