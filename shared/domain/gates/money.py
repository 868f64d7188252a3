"""Losses, profits and prop firms' rules: what is over, and what the stop's worst case would end.

The worst case of an entry is its stop plus the strategy's slippage, with fees for both sides, on
top of every stop already working in the account. An entry without a bound is refused wherever a
loss is limited: nobody can promise it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from shared.domain.decision.entry import Entry
from shared.domain.decision.rungs import stop_ticks
from shared.domain.fees import round_turn_usd
from shared.domain.gates.refusal import Refusal
from shared.domain.instruments import product_of
from shared.domain.money import Usd
from shared.domain.plan import Denied
from shared.domain.risk import limits as money
from shared.domain.risk import prop
from shared.domain.risk.standing import Standing
from shared.domain.risk.worst import by_ticks_usd
from shared.domain.rules.limits import Limits
from shared.domain.rules.prop import PropRules

REACHED: Final = {
    kind: Refusal(
        f"risk.{kind}",
        f"the {kind.replace('_', ' ')} limit and the result, open P&L included",
        "The {scope}'s "
        + kind.replace("_", " ")
        + " limit of {limit_usd} USD was reached with {result_usd} USD.",
    )
    for kind in money.LimitKind
}
UNKNOWN: Final = Refusal(
    "risk.unknown",
    "whether the open P&L is known while a loss is limited",
    "The {scope} has a loss limit and its open P&L is not known now.",
)
NO_STOP: Final = Refusal(
    "risk.stop_required",
    "whether every position has a stop while a loss is limited",
    "The {scope} has a loss limit; without a stop the loss of this entry has no bound.",
)
WORST_CASE: Final = Refusal(
    "risk.worst_case",
    "what every stop would lose, slippage and fees included, and the room to the next loss limit",
    "If every stop were hit the {scope} would lose {worst_usd} USD more; {room_usd} USD are left.",
)
PROP: Final = {
    code: Refusal(code, compares, says)
    for code, compares, says in (
        ("prop.drawdown", "equity and the trailing floor", "{name}: the drawdown was breached."),
        ("prop.daily_loss", "the day's result", "{name}: the daily loss was reached."),
        (
            "prop.left_in_time",
            "whether all had to be closed today before a limit of the firm was reached",
            "{name}: all was closed today, just before a limit was reached.",
        ),
        ("prop.target_reached", "equity and the profit target", "{name}: the target is reached."),
        (
            "prop.consistency",
            "the day's profit and its share of the target",
            "{name}: today made its whole share of the target.",
        ),
    )
}
CONTRACTS: Final = Refusal(
    "prop.contracts",
    "contracts of the account in minis, a micro counting a tenth",
    "{name} allows {limit} contracts; it would be {would_be}.",
)
REFUSALS: Final = (*REACHED.values(), UNKNOWN, NO_STOP, WORST_CASE, *PROP.values(), CONTRACTS)

_MICROS_IN_A_MINI: Final = 10


def limit_reached(entry: Entry) -> Denied | None:
    """A daily or weekly limit that was reached, of the account or the strategy."""
    for scope, _, standing in _scopes(entry):
        for each in sorted(standing.reached, key=lambda one: one.kind):
            return REACHED[each.kind].deny(
                scope=scope, limit_usd=each.limit_usd, result_usd=each.result_usd
            )
    return None


def prop_stopped(entry: Entry) -> Denied | None:
    rules, state = entry.link.rules.prop, entry.scene.account_standing.prop
    if rules is None or state is None:
        return None
    code = prop.refusal_of(state, rules)
    return None if code is None else PROP[code].deny(name=rules.name)


def over_prop_contracts(entry: Entry) -> Denied | None:
    rules = entry.link.rules.prop
    if rules is None or rules.max_contracts is None:
        return None
    micros = sum(abs(qty) * _micros(root) for root, qty in entry.scene.exposure.gross.items())
    would_be = Usd(micros + entry.qty_contracts * _micros(entry.root)) / _MICROS_IN_A_MINI
    if would_be <= rules.max_contracts:
        return None
    return CONTRACTS.deny(name=rules.name, limit=rules.max_contracts, would_be=would_be)


def worst_case(entry: Entry) -> Denied | None:
    """Whether the loss limits hold even if every stop is hit, this entry's included."""
    for scope, bounds, standing in _scopes(entry):
        rules = entry.link.rules.prop if scope == "account" else None
        if _is_blind(bounds, rules, standing):
            return UNKNOWN.deny(scope=scope)
        room = _room_usd(bounds, rules, standing)
        denied = None if room is None else _beyond(entry, scope, standing, room)
        if denied is not None:
            return denied
    return None


def _beyond(entry: Entry, scope: str, standing: Standing, room: Usd) -> Denied | None:
    own = _own_worst_usd(entry)
    if own is None or standing.further_usd is None:
        return NO_STOP.deny(scope=scope)
    worst = own + standing.further_usd
    return WORST_CASE.deny(scope=scope, worst_usd=worst, room_usd=room) if worst >= room else None


def _scopes(entry: Entry) -> Iterator[tuple[str, Limits, Standing]]:
    yield "account", entry.link.rules.limits, entry.scene.account_standing
    yield "strategy", entry.strategy.rules.limits, entry.scene.strategy_standing


def _is_blind(bounds: Limits, rules: PropRules | None, standing: Standing) -> bool:
    """Whether a loss is limited that nobody can tell."""
    limited = bounds.daily_loss_usd is not None or bounds.weekly_loss_usd is not None
    if (limited or rules is not None) and not standing.is_priced:
        return True
    return (limited and standing.mark is None) or (rules is not None and standing.prop is None)


def _room_usd(bounds: Limits, rules: PropRules | None, standing: Standing) -> Usd | None:
    """What may still be lost; None where nothing limits it."""
    rooms = [None if standing.mark is None else money.room_usd(bounds, standing.mark)]
    if rules is not None and standing.prop is not None:
        rooms.append(prop.room_usd(standing.prop, rules))
    return min((room for room in rooms if room is not None), default=None)


def _own_worst_usd(entry: Entry) -> Usd | None:
    product = product_of(entry.root)
    price = next(
        (
            each
            for each in (entry.price, entry.stop_price, entry.scene.quote, entry.reference_price)
            if each is not None
        ),
        None,
    )
    ticks = stop_ticks(entry.exits, price, product)
    if ticks is None:
        return None
    slippage = entry.strategy.rules.slippage_ticks
    lost = by_ticks_usd(product, entry.qty_contracts, ticks, slippage)
    return lost + round_turn_usd(product) * entry.qty_contracts


def _micros(root: str) -> int:
    return _MICROS_IN_A_MINI if product_of(root).micro_of is None else 1
