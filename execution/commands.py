"""Wishes of people and services: committed rows, carried out once, each with one result."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from execution.bell import Bell
from execution.rounds import Rounds
from shared.contracts.envelope import Envelope
from shared.ports.clock import Clock
from shared.ports.ledger import Command, Ledger
from shared.runtime.logging import get_logger

_log = get_logger(__name__)

_SWEEP_EVERY_S: Final = 1.0


class Commands:
    """`close` ends what its user holds (within an account or strategy); `reconcile` reads anew.

    `release_drift` lets entries go although two books differ; `give_external` gives what others
    hold there to a strategy.
    `hand_over` gives what a strategy holds to another.
    Kinds in `others` have a round of their own, which is woken.
    """

    def __init__(
        self,
        ledger: Ledger,
        bell: Bell,
        clock: Clock,
        *,
        reconcile: Callable[[], None],
        planned: Callable[[], None],
        others: Mapping[str, Callable[[], None]] | None = None,
        hand_over: Callable[[Command], Awaitable[list[Envelope]]] | None = None,
    ) -> None:
        self._hand_over = hand_over
        self._others = {} if others is None else others
        self._ledger = ledger
        self._bell = bell
        self._clock = clock
        self._reconcile = reconcile
        self._planned = planned
        self.rounds = Rounds("commands", _SWEEP_EVERY_S, self._round)

    async def _round(self) -> None:
        for command in await self._ledger.commands():
            if command.kind in self._others:
                self._others[command.kind]()
            else:
                await self._obey(command)

    async def _obey(self, command: Command) -> None:
        _log.info("command_taken", command_id=command.id, kind=command.kind)
        match command.kind:
            case "close":
                self._bell(await self._ledger.close_all(command))
                self._planned()
            case "hand_over" if self._hand_over is not None:
                self._bell(await self._hand_over(command))
            case "release_drift":
                self._bell(await self._ledger.release_drift(command))
            case "give_external":
                self._bell(await self._ledger.give_external(command))
            case "reconcile":
                self._reconcile()
                done = ("done", "command.done", "The broker's lists are being read.")
                self._bell(await self._ledger.answer(command, *done))
            case _:
                unknown = ("refused", "command.unknown", f"No such command: {command.kind}.")
                self._bell(await self._ledger.answer(command, *unknown))
