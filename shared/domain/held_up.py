"""Exits while a login may place nothing: they wait, and the legs of their position work on.

An exit takes stop and target off before it leaves. After a captcha no order is placed for an hour,
after a penalty not before its time: the position would stand bare for so long. Cancels go through
meanwhile, so what could still open something is withdrawn at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from shared.domain.claim import Candidate, End, Send, Verdict, Wait

HELD_UP: Final = "login.rests"


def held_up(candidate: Candidate, verdict: Verdict) -> Verdict:
    """What is left of a verdict where nothing can be placed; only an exit has legs to lose."""
    if not candidate.intent.role.ends or candidate.owner_net == 0 or isinstance(verdict, End):
        return verdict
    legs = {order.broker_order_id for order in candidate.working if order.role.protective}
    asked = verdict.cancel if isinstance(verdict, Wait) else ()
    return Wait(HELD_UP, tuple(order for order in asked if order not in legs))


def fenced(judge: Callable[[Candidate], Verdict]) -> Callable[[Candidate], Verdict]:
    """The same judge, but nothing is sent by a login that rests by the record.

    The fence of every claim: it holds in a process that did not hear the captcha itself.
    """

    def judged(candidate: Candidate) -> Verdict:
        verdict = judge(candidate)
        if not candidate.rests:
            return verdict
        left = held_up(candidate, verdict)
        return Wait(HELD_UP) if isinstance(left, Send) else left

    return judged
