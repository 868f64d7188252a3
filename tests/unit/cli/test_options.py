from decimal import Decimal
from pathlib import Path

import pytest

from cli.paths import DEFAULT_DATA
from cli.up.options import Options, parse


def test_the_defaults() -> None:
    assert parse([]) == Options(
        data=DEFAULT_DATA,
        api_port=5001,
        gateway_port=5000,
        paper_port=5010,
        user=None,
        password=None,
        prices=None,
        speed=None,
        json=False,
        check=False,
    )


def test_every_flag(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("bars.csv").touch()
    ports = ["--api-port", "1", "--gateway-port", "2", "--paper-port", "0"]
    person = ["--user", "ann", "--password", "secret"]
    prices = ["--prices", "bars.csv", "--speed", "60"]
    found = parse(["--data", "d", *ports, *person, *prices, "--json", "--check"])
    assert found == Options(
        data=tmp_path / "d",
        api_port=1,
        gateway_port=2,
        paper_port=0,
        user="ann",
        password="secret",
        prices=tmp_path / "bars.csv",
        speed=Decimal(60),
        json=True,
        check=True,
    )


def test_prices_may_stand_still() -> None:
    assert parse(["--speed", "0"]).speed == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ["--api-port", "70000"],
        ["--api-port", "-1"],
        ["--speed", "-1"],
        ["--speed", "nan"],
        ["--speed", "fast"],
        ["--prices", "/no/such/file"],
        ["--user", ""],
        ["extra"],
    ],
)
def test_nonsense_ends_with_a_usage_message(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(arguments)
    assert ended.value.code == 2
    assert "usage: tm.py up" in capsys.readouterr().err
