"""Events about signals and entries: accepted by api, decided on by execution."""

from __future__ import annotations

from typing import ClassVar

from shared.contracts.registry import EventBody, register
from shared.contracts.streams import EVENTS, SIGNALS


@register
class SignalAccepted(EventBody):
    """A bell for execution: decide all undecided signals of this strategy up to `seq`."""

    type: ClassVar[str] = "signal.accepted.v1"
    stream: ClassVar[str] = SIGNALS

    signal_id: int
    strategy_id: int
    seq: int


@register
class SignalDecided(EventBody):
    """What became of one signal in one account; said again when the disposition changes."""

    type: ClassVar[str] = "signal.decided.v1"
    stream: ClassVar[str] = EVENTS

    signal_id: int
    strategy_id: int
    account_id: int
    disposition: str
    code: str
    message: str


@register
class SignalExitRefused(EventBody):
    """An alarm: a signal would have closed what is held, but its strategy is switched off."""

    type: ClassVar[str] = "signal.exit_refused.v1"
    stream: ClassVar[str] = EVENTS

    signal_id: int
    strategy_id: int
    account_id: int
    code: str
    message: str


@register
class EntryRefused(EventBody):
    """An entry that no alert asked for by itself was refused: an add against the price, a mending.

    `cause` is `average` or `heal`. `compared` holds the values that were compared, where the
    refusal compared any. A refusal that stands is told once, however often it is repeated.
    """

    type: ClassVar[str] = "entry.refused.v1"
    stream: ClassVar[str] = EVENTS

    strategy_id: int
    account_id: int
    contract: str
    cause: str
    disposition: str
    code: str
    message: str
    compared: dict[str, str]
