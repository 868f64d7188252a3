import json
import shlex
from dataclasses import replace

from cli import seed
from cli.up import ready
from cli.up.credentials import invented
from tests.unit.cli.test_environment import ADDRESSES

KNOWN = replace(invented(), webhook_key="KEY", strategy=seed.STRATEGY)


def test_what_people_read_can_be_used_as_it_stands() -> None:
    info = ready.information(ADDRESSES, KNOWN, {"api": 1})
    *_, alert, curl = ready.as_text(info, 1.25).splitlines()
    message = alert.split(maxsplit=1)[1]
    assert json.loads(message) == {
        "strategy": seed.STRATEGY,
        "symbol": seed.SYMBOL,
        "action": "buy",
        "quantity": 1,
    }
    assert shlex.split(curl)[1:] == ["curl", "-d", message, "http://127.0.0.1:6001/webhook/KEY"]


def test_machines_read_one_line() -> None:
    info = ready.information(ADDRESSES, KNOWN, {"api": 1})
    assert "\n" not in json.dumps(info)
    assert info["gateway_url"] == "ws://127.0.0.1:6000"
    assert info["paper_url"] == "http://127.0.0.1:6010/v1"
    assert info["pids"] == {"api": 1}
