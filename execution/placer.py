"""Step 8: a claimed intent goes to the broker, once. The file to read first.

    claim committed (SENDING)  ->  deadline and lease looked at again  ->  one call
                               ->  Accepted | Refused | Unknown | NotSent committed

No transaction is open while the call is. A crash in the middle leaves SENDING, which whoever
drives the login next turns into UNKNOWN and resolves by asking.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from execution.logins import Logins
from shared.contracts.envelope import Envelope
from shared.db.failures import is_outage
from shared.domain.order import OrderIntent, Role
from shared.ports.broker import (
    Bracket,
    LegRequest,
    NotSent,
    Outcome,
    PlaceRequest,
    Priority,
    Refused,
    StrategyRequest,
    Unknown,
)
from shared.ports.clock import Clock
from shared.ports.ledger import Cancel, Claimed, Ledger
from shared.runtime.logging import get_logger

_log = get_logger(__name__)

# From the claim to the first byte. A process that was paused longer does not send any more.
DEADLINE_S: Final = 1.0
_SEND_AGAIN_AFTER_S: Final = 0.25
_RECORD_AGAIN_AFTER_S: Final = 0.2
_RECORD_TRIES_MAX: Final = 150  # half a minute; then the intent is UNKNOWN to whoever looks next

_PRIORITY: Final = {
    Role.ENTRY: Priority.ENTRY,
    Role.EXIT: Priority.EXIT,
    Role.REDUCE: Priority.EXIT,
    Role.TAKE_PROFIT: Priority.PROTECTION,
    Role.STOP_LOSS: Priority.PROTECTION,
}


class Placer:
    def __init__(self, ledger: Ledger, logins: Logins, clock: Clock) -> None:
        self._ledger = ledger
        self._logins = logins
        self._clock = clock

    async def place(self, claimed: Claimed, claimed_at_s: float) -> list[Envelope]:
        """Send what was claimed and write what became of it; returns the events written."""
        outcome = _rested(await self._send(claimed, claimed_at_s))
        _log.info(
            "order_answered",
            intent_id=str(claimed.intent.id),
            role=claimed.intent.role,
            outcome=type(outcome).__name__,
            took_ms=round((self._clock.monotonic() - claimed_at_s) * 1000, 1),
        )
        return await self._record(claimed, outcome)

    async def _send(self, claimed: Claimed, claimed_at_s: float) -> Outcome:
        login = self._logins.get(claimed.connection_id)
        if login is None:
            return NotSent("The login is not ours any more.")
        strategy = strategy_of(claimed)
        if self._clock.monotonic() - claimed_at_s > DEADLINE_S:
            return NotSent("The claim's deadline passed.")
        try:
            if strategy is not None:
                return await login.broker.start(strategy)
            return await login.broker.place(request_of(claimed))
        except Exception as error:  # noqa: BLE001 - the lane's edge: it may have been sent
            _log.exception("place_failed", intent_id=str(claimed.intent.id))
            return Unknown(type(error).__name__)

    async def _record(self, claimed: Claimed, outcome: Outcome) -> list[Envelope]:
        """Write the outcome, waiting for the database if need be: the call cannot be undone."""
        for _ in range(_RECORD_TRIES_MAX):
            try:
                return await self._ledger.record(claimed.intent.id, outcome)
            except Exception as error:
                if not is_outage(error):
                    raise
                _log.warning("outcome_postponed", intent_id=str(claimed.intent.id))
                await self._clock.sleep(_RECORD_AGAIN_AFTER_S)
        return []

    async def cancel(self, cancel: Cancel) -> None:
        """Ask for the end of an order; whether it ended, only the stream tells."""
        login = self._logins.get(cancel.connection_id)
        if login is None:
            return
        try:
            outcome = await login.broker.cancel(
                cancel.broker_order_id, f"cancel-{cancel.broker_order_id}"
            )
        except Exception:  # noqa: BLE001 - the lane's edge: the next round asks again
            _log.exception("cancel_failed", order_id=cancel.broker_order_id)
            return
        _log.info(
            "cancel_answered", order_id=cancel.broker_order_id, outcome=type(outcome).__name__
        )
        if isinstance(outcome, Refused):  # it had ended, and we had not heard
            await login.look_again()


def _rested(outcome: Outcome) -> Outcome:
    """What did not leave leaves again, but not at once: a dead line refuses within a moment."""
    match outcome:
        case NotSent(cause, wait_s) if wait_s < _SEND_AGAIN_AFTER_S:
            return NotSent(cause, _SEND_AGAIN_AFTER_S)
        case _:
            return outcome


def request_of(claimed: Claimed) -> PlaceRequest:
    """Exactly the numbers that were committed with the claim.

    A protective order with a leg is a pair that works at once.
    """
    intent, legs = claimed.intent, _legs(claimed.legs)
    beside = intent.role.protective and bool(legs)
    return PlaceRequest(
        account=claimed.account.broker_account_id,
        account_name=claimed.account.name,
        client_id=str(intent.id),
        contract=intent.contract,
        action=intent.action,
        qty_contracts=intent.qty_contracts,
        order_type=intent.order_type,
        time_in_force=intent.time_in_force,
        price=intent.price,
        stop_price=intent.stop_price,
        legs=() if beside else legs,
        priority=_PRIORITY[intent.role],
        other=legs[0] if beside else None,
    )


def strategy_of(claimed: Claimed) -> StrategyRequest | None:
    """The order strategy that a claim with legs of no price is; None for an order."""
    intent = claimed.intent
    if not any(leg.price is None and leg.stop_price is None for leg in claimed.legs):
        return None
    return StrategyRequest(
        account=claimed.account.broker_account_id,
        account_name=claimed.account.name,
        client_id=str(intent.id),
        contract=intent.contract,
        action=intent.action,
        qty_contracts=intent.qty_contracts,
        order_type=intent.order_type,
        time_in_force=intent.time_in_force,
        brackets=tuple(_brackets(claimed)),
        price=intent.price,
        stop_price=intent.stop_price,
        priority=_PRIORITY[intent.role],
    )


def _brackets(claimed: Claimed) -> Iterator[Bracket]:
    """One for each rung, the nearest target first."""
    rungs: dict[int, list[OrderIntent]] = {}
    for leg in claimed.legs:
        rungs.setdefault(leg.rung, []).append(leg)
    for rung in (*sorted(rungs.keys() - {0}), 0):
        away = {
            leg.role: leg.offset_ticks * claimed.tick
            for leg in rungs[rung]
            if leg.offset_ticks is not None
        }
        qty = rungs[rung][0].qty_contracts
        yield Bracket(qty, away.get(Role.TAKE_PROFIT), away.get(Role.STOP_LOSS))


def _legs(legs: Sequence[OrderIntent]) -> tuple[LegRequest, ...]:
    return tuple(
        LegRequest(
            client_id=str(leg.id),
            action=leg.action,
            order_type=leg.order_type,
            price=leg.price,
            stop_price=leg.stop_price,
        )
        for leg in legs
    )
