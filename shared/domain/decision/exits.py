"""What a strategy holds, or is about to hold, and the orders that end it."""

from __future__ import annotations

from datetime import date

from shared.domain.ids import IntentId
from shared.domain.instruments import sibling
from shared.domain.order import Action, Role
from shared.domain.plan import Book, Draft, Held
from shared.domain.position import expected_net
from shared.domain.symbols import parse_contract


def holdings(book: Book, root: str | None) -> tuple[Held, ...]:
    """Expected positions that are not flat, in `root`; everywhere for None.

    Where the root has none, those of its mini or micro: the account's ticker may have been
    changed while a position was open, and an exit addresses what is held.
    """
    everything = _expected(book)
    if root is None:
        return everything
    mine = tuple(each for each in everything if each.root == root)
    return mine or tuple(each for each in everything if each.root == sibling(root))


def exits_of(held: tuple[Held, ...]) -> tuple[Draft, ...]:
    """One exit for each contract; its quantity is read from fills when it is claimed."""
    return tuple(
        Draft(
            role=Role.EXIT,
            leg=f"exit.{each.contract}",
            action=Action.SELL if each.net_qty > 0 else Action.BUY,
            root=each.root,
            contract=each.contract,
            qty_contracts=0,
        )
        for each in held
    )


def parts_of(held: tuple[Held, ...], qty_contracts: int, on: date) -> tuple[Draft, ...]:
    """Exits of `qty_contracts` together, the contract that expires first being closed first.

    No part is more than its contract holds. `on` tells which decade a contract's name means.
    """
    parts, left = [], qty_contracts
    for each in sorted(held, key=lambda some: _month(some, on)):
        qty = min(left, abs(each.net_qty))
        if qty > 0:
            parts.append(_part(each, qty))
        left -= qty
    return tuple(parts)


def entries_of(book: Book, root: str | None) -> tuple[IntentId, ...]:
    """Entries of the strategy that have not filled or not wholly, as `holdings` chooses roots."""
    entries = [each for each in book.open_intents if each.role is Role.ENTRY]
    mine = [each for each in entries if root in (None, each.root)]
    meant = mine or [each for each in entries if root is not None and each.root == sibling(root)]
    return tuple(each.id for each in sorted(meant, key=lambda each: each.account_seq))


def _month(held: Held, on: date) -> tuple[int, int, str]:
    contract = parse_contract(held.contract, on)
    return contract.year, contract.month, contract.root


def _part(held: Held, qty_contracts: int) -> Draft:
    return Draft(
        role=Role.REDUCE,
        leg=f"reduce.{held.contract}",
        action=Action.SELL if held.net_qty > 0 else Action.BUY,
        root=held.root,
        contract=held.contract,
        qty_contracts=qty_contracts,
    )


def _expected(book: Book) -> tuple[Held, ...]:
    net = {(each.root, each.contract): each.net_qty for each in book.held}
    for intent in sorted(book.open_intents, key=lambda each: each.account_seq):
        key = (intent.root, intent.contract)
        if not intent.role.protective:
            net[key] = expected_net(net.get(key, 0), [intent])
    return tuple(Held(contract, root, qty) for (root, contract), qty in net.items() if qty != 0)
