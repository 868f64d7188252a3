"""Gates: each may refuse an entry, with a code, the compared values and a plain sentence.

Exits meet no gate. The first gate that refuses names the reason; their order is the tuple below.
No gate keeps a state: all that was is told by the scene, so a restart changes no answer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from shared.domain.decision.entry import Entry
from shared.domain.gates import (
    controls,
    drift,
    firm,
    follow,
    hours,
    limits,
    money,
    ownership,
    pace,
    price,
    session,
)
from shared.domain.gates.refusal import Refusal
from shared.domain.plan import Denied

Gate = Callable[[Entry], Denied | None]

GATES: Final[tuple[Gate, ...]] = (
    controls.halted,
    drift.parted,
    session.contract_ends,
    session.market_closed,
    hours.outside_hours,
    firm.outside_firm_hours,
    firm.around_news,
    firm.past_flat_by,
    ownership.owned_by_another,
    follow.not_followed,
    pace.not_the_nth,
    pace.add_too_soon,
    pace.cooling_down,
    pace.braked,
    price.without_opposite,
    price.stop_behind_market,
    price.out_of_band,
    limits.over_order_limit,
    limits.over_position_limit,
    ownership.against_own_order,
    money.limit_reached,
    money.prop_stopped,
    money.over_prop_contracts,
    money.worst_case,
)
# Every refusal there is, for pages that print them: in the order of the gates.
TABLE: Final[tuple[Refusal, ...]] = (
    *controls.REFUSALS,
    *drift.REFUSALS,
    *session.REFUSALS,
    *hours.REFUSALS,
    *firm.REFUSALS,
    *ownership.REFUSALS,
    *follow.REFUSALS,
    *pace.REFUSALS,
    *price.REFUSALS,
    *limits.REFUSALS,
    *money.REFUSALS,
)


def first_denial(entry: Entry) -> Denied | None:
    """Why this entry must not be made, or None."""
    return next((denied for gate in GATES if (denied := gate(entry)) is not None), None)
