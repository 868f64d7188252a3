"""A checker that cannot complain proves nothing: each kind of wrong is doctored in and seen."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from copy import deepcopy
from typing import Any, Final

import pytest

from cli.paths import ROOT
from tests.chaos.checker import Evidence, violations
from tests.chaos.sound import World, about, sound

ROOMS: Final = ("api", "gateway", "execution", "recorder", "notifier", "paper", "cli", "shared")


def judged(world: World) -> set[str]:
    evidence = Evidence(
        about(), world.sent, world.strikes, world.messages, world.tables, world.venue
    )
    return {violation.kind for violation in violations(evidence)}


def test_nothing_is_wrong_with_a_sound_day() -> None:
    assert judged(sound()) == set()


def test_a_drift_is_rightly_told_of_an_entry_that_was_given_up() -> None:
    world = sound()
    world.tables["decisions"][0]["disposition"] = "ABANDONED"
    _drift_for_nothing(world)
    assert "message" not in judged(world)
    world.messages.pop()
    assert "message" in judged(world), "it is not over"


def test_it_imports_nothing_of_the_product() -> None:
    code = (
        "import sys, tests.chaos.checker.__main__\n"
        f"print([m for m in sys.modules if m.split('.')[0] in {ROOMS!r}])"
    )
    command = (sys.executable, "-c", code)
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"


def _lose_signal(world: World) -> None:
    world.tables["alerts"].pop(2)


def _answer_503(world: World) -> None:
    world.sent[2]["status"] = 503


def _double_signal(world: World) -> None:
    world.tables["signals"].append({**world.tables["signals"][0], "id": 999, "seq": 99})
    world.tables["alerts"].append({**world.tables["alerts"][0], "signal_id": 999})


def _merge_signals(world: World) -> None:
    world.tables["alerts"][2]["signal_id"] = world.tables["alerts"][0]["signal_id"]
    world.sent[8]["signal_id"] = world.tables["alerts"][0]["signal_id"]


def _foreign_signal(world: World) -> None:
    world.tables["signals"].append({**world.tables["signals"][0], "id": 999, "seq": 99})


def _accept_out_of_order(world: World) -> None:
    first, third = world.tables["signals"][0], world.tables["signals"][2]
    first["seq"], third["seq"] = third["seq"], first["seq"]


def _send_out_of_order(world: World) -> None:
    entries = [row for row in world.tables["intents"] if row["strategy_id"] == 11]
    entries[0]["signal_id"], entries[1]["signal_id"] = 103, 101


def _forget_decision(world: World) -> None:
    world.tables["decisions"].pop()


def _never_decide(world: World) -> None:
    world.tables["decisions"][0] |= {"disposition": "PLANNED", "ended_at": None}


def _decide_twice(world: World) -> None:
    world.tables["decisions"].append(deepcopy(world.tables["decisions"][0]))


def _decide_elsewhere(world: World) -> None:
    world.tables["decisions"].append({**world.tables["decisions"][0], "account_id": 2})


def _stale_too_soon(world: World) -> None:
    world.tables["decisions"][0]["disposition"] = "STALE"


def _refuse(world: World) -> None:
    world.tables["decisions"][0]["disposition"] = "REJECTED"


def _decide_late(world: World) -> None:
    world.tables["decisions"][0]["ended_at"] = "2026-11-20T15:05:00+00:00"


def _send_twice(world: World) -> None:
    """The same intent, two orders: the venue does not mind."""
    account = world.venue["L1A1"]
    order, fill, fee = account["orders"][0], account["fills"][0], account["fees"][0]
    command = account["commands"][0]
    account["orders"].append({**order, "id": 9_000})
    account["commands"].append({**command, "orderId": 9_000})
    account["fills"].append({**fill, "id": 9_001, "orderId": 9_000})
    account["fees"].append({**fee, "id": 9_001})


def _enter_twice(world: World) -> None:
    """Two intents, each with its order, of one signal in one account."""
    _send_twice(world)
    world.venue["L1A1"]["commands"][-1]["clOrdId"] = "intent-9000"
    intent = {**world.tables["intents"][0], "id": "intent-9000", "broker_order_id": 9_000}
    world.tables["intents"].append(intent)


def _stray_order(world: World) -> None:
    world.venue["L1A2"]["orders"].append({**world.venue["L1A2"]["orders"][0], "id": 9_000})


def _hold(world: World) -> None:
    world.venue["L1A1"]["positions"].append({"netPos": 1, "contract": "MNQZ6"})


def _work_on(world: World) -> None:
    world.venue["L1A1"]["orders"][0]["ordStatus"] = "Working"


def _move_wrong(world: World) -> None:
    """The entry of the pair is for its account's half."""
    for rows in (world.venue["L1A2"]["fills"], world.tables["fills"]):
        for row in rows:
            if row["qty"] == 4:
                row["qty"] = 2
    for row in world.venue["L1A2"]["fees"]:
        row["commission"] = "1.58"


def _skip_silently(world: World) -> None:
    world.tables["decisions"][0]["disposition"] = "SKIPPED"


def _lose_fill(world: World) -> None:
    world.tables["fills"].pop()


def _double_fill(world: World) -> None:
    world.tables["fills"].append(deepcopy(world.tables["fills"][0]))


def _invent_fill(world: World) -> None:
    world.tables["fills"].append({**world.tables["fills"][0], "broker_fill_id": 9_001})


def _a_cent(table: str, column: str) -> Callable[[World], None]:
    def doctor(world: World) -> None:
        row = world.tables[table][0]
        row[column] = f"{float(row[column]) + 0.01:.2f}"

    doctor.__name__ = f"a_cent_of_{column}"
    return doctor


def _a_cent_of_cash(world: World) -> None:
    account = world.venue["L1A1"]
    account["balance"] = f"{float(account['balance']) + 0.01:.2f}"
    moved = account["cash_log"][1]
    moved["delta"] = f"{float(moved['delta']) + 0.01:.2f}"


def _forget_trade(world: World) -> None:
    world.tables["trades"].pop()


def _lose_message(world: World) -> None:
    world.messages.pop()


def _double_message(world: World) -> None:
    world.messages.append({**world.messages[0], "nonce": "another"})


def _drift(world: World, title: str) -> None:
    text = f"**{title}**: MNQZ6\nThe book holds 0 MNQZ6.\nSolo 0 · L1A1"
    world.messages.append({"event": "message", "nonce": title, "content": text})


def _drift_for_nothing(world: World) -> None:
    _drift(world, "Not where the last alert asked to be")
    _drift(world, "Over: Not where the last alert asked to be")


def _never_send(world: World) -> None:
    world.tables["deliveries"][0]["state"] = "pending"


def _bury(world: World) -> None:
    world.tables["dead_letters"].append({"consumer": "recorder", "error": "no"})


def _never_recover(world: World) -> None:
    world.strikes[1]["took_s"] = None


def _recover_slowly(world: World) -> None:
    world.strikes[1]["took_s"] = 10.2


def _kill_nothing(world: World) -> None:
    world.strikes[1]["did"] = "killed False"


DOCTORED: Final[tuple[tuple[Callable[[World], Any], str], ...]] = (
    (_lose_signal, "lost"),
    (_answer_503, "undelivered"),
    (_double_signal, "duplicated"),
    (_merge_signals, "lost"),
    (_foreign_signal, "duplicated"),
    (_accept_out_of_order, "out of order"),
    (_send_out_of_order, "out of order"),
    (_forget_decision, "undecided"),
    (_never_decide, "undecided"),
    (_decide_twice, "duplicated"),
    (_decide_elsewhere, "duplicated"),
    (_stale_too_soon, "lost"),
    (_refuse, "lost"),
    (_decide_late, "late"),
    (_send_twice, "duplicated"),
    (_enter_twice, "entered twice"),
    (_stray_order, "stray"),
    (_hold, "not flat"),
    (_work_on, "not flat"),
    (_move_wrong, "wrong effect"),
    (_skip_silently, "wrong effect"),
    (_lose_fill, "lost"),
    (_double_fill, "duplicated"),
    (_invent_fill, "stray"),
    (_a_cent("fills", "fee_usd"), "money"),
    (_a_cent("trades", "gross_usd"), "money"),
    (_a_cent("trades", "fees_usd"), "money"),
    (_a_cent("trades", "net_usd"), "money"),
    (_a_cent("balances", "cash_usd"), "money"),
    (_a_cent_of_cash, "money"),
    (_forget_trade, "money"),
    (_lose_message, "message missing"),
    (_double_message, "message twice"),
    (_drift_for_nothing, "message"),
    (_never_send, "message missing"),
    (_bury, "dead_letters"),
    (_never_recover, "recovery"),
    (_recover_slowly, "recovery"),
    (_kill_nothing, "too easy"),
)


@pytest.mark.parametrize(
    ("doctor", "kind"), DOCTORED, ids=[doctor.__name__.strip("_") for doctor, _ in DOCTORED]
)
def test_it_complains(doctor: Callable[[World], Any], kind: str) -> None:
    world = sound()
    doctor(world)
    assert kind in judged(world)
