"""What stands between a request and its endpoint: quotas, penalties, maintenance, and faults."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from paper.faults import Fault
from paper.gate import Gate
from paper.rows import KINDS, encode

if TYPE_CHECKING:
    from paper.calls import Call, Endpoint

LOGIN: Final = "auth/accesstokenrequest"
_PLACING: Final = frozenset(
    {"order/placeorder", "order/placeoso", "order/placeoco", "orderstrategy/startorderstrategy"}
)
_LISTS: Final = frozenset(
    f"{kind.name}/{operation}".lower()
    for kind in KINDS.values()
    if not kind.shared and not kind.hidden
    for operation in ("list", "items", "deps", "ldeps")
)
_TICKETS_MAX: Final = 1_000


@dataclass(frozen=True, slots=True)
class Verdict:
    """An answer in the endpoint's place. One without a status is never sent."""

    status: int | None
    body: bytes = b""


@dataclass(slots=True)
class Guard:
    """`closed_until` is the end of a maintenance; `tickets` are penalties to be waited for."""

    gate: Gate = field(default_factory=Gate)
    closed_until: datetime | None = None
    tickets: dict[str, tuple[datetime, bool]] = field(default_factory=dict)

    def verdict(self, call: Call, target: Endpoint) -> Verdict | None:
        """None when the request may pass."""
        venue, name = call.venue, target.name.lower()
        now = venue.clock.now()
        if self.closed_until is not None and now < self.closed_until:
            return Verdict(503, b"Service Unavailable")
        if venue.faults.take(Fault.STORM_429) is not None or not self._within(call, name, now):
            return Verdict(429)
        penalty = self._penalty(call, name, now)
        if penalty is not None:
            return Verdict(200, encode(penalty))
        if name in _LISTS and venue.faults.take(Fault.WRONG_ENVIRONMENT) is not None:
            return Verdict(200, b"[]")
        if target.is_action and venue.faults.take(Fault.TIMEOUT_BEFORE_ACCEPT) is not None:
            return Verdict(None)
        return None

    def answered(self, call: Call, target: Endpoint, status: int, body: bytes) -> None:
        """Count what counts only when it fails; a login fails with 200."""
        wrong = target.name.lower() == LOGIN and body.startswith(b'{"errorText"')
        if call.venue.risk.policy.limits and (wrong or status >= _ERRORS_FROM):
            now = call.venue.clock.now()
            self.gate.failed(target.name.lower(), call.address, now)

    def _within(self, call: Call, name: str, now: datetime) -> bool:
        if not call.venue.risk.policy.limits:
            return True
        user_id = None if call.session is None else call.session.user_id
        return self.gate.admits(name, user_id, call.address, now)

    def _penalty(self, call: Call, name: str, now: datetime) -> dict[str, Any] | None:
        """A ticket to come back with, or None; one that was waited for is spent."""
        about = "login" if name == LOGIN else "order" if name in _PLACING else None
        if about is None:
            return None
        ticket = call.params.get("p-ticket")
        if isinstance(ticket, str) and ticket in self.tickets:
            until, captcha = self.tickets.pop(ticket)
            left_s = max(0.0, (until - now).total_seconds())
            return self._ticket(now, left_s, captcha=captcha) if left_s or captcha else None
        for fault in (Fault.TIME_PENALTY, Fault.CAPTCHA_PENALTY):
            options = call.venue.faults.peek(fault)
            if options is not None and options.get("on", about) == about:
                options = call.venue.faults.take(fault)
                if options is not None:
                    wait_s = float(str(options.get("p_time", 1)))
                    return self._ticket(now, wait_s, captcha=fault is Fault.CAPTCHA_PENALTY)
        return None

    def _ticket(self, now: datetime, wait_s: float, *, captcha: bool) -> dict[str, Any]:
        if len(self.tickets) >= _TICKETS_MAX:
            del self.tickets[next(iter(self.tickets))]
        ticket = secrets.token_urlsafe(24)
        self.tickets[ticket] = (now + timedelta(seconds=wait_s), captcha)
        body: dict[str, Any] = {"p-ticket": ticket, "p-time": wait_s}
        return body | {"p-captcha": True} if captcha else body


_ERRORS_FROM: Final = 400
