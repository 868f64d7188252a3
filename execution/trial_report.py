"""What a test of a login is answered with: its steps, and where it ended in words for a person."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final

from execution.ledger.trials import Result
from shared.contracts.logins import FoundAccount, Step, TestReport
from shared.domain.errors import CredentialsExpired, TradeManagerError
from shared.domain.login_health import SENTENCES, condition_of
from shared.ports.broker import AccountInfo
from shared.ports.clock import Clock

_UNREACHED: Final = frozenset({"broker.unreachable", "broker.timeout", "broker.connection_lost"})
_WORDS: Final = {
    "reach": "The broker answers.",
    "sign_in": "The broker signed us in.",
    "accounts": "The accounts are listed.",
}


class Watch:
    """How long each step took."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._began_s = clock.monotonic()
        self._signed_in_s: float | None = None

    def signed_in(self) -> None:
        if self._signed_in_s is None:
            self._signed_in_s = self._clock.monotonic()

    @property
    def is_signed_in(self) -> bool:
        return self._signed_in_s is not None

    @property
    def sign_in_ms(self) -> int:
        until_s = self._clock.monotonic() if self._signed_in_s is None else self._signed_in_s
        return _ms(until_s - self._began_s)

    @property
    def accounts_ms(self) -> int:
        if self._signed_in_s is None:
            return 0
        return _ms(self._clock.monotonic() - self._signed_in_s)


def report(watch: Watch, accounts: Iterable[AccountInfo]) -> Result:
    """Every step went well."""
    found = tuple(
        FoundAccount(broker_account_id=each.account, name=each.name, active=each.active)
        for each in accounts
    )
    steps = (
        _passed("reach", 0),
        _passed("sign_in", watch.sign_in_ms),
        _passed("accounts", watch.accounts_ms),
    )
    told = TestReport(steps=steps, accounts=found)
    return Result("done", "command.done", "The login works.", told.model_dump(mode="json"))


def refused(watch: Watch, error: TradeManagerError) -> Result:
    """The steps up to the one that failed; `refused` when asking again changes nothing."""
    message = SENTENCES[condition_of("connecting", error.code)]
    if watch.is_signed_in:
        before = [_passed("reach", 0), _passed("sign_in", watch.sign_in_ms)]
        name, took_ms = "accounts", watch.accounts_ms
    elif error.code in _UNREACHED:
        before, name, took_ms = [], "reach", watch.sign_in_ms
    else:
        before, name, took_ms = [_passed("reach", 0)], "sign_in", watch.sign_in_ms
    failed = Step(name=name, ok=False, code=error.code, message=message, took_ms=took_ms)
    wait_s = error.context.get("retry_after_s")
    told = TestReport(
        steps=(*before, failed),
        retry_after_s=math.ceil(wait_s) if isinstance(wait_s, float | int) else None,
    )
    status = "refused" if isinstance(error, CredentialsExpired) else "failed"
    return Result(status, error.code, message, told.model_dump(mode="json"))


def _passed(name: str, took_ms: int) -> Step:
    return Step(name=name, ok=True, message=_WORDS[name], took_ms=took_ms)


def _ms(took_s: float) -> int:
    return round(took_s * 1000)
