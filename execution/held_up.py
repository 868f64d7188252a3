"""Exits while a login may place nothing: they wait, and the legs of their position work on.

An exit takes stop and target off before it leaves. After a captcha no order is placed for an hour,
after a penalty not before its time: the position would stand bare for so long. Cancels go through
meanwhile, so what could still open something is withdrawn at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from execution.logins import Logins
from shared.domain.claim import Candidate, End, Verdict, Wait
from shared.ports.ledger import Lease

HELD_UP: Final = "login.rests"


def by_rest(leases: Sequence[Lease], logins: Logins) -> Iterator[tuple[bool, list[Lease]]]:
    """The leases in at most two parts: whether their login may place nothing now, and which."""
    parts: dict[bool, list[Lease]] = {}
    for lease in leases:
        login = logins.get(lease.connection_id)
        if login is not None:
            parts.setdefault(login.broker.rests_s > 0, []).append(lease)
    yield from parts.items()


def held_up(candidate: Candidate, verdict: Verdict) -> Verdict:
    """What is left of a verdict where nothing can be placed; only an exit has legs to lose."""
    if not candidate.intent.role.ends or candidate.owner_net == 0 or isinstance(verdict, End):
        return verdict
    legs = {order.broker_order_id for order in candidate.working if order.role.protective}
    asked = verdict.cancel if isinstance(verdict, Wait) else ()
    return Wait(HELD_UP, tuple(order for order in asked if order not in legs))
