"""docs/decisions.md: what an alert does, for a trader, written from the decision table."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from shared.domain.calendar import trade_date
from shared.domain.decision.explain import POSITIONS, Line, rows_in_words, truth_table
from shared.domain.decision.scene import Scene
from shared.domain.gates import TABLE
from shared.domain.ids import AccountId, StrategyId, UserId
from shared.domain.plan import Book
from shared.domain.rules import StrategyRules
from shared.domain.rules.bracket import plain_bracket
from shared.domain.strategy import AccountLink, SizeFrom, Strategy

_WHEN: Final = datetime(2026, 11, 3, 15, tzinfo=UTC)  # a Tuesday with every market open
_PLAIN: Final = Strategy(
    id=StrategyId(1),
    user_id=UserId(1),
    name="Plain",
    symbol="NQ1!",
    active=True,
    position_size=1,
    position_add=1,
    size_from=SizeFrom.SIGNAL,
    rules=StrategyRules(bracket=plain_bracket(40, 20)),
)
_ACCOUNT: Final = AccountLink(
    account_id=AccountId(1),
    enabled=True,
    multiplier=Decimal(1),
    max_contracts=0,
    custom_ticker=None,
    exclusive=True,
)

_INTRODUCTION: Final = """\
Every alert is read into one question, the question is answered by one row of the table below, and
the answer is carried out in each account by itself. Nothing else decides.

**Position** means what this strategy holds in the account once its open orders are through, never
what another strategy or a hand holds there.

**How many.** An entry takes the alert's quantity, or the strategy's position size (position add
when it is on that side already) where the alert names none or the strategy uses its own. That
number is multiplied by the account's multiplier, once, rounded down, and cut so that the position
stays within the account's maximum. A part to close is multiplied the same way; a percentage is of
the contracts held. 0 is a number: it enters nothing.

**An order that says where the strategy stands afterwards** (`market_position`) is read by that: a
sell with the strategy still long closes a part, a sell with the strategy flat closes all, a sell
with the strategy short opens or reverses. It never opens what it should close.

**Netting.** Where a strategy nets, an order against its position first closes: one that is no
larger than the position closes that part, a larger one reverses with the rest. An alert that tells
that Pine's strategy turned (`prev_market_position` long, `market_position` short) is always netted,
because Pine's `order.contracts` counts both; where nothing is held against it, it is refused.
Otherwise the whole quantity is entered after the exit.

**Averaging down** asks for an add without an alert: when a fresh quote stands a step beyond the
position's worst entry (the first entry, then each add), `contracts` are entered with a bracket, at
most `times` for one position, and not once a stop of the position is reached. A try counts whatever
becomes of it, and every rule that may refuse an entry may refuse it.

**Exits come first.** A reverse is an exit; its entry leaves when the account is flat, or not at
all. Rules that forbid an entry (hours, limits, pauses) never stop an exit.
"""


_GATES: Final = """\
Looked at in this order; the first that refuses names the reason. Only entries are looked at: of a
reverse that is refused the exit still goes. Words in braces are the compared values."""


def page(note: str) -> str:
    """The whole page."""
    rows = [f"| {' | '.join(row)} |" for row in rows_in_words()]
    head = "| the alert asks to | position | and | then | code |"
    scene = Scene(Book(), _WHEN, trade_date(_WHEN))
    return "\n".join(
        [
            *("# What an alert does", "", note, "", _INTRODUCTION),
            *("## The table", "", "An empty cell means: in every case.", ""),
            *(head, "|---|---|---|---|---|", *rows, ""),
            *("## A plain strategy", ""),
            *("One contract, bracket on, both directions, opposite signals reverse:", ""),
            *_example(list(truth_table(_PLAIN, _ACCOUNT, scene))),
            *("", "## What may refuse an entry", "", _GATES, ""),
            *("| code | compares | says |", "|---|---|---|"),
            *(f"| {each.code} | {each.compares} | {each.says} |" for each in TABLE),
            "",
        ]
    )


def _example(lines: list[Line]) -> list[str]:
    names = {0: "flat"} | {
        qty: f"{'long' if qty > 0 else 'short'} {abs(qty)}" for qty in POSITIONS if qty
    }
    head = f"| alert | {' | '.join(names.values())} |"
    alerts = dict.fromkeys(line.alert for line in lines)
    cells = {(line.alert, line.position): _cell(line) for line in lines}
    return [
        head,
        "|---" * (len(names) + 1) + "|",
        *(f"| {alert} | {' | '.join(cells[alert, qty] for qty in names)} |" for alert in alerts),
    ]


def _cell(line: Line) -> str:
    """The orders, or the code where there are none."""
    return "; ".join(line.orders) if line.orders else f"`{line.code}`"
