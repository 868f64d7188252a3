"""From a signal to the orders it means in one account: pure, and the only place that decides.

    alert -> ask (what is wanted) -> size (how many here) -> one row of the table
          -> exits first, then the entry, if no gate refuses it

"Expected position" is what the strategy holds in the root once its open intents are through.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from shared.domain.alert_signal import Signal, SignalKind, SignalOrderType
from shared.domain.average_down import Sinking
from shared.domain.decision.ask import Ask, ask_of, inverted
from shared.domain.decision.entry import Entry
from shared.domain.decision.exits import entries_of, exits_of, holdings, parts_of
from shared.domain.decision.market import Market, market_of
from shared.domain.decision.refused import switched_off
from shared.domain.decision.rungs import exits_for
from shared.domain.decision.scene import Scene
from shared.domain.decision.size import Sized, scaled, size_of, stand_of
from shared.domain.decision.table import Case, Row, look_up
from shared.domain.decision.words import Adds, Entering, Kind, Move, Stand
from shared.domain.errors import TradeManagerError
from shared.domain.gates import first_denial
from shared.domain.instruments import product_of, warning_of
from shared.domain.order import Action, OrderType, Role
from shared.domain.plan import Denied, Draft, Held, Plan, blocked, skipped
from shared.domain.position import expected_net
from shared.domain.price import Rounding, snap
from shared.domain.rules.entries import Direction, Opposite
from shared.domain.strategy import AccountLink, SizeFrom, Strategy

_ORDERS: Final = {
    SignalOrderType.MARKET: OrderType.MARKET,
    SignalOrderType.LIMIT: OrderType.LIMIT,
    SignalOrderType.STOP: OrderType.STOP,
    SignalOrderType.STOP_LIMIT: OrderType.STOP_LIMIT,
}
_LIMITED: Final = frozenset({OrderType.LIMIT, OrderType.STOP_LIMIT})
_TRIGGERED: Final = frozenset({OrderType.STOP, OrderType.STOP_LIMIT})
_BARE: Final = Signal(kind=SignalKind.ORDER, dialect="")
_FORBIDDEN_SIDE: Final = {Direction.LONG_ONLY: -1, Direction.SHORT_ONLY: 1, Direction.BOTH: 0}


@dataclass(frozen=True, slots=True)
class _Question:
    """A signal read for one account."""

    signal: Signal
    ask: Ask
    market: Market | None
    strategy: Strategy
    link: AccountLink
    scene: Scene


def decide(signal: Signal, strategy: Strategy, link: AccountLink, scene: Scene) -> Plan | Denied:
    """The plan of `signal` for one account, or the reason for none."""
    off = switched_off(strategy, link)
    if off is not None:
        return off
    meant = inverted(signal) if strategy.rules.inverse else signal
    try:
        ask, market = ask_of(meant), market_of(meant, strategy, link, scene.on)
    except TradeManagerError as error:
        return blocked(error.code, error.message)
    question = _Question(meant, ask, market, strategy, link, scene)
    if ask.kind is Kind.WITHDRAW:
        return _withdrawing(question)
    return _entering(question) if ask.kind.enters else _ending(question)


def decide_average(
    sinking: Sinking,
    opener: Signal | None,
    strategy: Strategy,
    link: AccountLink,
    scene: Scene,
) -> Plan | Denied:
    """One more add to a position that the price went against, or the reason for none.

    `opener` is the alert that began the position: its stop and targets are the add's too.
    `scene.quote` is where it would fill.
    """
    off = switched_off(strategy, link)
    if off is not None:
        return off
    meant = inverted(opener or _BARE) if strategy.rules.inverse else opener or _BARE
    signal = replace(meant, order_type=SignalOrderType.MARKET, price=scene.quote)
    side = 1 if sinking.action is Action.BUY else -1
    ask = Ask(Kind.AVERAGE, side, sinking.rule.contracts)
    market = Market(sinking.root, sinking.contract)
    plan = _entering(_Question(signal, ask, market, strategy, link, scene))
    if isinstance(plan, Plan) and sinking.is_stopped and not _is_stopped(plan):
        return blocked("average.no_stop", "The position has a stop that the add would not have.")
    return plan


def _is_stopped(plan: Plan) -> bool:
    return all(
        draft.exits.rungs and all(rung.stop is not None for rung in draft.exits.rungs)
        for draft in plan.drafts
    )


def _entering(question: _Question) -> Plan | Denied:
    market = question.market
    if market is None:
        return blocked("symbol.missing", "Neither the alert nor the strategy names a symbol.")
    held = _expected(question.scene, market.root)
    if question.ask.side == 0:  # an add goes where we are, a reverse to where we are not
        here = 1 if held > 0 else -1
        side = here if question.ask.kind is Kind.ADD else -here
        question = replace(question, ask=replace(question.ask, side=side))
    settled = _netting(question, held)
    if settled is not None:
        return settled
    sized, row = _row(question, held)
    found = holdings(question.scene.book, market.root) if row.move.exits else ()
    if row.move is Move.REDUCE:
        return _part(question, row, found, sized)
    exits = exits_of(found)
    if not row.move.enters:
        return _outcome(question, row, exits, sized, held)
    entry = _entry(question, market, row.move, sized, held)
    denied = first_denial(entry)
    if denied is not None:
        return denied if not exits else Plan(exits, row.code, _says(row, exits), denied)
    drafts = (*exits, _draft(entry, exits))
    return Plan(drafts, row.code, _says(row, drafts))


def _netting(question: _Question, held: int) -> Plan | Denied | None:
    """What a quantity that counts what it closes settles before the table is asked."""
    if _turn_of_unknown_size(question, held):
        return blocked(
            "size.turn_unknown",
            "The alert turns a position that is not held here, and its quantity counts what it "
            "ends: name market_position_size in the alert.",
            position=str(held),
        )
    if _ends_only(question, held):
        part = replace(question.ask, kind=Kind.PART, side=-question.ask.side)
        return _ending(replace(question, ask=part))
    return None


def _turn_of_unknown_size(question: _Question, held: int) -> bool:
    ask = question.ask
    told = ask.qty_contracts is not None and question.strategy.size_from is SizeFrom.SIGNAL
    return ask.netted and told and stand_of(ask, held) is not Stand.OTHER


def _ends_only(question: _Question, held: int) -> bool:
    """Whether a netted order is no more than the position it stands against."""
    ask, nets = question.ask, question.strategy.rules.opposite is Opposite.NET
    against = ask.kind is Kind.OPEN and ask.side * held < 0
    if not (nets and against and ask.qty_contracts):
        return False
    return question.strategy.size_from is SizeFrom.SIGNAL and scaled(
        ask.qty_contracts, question.link
    ) <= abs(held)


def _ending(question: _Question) -> Plan | Denied:
    found = holdings(question.scene.book, None if question.market is None else question.market.root)
    side = question.ask.side
    meant = tuple(each for each in found if side == 0 or each.net_qty * side > 0)
    held = sum(abs(each.net_qty) for each in meant) * (side or 1)
    if not meant and found:
        held = found[0].net_qty
    sized, row = _row(question, held)
    if row.move is Move.REDUCE:
        return _part(question, row, meant, sized)
    return _outcome(question, row, exits_of(meant), sized, held)


def _withdrawing(question: _Question) -> Plan | Denied:
    root = None if question.market is None else question.market.root
    taken = entries_of(question.scene.book, root)
    if not taken:
        return skipped("plan.no_entries", "No entry is waiting to be filled.")
    _, row = _row(question, 0)
    return Plan((), row.code, row.says, withdraws=taken)


def _row(question: _Question, held: int) -> tuple[Sized, Row]:
    strategy, ask = question.strategy, question.ask
    if strategy.rules.opposite is Opposite.NET and ask.kind is Kind.OPEN:
        ask = replace(ask, netted=True)
    sized = size_of(ask, held, strategy, question.link)
    rules = strategy.rules
    spent = rules.entries.max_adds is not None and (
        question.scene.history.adds_made >= rules.entries.max_adds
    )
    case = Case(
        kind=ask.kind,
        stand=stand_of(ask, held),
        relation=sized.relation,
        size=sized.size,
        adds=Adds.SPENT if spent else Adds.LEFT,
        entering=_side_of(rules.direction, ask.side),
        # Whoever says "reverse" has said what to do against the position; an add never is.
        opposite=Opposite.REVERSE if ask.kind in _SETTLED else rules.opposite,
    )
    return sized, look_up(case)


_SETTLED: Final = (Kind.REVERSE, Kind.AVERAGE, Kind.ADD)


def _side_of(direction: Direction, side: int) -> Entering:
    forbidden = side != 0 and _FORBIDDEN_SIDE[direction] == side
    return Entering.FORBIDDEN if forbidden else Entering.ALLOWED


def _expected(scene: Scene, root: str) -> int:
    held = sum(each.net_qty for each in scene.book.held if each.root == root)
    return expected_net(held, [each for each in scene.book.open_intents if each.root == root])


def _outcome(
    question: _Question, row: Row, exits: tuple[Draft, ...], sized: Sized, held: int
) -> Plan | Denied:
    """A plan of exits alone, or the reason for nothing."""
    if row.move is Move.EXIT:
        return Plan(exits, row.code, _says(row, exits))
    detail = {"position": str(held), "multiplier": str(question.link.multiplier)}
    if sized.asked_contracts is not None:
        detail["asked"] = str(sized.asked_contracts)
    refuse = blocked if row.move is Move.REFUSE else skipped
    return refuse(row.code, row.says, **detail)


def _part(question: _Question, row: Row, held: tuple[Held, ...], sized: Sized) -> Plan:
    """The contracts of a part: of one side, since a part of a net is taken off its side."""
    side = question.ask.side
    meant = tuple(each for each in held if side == 0 or each.net_qty * side > 0)
    parts = parts_of(meant, sized.qty_contracts, question.scene.on)
    return Plan(parts, row.code, _says(row, parts))


def _entry(question: _Question, market: Market, move: Move, sized: Sized, held: int) -> Entry:
    signal, product = question.signal, product_of(market.root)
    action, tick = Action.BUY if question.ask.side > 0 else Action.SELL, product.tick_size
    order_type = _ORDERS[signal.order_type]
    limit = signal.limit_price if order_type in _LIMITED else None
    trigger = signal.stop_price if order_type in _TRIGGERED else None
    return Entry(
        move=move,
        action=action,
        root=market.root,
        contract=market.contract,
        qty_contracts=sized.qty_contracts,
        held=0 if move is Move.REVERSE else held,
        order_type=order_type,
        price=None if limit is None else snap(limit, tick, Rounding.NEAREST),
        stop_price=None if trigger is None else snap(trigger, tick, Rounding.NEAREST),
        reference_price=signal.price,
        strategy=question.strategy,
        link=question.link,
        scene=question.scene,
        exits=exits_for(
            signal,
            question.strategy.rules.bracket,
            action,
            sized.qty_contracts,
            question.link.multiplier,
            product,
        ),
        on_alert=question.ask.kind is not Kind.AVERAGE,
    )


def _draft(entry: Entry, exits: tuple[Draft, ...]) -> Draft:
    """The entry as an order; of a reverse, it waits for the last exit."""
    return Draft(
        role=Role.ENTRY,
        leg="entry",
        action=entry.action,
        root=entry.root,
        contract=entry.contract,
        qty_contracts=entry.qty_contracts,
        order_type=entry.order_type,
        price=entry.price,
        stop_price=entry.stop_price,
        reference_price=entry.reference_price,
        after_leg=exits[-1].leg if exits else None,
        exits=entry.exits,
    )


def _says(row: Row, drafts: tuple[Draft, ...]) -> str:
    """With what a person has to know who enters a product of which our data are not sure."""
    orders = ", ".join(in_words(each) for each in drafts)
    entered = [product_of(each.root) for each in drafts if each.role is Role.ENTRY]
    warnings = [text for text in map(warning_of, entered) if text is not None]
    return " ".join((f"{row.says} {orders}.", *warnings))


def in_words(draft: Draft) -> str:
    """One order of a plan as a trader says it."""
    if draft.role is Role.ENTRY:
        return f"{draft.action} {draft.qty_contracts} {draft.contract}"
    if draft.role is Role.REDUCE:
        return f"Close {draft.qty_contracts} {draft.contract}"
    return f"Close {draft.contract}"
