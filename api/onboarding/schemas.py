"""How far a new user has come."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Literal

from api.schemas import Answer, Body, example


class Step(StrEnum):
    """In the order in which they are shown."""

    PASSWORD_SET = "password_set"  # noqa: S105 - a step's name
    PAPER_TRADE = "paper_trade"  # a trade was made on paper
    STRATEGY_SAVED = "strategy_saved"
    ALERT_COPIED = "alert_copied"  # nothing here can see it: the page says so
    SIGNAL_RECEIVED = "signal_received"  # from outside, whatever became of it
    ACCOUNT_CONNECTED = "account_connected"  # at a broker, not on paper


class State(StrEnum):
    OPEN = "open"
    DONE = "done"
    SKIPPED = "skipped"


class StepOut(Answer):
    step: Step
    state: State


class RefusedOut(Answer):
    """The last alert that came and could not be read: what a beginner waits for in vain."""

    at: datetime
    strategy_id: int | None
    code: str | None
    message: str


class OnboardingOut(Answer):
    """`is_over`: nothing is open any more."""

    steps: list[StepOut]
    is_over: bool
    last_refused: RefusedOut | None


class MarkIn(Body):
    """A step may be skipped, or opened again; `done` is said of `alert_copied` only."""

    model_config = example({"step": "account_connected", "state": "skipped"})

    step: Step
    state: Literal[State.OPEN, State.SKIPPED, State.DONE]
