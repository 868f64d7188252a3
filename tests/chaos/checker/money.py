"""Fills, trades and cash: what the venue did against what was recorded, to the cent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from tests.chaos.checker.evidence import Evidence, Violation
from tests.fixtures.ledger_check import cash_change_cents, cents, round_trips, ticks

_SIGNS = {"Buy": 1, "Sell": -1}


def fills_agree(evidence: Evidence) -> Iterator[Violation]:
    """Each fill of the venue is recorded once, with its price and its fee."""
    ours = Counter(row["broker_fill_id"] for row in evidence.tables["fills"] if row["active"])
    told = {
        row["broker_fill_id"]: (
            evidence.accounts.get(row["account_id"]),
            *(row["broker_order_id"], row["contract"], _SIGNS[row["action"]], row["qty"]),
            ticks(row["price"], row["contract"]),
            None if row["fee_usd"] is None else cents(row["fee_usd"]),
        )
        for row in evidence.tables["fills"]
    }
    theirs = {
        f.id: (f.account, f.order_id, f.contract, f.sign, f.qty, f.ticks, f.fee_cents)
        for f in evidence.ledger.fills
    }
    for fill in theirs.keys() - ours.keys():
        yield Violation("lost", f"fill {fill} of {theirs[fill][0]} is not recorded")
    for fill, many in ours.items():
        if fill not in theirs:
            yield Violation("stray", f"fill {fill} is recorded and was never made")
        elif many > 1:
            yield Violation("duplicated", f"fill {fill} is recorded {many} times")
        elif told[fill] != theirs[fill]:
            yield Violation("money", f"fill {fill} is {told[fill]}, was {theirs[fill]}")


def trades_agree(evidence: Evidence) -> Iterator[Violation]:
    """Round trips by first in, first out, in whole cents: gross, fees and net of each trade."""
    try:
        trips = round_trips(evidence.ledger.fills)
    except AssertionError as error:
        yield Violation("money", str(error))
        return
    ours = {
        row["opening_fill_id"]: (
            evidence.accounts.get(row["account_id"]),
            *(row["contract"], row["side"]),
            *(cents(row[name]) for name in ("gross_usd", "fees_usd", "net_usd")),
        )
        for row in evidence.tables["trades"]
    }
    theirs = {
        t.opening_fill_id: (
            *(t.account, t.contract, t.side),
            *(t.gross_cents, t.fees_cents, t.net_cents),
        )
        for t in trips
        if not t.is_open
    }
    if len(ours) != len(evidence.tables["trades"]):
        yield Violation("duplicated", "a round trip is recorded as two trades")
    for opening in theirs.keys() | ours.keys():
        if ours.get(opening) != theirs.get(opening):
            said = f"{ours.get(opening)}, was {theirs.get(opening)}"
            yield Violation("money", f"the trade that fill {opening} opened is {said}")
    earned = cash_change_cents(trips)
    for account, change in evidence.ledger.cash_change_cents.items():
        if change != earned.get(account, 0):
            yield Violation(
                "money", f"cash of {account} moved {change}, its trades earned {earned}"
            )


def balances_agree(evidence: Evidence) -> Iterator[Violation]:
    """The account book: the cash we show is the venue's."""
    for row in evidence.tables["balances"]:
        account = evidence.accounts[row["account_id"]]
        theirs = evidence.ledger.cash_cents.get(account)
        if theirs != cents(row["cash_usd"]):
            yield Violation("money", f"{account} has {theirs} cents, is shown {row['cash_usd']}")
