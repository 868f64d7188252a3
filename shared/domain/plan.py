"""From a signal to the orders it means in one account: pure, and the only place that decides.

| signal        | expected position | plan                                              |
|---------------|-------------------|---------------------------------------------------|
| buy / sell    | flat              | entry with bracket                                |
| buy / sell    | same direction    | add: an entry with its own bracket                |
| buy / sell    | other direction   | reverse: exit, then entry with bracket            |
| close         | any but flat      | exit of every contract held                       |
| close         | flat              | SKIPPED plan.flat                                 |
| target 0      | as close          |                                                   |
| target t      | flat, opposite    | entry / reverse for t                             |
| target t      | less of the same  | entry for the difference                          |
| target t      | exactly t         | SKIPPED plan.on_target                            |
| target t      | more of the same  | BLOCKED plan.reduce: partial exits are not offered |

"Expected position" is what the strategy holds in that root once its open intents are through.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Final

from shared.domain.alert_signal import Sentiment, Side, Signal, SignalKind, SignalOrderType
from shared.domain.calendar import front_month
from shared.domain.errors import TradeManagerError
from shared.domain.ids import StrategyId
from shared.domain.instruments import product_of
from shared.domain.order import Action, IntentState, OrderType, Role
from shared.domain.position import OpenIntent, expected_net
from shared.domain.price import Rounding, snap
from shared.domain.strategy import AccountLink, SizeFrom, Strategy, scaled
from shared.domain.symbols import read_symbol


class Disposition(StrEnum):
    """What became of a signal in an account. PLANNED is the only one that is not an end."""

    PLANNED = "PLANNED"
    FILLED = "FILLED"
    REJECTED = "REJECTED"
    CANCELLED = "CANCELLED"
    EXPIRED = "EXPIRED"
    SKIPPED = "SKIPPED"
    STALE = "STALE"
    BLOCKED = "BLOCKED"
    ABANDONED = "ABANDONED"

    @classmethod
    def of(cls, state: IntentState) -> Disposition:
        """The disposition a final intent state gives."""
        return cls(state.value)


@dataclass(frozen=True, slots=True)
class Held:
    """What one owner holds in one contract."""

    contract: str
    root: str
    net_qty: int


@dataclass(frozen=True, slots=True)
class Book:
    """What is known of one account when one strategy decides for it."""

    held: tuple[Held, ...] = ()
    open_intents: tuple[OpenIntent, ...] = ()
    # root -> another strategy that holds or works something there (0: not ours)
    other_owners: dict[str, StrategyId] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Draft:
    """One order of a plan. An exit's quantity is read from fills when it is claimed."""

    role: Role
    leg: str
    action: Action
    root: str
    contract: str
    qty_contracts: int
    order_type: OrderType = OrderType.MARKET
    price: Decimal | None = None
    stop_price: Decimal | None = None
    reference_price: Decimal | None = None
    take_profit_ticks: int | None = None
    stop_loss_ticks: int | None = None
    after_leg: str | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    drafts: tuple[Draft, ...]
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Denied:
    """No orders, and why: `detail` holds the compared values."""

    disposition: Disposition
    code: str
    message: str
    detail: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Target:
    root: str
    contract: str


def decide(
    signal: Signal, strategy: Strategy, link: AccountLink, book: Book, on: date
) -> Plan | Denied:
    """The plan of `signal` for one account on trading day `on`, or the reason for none."""
    if not strategy.active:
        return _blocked("strategy.disabled", "The strategy is switched off.")
    if not link.enabled:
        return _blocked("account.disabled", "The account is switched off for this strategy.")
    try:
        target = _target(signal, strategy, link, on)
    except TradeManagerError as error:
        return _blocked(error.code, error.message)
    root = None if target is None else target.root
    if _closes(signal):
        return _close(signal, link, book, root)
    if target is None:
        return _blocked("symbol.missing", "Neither the alert nor the strategy names a symbol.")
    return _open(signal, strategy, link, book, target)


def _closes(signal: Signal) -> bool:
    return signal.kind is SignalKind.CLOSE or (
        signal.kind is SignalKind.TARGET and signal.target_position == 0
    )


def _target(signal: Signal, strategy: Strategy, link: AccountLink, on: date) -> _Target | None:
    """The contract an entry would go to; a custom ticker of the account wins."""
    text = link.custom_ticker or signal.symbol or strategy.symbol
    if text is None:
        return None
    symbol = read_symbol(text, on)
    if symbol.contract is not None:
        return _Target(symbol.root, symbol.contract.name)
    return _Target(
        symbol.root, front_month(product_of(symbol.root), on, symbol.continuous or 1).name
    )


def _open(
    signal: Signal, strategy: Strategy, link: AccountLink, book: Book, target: _Target
) -> Plan | Denied:
    owner = book.other_owners.get(target.root)
    if link.exclusive and owner is not None:
        return _blocked(
            "netting.owned_by",
            f"Another strategy holds {target.root} in this account.",
            owner=str(owner),
        )
    wanted = _wanted(signal, strategy, link, _expected(book, target.root))
    if isinstance(wanted, Denied):
        return wanted
    return _entry_plan(signal, strategy, book, target, wanted)


def _expected(book: Book, root: str) -> int:
    held = sum(each.net_qty for each in book.held if each.root == root)
    return expected_net(held, [each for each in book.open_intents if each.root == root])


def _wanted(
    signal: Signal, strategy: Strategy, link: AccountLink, expected: int
) -> tuple[Action, int, int] | Denied:
    """(direction, contracts to enter, expected position now) or why nothing is entered."""
    if signal.kind is SignalKind.TARGET:
        return _to_target(signal, link, expected)
    action = Action.BUY if signal.side is Side.BUY else Action.SELL
    adding = expected * action.sign > 0
    asked = strategy.position_add if adding else strategy.position_size
    if strategy.size_from is SizeFrom.SIGNAL and signal.quantity is not None:
        asked = signal.quantity
    qty = scaled(asked, link)
    if qty == 0:
        return _skipped(
            "size.zero",
            "The size comes to zero contracts.",
            asked=str(asked),
            multiplier=str(link.multiplier),
        )
    return action, qty, expected


def _to_target(
    signal: Signal, link: AccountLink, expected: int
) -> tuple[Action, int, int] | Denied:
    asked = signal.target_position or 0
    sign = 1 if asked > 0 else -1
    goal = sign * scaled(abs(asked), link)
    if goal == 0:
        return _skipped("size.zero", "The target comes to zero contracts.", asked=str(asked))
    if goal == expected:
        return _skipped("plan.on_target", "The position is already there.", target=str(goal))
    action = Action.BUY if sign > 0 else Action.SELL
    if expected * sign <= 0:
        return action, abs(goal), expected
    if abs(goal) > abs(expected):
        return action, abs(goal) - abs(expected), expected
    return _blocked(
        "plan.reduce",
        "The target is smaller than the position; reducing by part is not offered.",
        target=str(goal),
        position=str(expected),
    )


def _entry_plan(
    signal: Signal,
    strategy: Strategy,
    book: Book,
    target: _Target,
    wanted: tuple[Action, int, int],
) -> Plan:
    action, qty, expected = wanted
    exits: tuple[Draft, ...] = ()
    code, message = "plan.entry", f"{action} {qty} {target.contract}"
    if expected * action.sign > 0:
        code, message = "plan.add", f"Add: {message}"
    elif expected != 0:
        exits = tuple(draft for draft, _ in _exits(book, target.root))
        code, message = "plan.reverse", f"Reverse: close, then {message}"
    order_type, price, stop_price = _order_of(signal, target.root)
    entry = Draft(
        role=Role.ENTRY,
        leg="entry",
        action=action,
        root=target.root,
        contract=target.contract,
        qty_contracts=qty,
        order_type=order_type,
        price=price,
        stop_price=stop_price,
        reference_price=signal.price,
        take_profit_ticks=strategy.take_profit_ticks,
        stop_loss_ticks=strategy.stop_loss_ticks,
        after_leg=exits[-1].leg if exits else None,
    )
    return Plan((*exits, entry), code, message)


_ORDERS: Final = {
    SignalOrderType.MARKET: OrderType.MARKET,
    SignalOrderType.LIMIT: OrderType.LIMIT,
    SignalOrderType.STOP: OrderType.STOP,
}


def _order_of(signal: Signal, root: str) -> tuple[OrderType, Decimal | None, Decimal | None]:
    """The entry's type with its limit price and its trigger, on the tick."""
    tick = product_of(root).tick_size

    def on_tick(price: Decimal | None) -> Decimal | None:
        return None if price is None else snap(price, tick, Rounding.NEAREST)

    order_type = _ORDERS[signal.order_type]
    limit = on_tick(signal.limit_price) if order_type is OrderType.LIMIT else None
    trigger = on_tick(signal.stop_price) if order_type is OrderType.STOP else None
    return order_type, limit, trigger


def _close(signal: Signal, link: AccountLink, book: Book, root: str | None) -> Plan | Denied:
    exits = tuple(draft for draft, _ in _exits(book, root) if _meant(signal, draft))
    if not exits:
        return _skipped("plan.flat", "There is nothing to close.")
    asked = None if signal.sentiment is Sentiment.FLAT else signal.quantity
    held = sum(abs(net) for draft, net in _exits(book, root) if _meant(signal, draft))
    if asked is not None and scaled(asked, link) < held:
        return _blocked(
            "plan.reduce",
            "The alert closes a part of the position; reducing by part is not offered.",
            asked=str(asked),
            position=str(held),
        )
    return Plan(exits, "plan.close", "Close " + ", ".join(each.contract for each in exits))


def _meant(signal: Signal, draft: Draft) -> bool:
    """A close that names a side ends that side only: it is never read as an order to open."""
    if signal.kind is not SignalKind.CLOSE or signal.prev_sentiment is None:
        return True
    return (signal.prev_sentiment is Sentiment.LONG) == (draft.action is Action.SELL)


def _exits(book: Book, root: str | None) -> tuple[tuple[Draft, int], ...]:
    """One exit, with the signed quantity it ends, for each contract held or about to be held."""
    net: dict[tuple[str, str], int] = {}
    for held in book.held:
        if root in (None, held.root):
            net[held.root, held.contract] = held.net_qty
    for intent in sorted(book.open_intents, key=lambda each: each.account_seq):
        key = (intent.root, intent.contract)
        if root in (None, intent.root) and not intent.role.protective:
            net[key] = expected_net(net.get(key, 0), [intent])
    return tuple(
        (_exit(each_root, contract, qty), qty)
        for (each_root, contract), qty in net.items()
        if qty != 0
    )


def _exit(root: str, contract: str, net: int) -> Draft:
    return Draft(
        role=Role.EXIT,
        leg=f"exit.{contract}",
        action=Action.SELL if net > 0 else Action.BUY,
        root=root,
        contract=contract,
        qty_contracts=0,
    )


def _blocked(code: str, message: str, **detail: str) -> Denied:
    return Denied(Disposition.BLOCKED, code, message, detail)


def _skipped(code: str, message: str, **detail: str) -> Denied:
    return Denied(Disposition.SKIPPED, code, message, detail)
