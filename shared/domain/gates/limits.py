"""Bounds of an order and of a position, in contracts as the account trades them.

An entry beyond a limit is refused whole, never trimmed: a smaller trade is another trade. Only
the link's own maximum trims, and that happens while the size is made; the check of it here is
what holds when orders that still work would carry the position over it.

The account's limits hold for the net position and for the gross one, in which strategies on
opposite sides count both. A strategy's limits are for one account. 0 is a limit: nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from shared.domain.decision.entry import Entry
from shared.domain.decision.words import Move
from shared.domain.gates.exposure import net_of, once_exited, roots_of, worst_of
from shared.domain.gates.refusal import Refusal
from shared.domain.plan import Denied

_ORDER: Final = "contracts of the order"
_POSITION: Final = "contracts held and under way over all roots, this order included"
_ROOT: Final = "contracts held and under way in the root, this order included"
_ACCOUNTS: Final = ", of every strategy, the larger of net and gross"

STRATEGY_ORDER: Final = Refusal(
    "limits.strategy_order",
    _ORDER,
    "{contracts} contracts in one order; the strategy allows {limit}.",
)
ACCOUNT_ORDER: Final = Refusal(
    "limits.account_order",
    _ORDER,
    "{contracts} contracts in one order; the account allows {limit}.",
)
STRATEGY_ROOT: Final = Refusal(
    "limits.strategy_root",
    _ROOT,
    "The strategy would have {contracts} {root}; it may have {limit}.",
)
ACCOUNT_ROOT: Final = Refusal(
    "limits.account_root",
    _ROOT + _ACCOUNTS,
    "The account would have {contracts} {root}; it may have {limit}.",
)
STRATEGY_POSITION: Final = Refusal(
    "limits.strategy_position",
    _POSITION,
    "The strategy would have {contracts} contracts in the account; it may have {limit}.",
)
ACCOUNT_POSITION: Final = Refusal(
    "limits.account_position",
    _POSITION + _ACCOUNTS,
    "The account would have {contracts} contracts; it may have {limit}.",
)
LINK: Final = Refusal(
    "limits.link",
    _ROOT,
    "The strategy would have {contracts} {root}; its maximum in this account is {limit}.",
)
REFUSALS: Final = (
    STRATEGY_ORDER,
    ACCOUNT_ORDER,
    STRATEGY_ROOT,
    ACCOUNT_ROOT,
    STRATEGY_POSITION,
    ACCOUNT_POSITION,
    LINK,
)


@dataclass(frozen=True, slots=True)
class _After:
    """Contracts at worst once the entry is under way: in its root, and over all roots."""

    own_root: int
    own_all: int
    account_root: int
    account_all: int


_Check = tuple[int | None, Refusal, Callable[[_After], int]]


def over_order_limit(entry: Entry) -> Denied | None:
    limits = (
        (entry.strategy.rules.limits.max_order_contracts, STRATEGY_ORDER),
        (entry.link.rules.limits.max_order_contracts, ACCOUNT_ORDER),
    )
    for limit, refusal in limits:
        if limit is not None and entry.qty_contracts > limit:
            return refusal.deny(contracts=entry.qty_contracts, limit=limit)
    return None


def over_position_limit(entry: Entry) -> Denied | None:
    checks = [check for check in _checks(entry) if check[0] is not None]
    if not checks:
        return None
    after = _after(entry)
    for limit, refusal, measured in checks:
        contracts = measured(after)
        if limit is not None and contracts > limit:
            return refusal.deny(contracts=contracts, limit=limit, root=entry.root)
    return None


def _checks(entry: Entry) -> Iterator[_Check]:
    own, account = entry.strategy.rules.limits, entry.link.rules.limits
    yield entry.link.max_contracts or None, LINK, lambda after: after.own_root
    yield own.max_root_contracts.get(entry.root), STRATEGY_ROOT, lambda after: after.own_root
    yield own.max_position_contracts, STRATEGY_POSITION, lambda after: after.own_all
    yield account.max_root_contracts.get(entry.root), ACCOUNT_ROOT, lambda after: after.account_root
    yield account.max_position_contracts, ACCOUNT_POSITION, lambda after: after.account_all


def _after(entry: Entry) -> _After:
    """The rest of the account is what its exposure says, less what this strategy has in it."""
    root, now = entry.root, entry.scene.book
    then = once_exited(now, root) if entry.move is Move.REVERSE else now
    signed_qty = entry.action.sign * entry.qty_contracts
    own_root = worst_of(then, root, (entry.contract, signed_qty))
    own_elsewhere = sum(worst_of(now, each) for each in roots_of(now) - {root})
    net, gross = entry.scene.exposure.net, entry.scene.exposure.gross
    others_gross = max(0, gross.get(root, 0) - worst_of(now, root))
    net_root = net.get(root, 0) - net_of(now, root) + net_of(then, root) + signed_qty
    net_elsewhere = sum(abs(qty) for each, qty in net.items() if each != root)
    gross_elsewhere = sum(qty for each, qty in gross.items() if each != root)
    gross_root = others_gross + own_root
    return _After(
        own_root=own_root,
        own_all=own_root + own_elsewhere,
        account_root=max(gross_root, abs(net_root)),
        account_all=max(
            gross_root + max(gross_elsewhere, own_elsewhere), abs(net_root) + net_elsewhere
        ),
    )
