"""At the venue: every order ours, none twice, in the order of the alerts, and all of it ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from tests.chaos.checker.evidence import SENT_ROLES, Evidence, Row, Violation


def placed_once(evidence: Evidence) -> Iterator[Violation]:
    """An order for each intent that says so, and the other way round; one entry for each signal."""
    ledger, intents = evidence.ledger, evidence.intents
    for client, ids in ledger.orders_by_client_id.items():
        if len(ids) > 1:
            yield Violation("duplicated", f"intent {client} is the orders {ids} at the venue")
        if client not in intents:
            yield Violation("stray", f"orders {ids} carry an id that is no intent: {client}")
        elif intents[client]["broker_order_id"] not in ids:
            yield Violation("lost", f"intent {client} does not know its order {ids}")
    for order in ledger.orders.keys() - evidence.placed.keys():
        yield Violation("stray", f"order {order} carries no id of ours")
    entries = Counter(
        (intents[client]["signal_id"], intents[client]["account_id"])
        for client, ids in ledger.orders_by_client_id.items()
        for _ in ids
        if client in intents and intents[client]["role"] == "entry"
    )
    for (signal, account), many in entries.items():
        if many > 1:
            where = evidence.accounts.get(account)
            yield Violation("entered twice", f"signal {signal} has {many} entries in {where}")


def in_turn(evidence: Evidence) -> Iterator[Violation]:
    """What a strategy sent in an account follows the sequence of its signals."""
    highest: dict[tuple[int, int], int] = {}
    for order in sorted(evidence.placed):  # ids of the venue rise
        intent = evidence.intents.get(evidence.placed[order])
        if intent is None or intent["role"] not in SENT_ROLES:
            continue
        signal = evidence.signals.get(intent["signal_id"])
        if signal is None:
            continue
        owner, seq = (intent["account_id"], intent["strategy_id"]), int(signal["seq"])
        if seq < highest.get(owner, 0):
            told = f"signal {signal['id']} (turn {seq}) after turn {highest[owner]}"
            yield Violation("out of order", f"{evidence.accounts.get(owner[0])}: {told}")
        highest[owner] = max(seq, highest.get(owner, 0))


def ended(evidence: Evidence) -> Iterator[Violation]:
    """The day was closed for every strategy: nothing is held, works, waits or was given up."""
    for (account, contract), net in evidence.ledger.positions.items():
        yield Violation("not flat", f"{account} holds {net} {contract}")
    for order in evidence.ledger.orders.values():
        if order.is_working:
            yield Violation("not flat", f"order {order.id} still works in {order.account}")
    for row in evidence.tables["positions"]:
        if row["net_qty"]:
            yield Violation("not flat", f"the books hold {row['net_qty']} {row['contract']}")
    for row in evidence.intents.values():
        if row["ended_at"] is None:
            yield Violation("undecided", f"intent {row['id']} is {row['state']}")
    for kind in ("dead_letters", "unpublished", "quarantined"):
        yield from (Violation(kind, _short(row)) for row in evidence.tables[kind])


def _short(row: Row) -> str:
    return str(dict(row))[:200]
