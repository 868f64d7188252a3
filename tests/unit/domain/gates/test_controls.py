from __future__ import annotations

import pytest

from shared.domain.decision.scene import Halt
from shared.domain.gates.controls import Control, Scope, halt_of, halted
from tests.unit.domain.gates.builders import entry


def test_no_halt_stops_nothing() -> None:
    assert halted(entry()) is None


@pytest.mark.parametrize("control", Control)
@pytest.mark.parametrize("scope", Scope)
def test_each_halt_stops_entries_in_the_persons_words(control: Control, scope: Scope) -> None:
    halt = halt_of(control, scope, "Fed day {at noon}.")
    denied = halted(entry(scene={"halts": (halt,)}))
    assert denied is not None
    assert denied.code == f"{control.value}.{scope.value}"
    assert denied.message.endswith("ed: Fed day {at noon}.")
    assert denied.detail == {"reason": "Fed day {at noon}."}


def test_the_first_of_several_is_named() -> None:
    halts = tuple(halt_of(Control.PAUSE, scope, "x") for scope in Scope)
    denied = halted(entry(scene={"halts": halts}))
    assert denied is not None
    assert denied.code == "pause.system"


def test_a_halt_nobody_declared_stops_too() -> None:
    denied = halted(entry(scene={"halts": (Halt("guard.new", "Just so."),)}))
    assert denied is not None
    assert (denied.code, denied.message) == ("guard.new", "Trading is stopped: Just so.")
