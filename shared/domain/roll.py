"""What a continuous symbol means at a time, what changes next, and what a roll does to a position.

A roll is planned: the calendar says years ahead on which trade date the next contract becomes the
front one. From that day on alerts for `NQ1!` mean the new contract, so what is still held in the
old one is told of, closed, or moved. An exit always addresses the contract that is held.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Final

from shared.domain.business_days import add_months
from shared.domain.calendar import front_month, roll_date
from shared.domain.errors import TradeManagerError
from shared.domain.instruments import Product, product_of
from shared.domain.rules import RollPolicy, RollRules
from shared.domain.symbols import MONTH_LETTERS, ContractMonth, Symbol, parse_contract, read_symbol

_FRONT: Final = 1


class Step(StrEnum):
    """What is due for a position whose contract is left, or soon will be."""

    TELL = "tell"  # some days ahead
    KEEP = "keep"  # the day has come, and the policy is to tell no more than that
    CLOSE = "close"
    MOVE = "move"


@dataclass(frozen=True, slots=True)
class Ahead:
    """On trade date `on` the contract `leaving` stops being the one to trade."""

    leaving: ContractMonth
    entering: ContractMonth
    on: date


@dataclass(frozen=True, slots=True)
class Due:
    step: Step
    ahead: Ahead


def meaning(symbol: Symbol, on: date) -> ContractMonth:
    """The contract a symbol stands for on trade date `on`.

    Raises InvalidInput for a root that is not in our table, ValueError beyond all listings.
    """
    if symbol.contract is not None:
        return symbol.contract
    return front_month(product_of(symbol.root), on, symbol.continuous or _FRONT)


def rank_of(symbol: str | None, root: str, on: date) -> int:
    """Which contract of the root the strategy trades, 1 being the front.

    A symbol that is absent, names one contract or another root, or cannot be read is no reason
    to leave a position behind: then it is the front.
    """
    if symbol is None:
        return _FRONT
    try:
        read = read_symbol(symbol, on)
    except TradeManagerError:
        return _FRONT
    return (read.continuous or _FRONT) if read.root == root else _FRONT


def roll_ahead(contract: ContractMonth, rank: int) -> Ahead:
    """When `contract` stops being number `rank`, and which one takes its place.

    For a contract that stopped long ago it is the one that took its place then.
    """
    product = product_of(contract.root)
    on = roll_date(product, _earlier(product, contract, rank - 1))
    return Ahead(leaving=contract, entering=front_month(product, on, rank), on=on)


def shown_ahead(symbols: Iterable[str], held: Iterable[str], on: date) -> list[Ahead]:
    """The next roll of everything traded or held, soonest first, each once.

    `symbols` as strategies name them, `held` names of contracts. What names no product that we
    know has no roll; a symbol of one contract has its own.
    """
    found = {_ahead_of_symbol(text, on) for text in symbols}
    found |= {_ahead_of_contract(name, on) for name in held}
    return sorted((each for each in found if each is not None), key=lambda a: (a.on, a.leaving))


def due(
    rules: RollRules, ahead: Ahead, on: date, entered_on: date, *, may_enter: bool
) -> Due | None:
    """What the policy wants on trade date `on` of a position entered on `entered_on`.

    What was entered on the day of the roll or later was entered by the contract's own name: its
    owner wants it there. A move that `may_enter` forbids (the strategy is off) only tells: an
    exit whose entry cannot follow is no move.
    """
    if entered_on >= ahead.on:
        return None
    if on < ahead.on:
        near = on >= ahead.on - timedelta(days=rules.tell_days_before)
        return Due(Step.TELL, ahead) if near else None
    match rules.policy:
        case RollPolicy.TELL:
            return Due(Step.KEEP, ahead)
        case RollPolicy.CLOSE:
            return Due(Step.CLOSE, ahead)
        case RollPolicy.MOVE:
            return Due(Step.MOVE if may_enter else Step.KEEP, ahead)


def _earlier(product: Product, contract: ContractMonth, count: int) -> ContractMonth:
    """The active contract `count` places before this one."""
    year, month = contract.year, contract.month
    while count:
        year, month = add_months(year, month, -1)
        count -= MONTH_LETTERS[month - 1] in product.cycle
    return ContractMonth(contract.root, year, month)


def _ahead_of_symbol(text: str, on: date) -> Ahead | None:
    try:
        symbol = read_symbol(text, on)
        rank = _FRONT if symbol.contract is not None else symbol.continuous or _FRONT
        return roll_ahead(meaning(symbol, on), rank)
    except (TradeManagerError, ValueError):
        return None


def _ahead_of_contract(name: str, on: date) -> Ahead | None:
    try:
        return roll_ahead(parse_contract(name, on), _FRONT)
    except (TradeManagerError, ValueError):
        return None
