"""What the calendar asks, as orders and words: pure, judged anew at every look.

holding  --window's end, flat-by time-->  an exit
         --roll, by policy----------->    word ahead | an exit | the first half of a move
roll's exit, ended  ----------------->    the second half of a move, or the word that it is done
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Final, assert_never

from shared.contracts.calendar import RollDone, RollDue, StrategyQuiet, WindowEnded
from shared.domain.calendar import trade_date
from shared.domain.ends import flat_by
from shared.domain.errors import TradeManagerError
from shared.domain.ids import Cause
from shared.domain.instruments import product_of
from shared.domain.order import IntentState
from shared.domain.roll import Ahead, Due, Step, due, meaning, rank_of, roll_ahead
from shared.domain.roll_orders import MOVES, Owner, entry_after, exit_for, moves
from shared.domain.sessions import is_open, next_open
from shared.domain.symbols import Symbol, parse_contract
from shared.domain.watchdog import silences
from shared.ports.agenda import Duty, Holding, News, RollExit, Watched

# A move is two orders moments apart. What could not follow for so long does not follow any more.
MOVE_WITHIN: Final = timedelta(minutes=15)
# Shorter than events are remembered: what was told long ago is not told again.
_TOLD_FOR: Final = timedelta(days=6)
_CLOSED: Final = (IntentState.FILLED, IntentState.SKIPPED)


def duties(holding: Holding, now: datetime, *, keeps_hours: bool) -> Iterator[Duty]:
    """`keeps_hours`: the venue of the account does, so an exit may have to wait for the open."""
    ended = _window(holding, now, keeps_hours=keeps_hours)
    if ended is not None:
        yield ended  # it asks to be flat; a roll could only enter again
    elif holding.net_qty:
        yield from _roll(holding, now)


def _window(holding: Holding, now: datetime, *, keeps_hours: bool) -> Duty | None:
    end = flat_by(
        holding.rules, holding.account_rules, max(holding.began_at, holding.ruled_since), now
    )
    if end is None:
        return None
    owner, second = _owner(holding), int(end.at.timestamp())
    body = WindowEnded(
        strategy_id=holding.strategy_id,
        account_id=holding.account_id,
        contract=holding.contract,
        code=end.code,
        at=end.at,
        exit_at=_exit_at(holding.root, now) if keeps_hours else now,
        net_qty=holding.net_qty,
    )
    key = f"{second}:{holding.account_id}:{holding.contract}:{holding.strategy_id}"
    exit_ = exit_for(owner, Cause.WINDOW, second)
    return Duty(holding.root, (exit_,), (_news(holding, body, key),))


def _exit_at(root: str, now: datetime) -> datetime:
    try:
        product = product_of(root)
    except TradeManagerError:
        return now
    return now if is_open(product, now) else next_open(product, now)


def _roll(holding: Holding, now: datetime) -> Iterator[Duty]:
    found = _due(holding, now)
    if found is None:
        return
    on, ahead = trade_date(now), found.ahead
    match found.step:
        case Step.TELL:
            first = ahead.on - timedelta(days=holding.rules.roll.tell_days_before)
            if on - max(first, trade_date(holding.began_at)) <= _TOLD_FOR:
                yield Duty(news=(_told_ahead(holding, ahead),))
        case Step.KEEP:
            if on - ahead.on <= _TOLD_FOR:
                yield Duty(news=(_told_kept(holding, ahead),))
        case Step.CLOSE | Step.MOVE:
            if is_open(product_of(holding.root), now):
                kind = {"kind": MOVES} if found.step is Step.MOVE else {}
                order = exit_for(_owner(holding), Cause.ROLL, ahead.on.toordinal(), **kind)
                yield Duty(holding.root, (order,))
        case _:
            assert_never(found.step)


def _due(holding: Holding, now: datetime) -> Due | None:
    on = trade_date(now)
    try:
        contract = parse_contract(holding.contract, on)
    except TradeManagerError:
        return None  # a product that is not in our table has no calendar
    ahead = roll_ahead(contract, rank_of(holding.symbol, contract.root, on))
    entered_on = trade_date(holding.began_at)
    return due(holding.rules.roll, ahead, on, entered_on, may_enter=holding.may_enter)


def after(roll: RollExit, now: datetime) -> Duty | None:
    """What follows the exit of a roll; None: nothing yet."""
    if roll.state not in _CLOSED:
        return _done(roll, "failed", roll.code or "roll.exit_lost")
    if not moves(roll.exit) or roll.state is IntentState.SKIPPED:
        return _done(roll, "closed", roll.code or "roll.closed")
    if roll.entry_state is not None:
        return _entered(roll, roll.entry_state)
    why = _why_not(roll, now)
    if why is not None:
        return _done(roll, "not_moved", why)
    if roll.held or not is_open(product_of(roll.root), now):
        return None
    contract = _entering(roll, trade_date(now))
    order = entry_after(
        roll.exit, roll.filled_contracts, contract, roll.distances, roll.ended_at + MOVE_WITHIN
    )
    return Duty(roll.root, order) if order else _done(roll, "not_moved", "roll.leg_reached")


def _entered(roll: RollExit, state: IntentState) -> Duty | None:
    if not state.final:
        return None
    if state is IntentState.FILLED:
        return _done(roll, "moved", "roll.moved")
    return _done(roll, "not_moved", roll.entry_code or f"order.{state.lower()}")


def _why_not(roll: RollExit, now: datetime) -> str | None:
    """The strategy's own word, a guard's or a person's counts for more than the calendar's."""
    if roll.is_overtaken:
        return "roll.overtaken"
    if not roll.may_enter:
        return "strategy.disabled"
    return "roll.too_late" if now >= roll.ended_at + MOVE_WITHIN else None


def _done(roll: RollExit, outcome: str, code: str) -> Duty:
    on, exit_ = date.fromordinal(roll.exit.cause_id), roll.exit
    body = RollDone(
        strategy_id=exit_.strategy_id,
        account_id=exit_.account_id,
        contract=exit_.contract,
        entering=_entering(roll, on) if outcome == "moved" else None,
        on=on,
        outcome=outcome,
        code=code,
        qty_contracts=roll.filled_contracts,
    )
    key = f"{exit_.cause_id}:{exit_.account_id}:{exit_.contract}:{exit_.strategy_id}"
    about = f"strategy:{exit_.strategy_id}"
    return Duty(news=(News(exit_.user_id, body, key, about),))


def _entering(roll: RollExit, on: date) -> str:
    rank = rank_of(roll.symbol, roll.root, on)
    return meaning(Symbol(roll.root, rank, None, roll.root), on).name


def _told_ahead(holding: Holding, ahead: Ahead) -> News:
    body = RollDue(
        strategy_id=holding.strategy_id,
        account_id=holding.account_id,
        contract=holding.contract,
        entering=ahead.entering.name,
        on=ahead.on,
        policy=holding.rules.roll.policy,
        net_qty=holding.net_qty,
    )
    return _news(holding, body, _roll_key(holding, ahead))


def _told_kept(holding: Holding, ahead: Ahead) -> News:
    body = RollDone(
        strategy_id=holding.strategy_id,
        account_id=holding.account_id,
        contract=holding.contract,
        entering=None,
        on=ahead.on,
        outcome="kept",
        code="roll.kept",
        qty_contracts=abs(holding.net_qty),
    )
    return _news(holding, body, _roll_key(holding, ahead))


def _roll_key(holding: Holding, ahead: Ahead) -> str:
    owner = f"{holding.account_id}:{holding.contract}:{holding.strategy_id}"
    return f"{ahead.on.toordinal()}:{owner}"


def _news(holding: Holding, body: RollDue | RollDone | WindowEnded, key: str) -> News:
    return News(holding.user_id, body, key, f"strategy:{holding.strategy_id}")


def _owner(holding: Holding) -> Owner:
    return Owner(holding.user_id, holding.account_id, holding.strategy_id, holding.contract)


def silent(strategy: Watched, now: datetime) -> Iterator[News]:
    """Word of a silence, while it is young enough to be remembered as told."""
    rules, symbol = strategy.watchdog, strategy.symbol
    for each in silences(rules, symbol, strategy.heard_at, strategy.ruled_since, now):
        body = StrategyQuiet(
            strategy_id=strategy.id, code=each.code, since=each.since, due_at=each.due_at
        )
        key = f"{strategy.id}:{each.code}:{each.since.isoformat()}"
        yield News(strategy.user_id, body, key, f"strategy:{strategy.id}")
