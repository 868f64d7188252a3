"""What is held and under way in accounts, of every owner, read in one statement.

One statement sees one instant: a fill moves an order's rest and a position together, and must not
be counted in neither.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.domain.decision.scene import Exposure, WorkingOrder
from shared.domain.gates.exposure import exposure_of, roots_of
from shared.domain.ids import AccountId, IntentId, StrategyId
from shared.domain.order import Action, IntentState, OrderType, Role
from shared.domain.plan import Book, Held
from shared.domain.position import OpenIntent

# Of a leg what its entry's legs may still close; a fill that was taken back ended none of them.
_BOOKS: Final = text("""
    SELECT 'held' AS what, account_id, strategy_id, contract, root, net_qty AS qty,
           CAST(NULL AS uuid) AS id, NULL AS role, NULL AS action, NULL AS order_type,
           NULL AS state, CAST(NULL AS bigint) AS account_seq,
           CAST(NULL AS numeric) AS price, CAST(NULL AS numeric) AS stop_price
    FROM positions
    WHERE account_id = ANY (CAST(:accounts AS bigint[])) AND net_qty <> 0
    UNION ALL
    SELECT 'open', i.account_id, i.strategy_id, i.contract, i.root,
           CASE WHEN i.parent_id IS NULL THEN i.qty - i.filled_qty
             ELSE least(i.qty - i.filled_qty, (
               SELECT greatest(0, coalesce(sum(
                 CASE WHEN b.id = i.parent_id THEN f.qty ELSE -f.qty END), 0))
               FROM intents b JOIN fills f ON f.account_id = b.account_id AND f.intent_id = b.id
               WHERE b.id = i.parent_id OR b.parent_id = i.parent_id)) END,
           i.id, i.role, i.action, i.order_type, i.state, i.account_seq, i.price, i.stop_price
    FROM intents i
    WHERE i.account_id = ANY (CAST(:accounts AS bigint[])) AND i.ended_at IS NULL
    UNION ALL
    SELECT 'foreign', account_id, 0, contract, '', qty,
           NULL, NULL, action, order_type, status, broker_order_id, price, stop_price
    FROM orders
    WHERE account_id = ANY (CAST(:accounts AS bigint[])) AND intent_id IS NULL
      AND status IN ('Working', 'PendingNew', 'PendingReplace', 'PendingCancel', 'Suspended')
    ORDER BY account_id, account_seq NULLS FIRST, contract, strategy_id
""")
_NOBODY: Final = StrategyId(0)
Row = Any


@dataclass(frozen=True, slots=True)
class AccountBooks:
    """Everything of one account, owner by owner."""

    owners: dict[StrategyId, Book]
    exposure: Exposure
    working: tuple[WorkingOrder, ...]

    def of(self, me: StrategyId) -> Book:
        """The book of `me`, with whoever else has something in a root."""
        mine = self.owners.get(me, Book())
        others = {
            root: owner
            for owner, book in sorted(self.owners.items())
            if owner != me
            for root in roots_of(book)
        }
        return Book(mine.held, mine.open_intents, others)


EMPTY: Final = AccountBooks({}, Exposure(), ())


async def read_books(
    connection: AsyncConnection,
    accounts: Sequence[AccountId],
    counts: Callable[[Row], bool] = lambda _: True,
) -> dict[AccountId, AccountBooks]:
    """By account; one without anything is left out. `counts` may leave out open intents."""
    rows: dict[AccountId, list[Row]] = defaultdict(list)
    for row in await connection.execute(_BOOKS, {"accounts": sorted(accounts)}):
        if row.what != "open" or counts(row):
            rows[AccountId(row.account_id)].append(row)
    return {account: _books(found) for account, found in rows.items()}


def has_left(row: Row) -> bool:
    """Not so an entry whose turn has not come, and its legs: they are judged when it has."""
    waits = row.state == IntentState.PENDING.value
    return not waits or row.role in (Role.EXIT.value, Role.REDUCE.value)


def _books(rows: list[Row]) -> AccountBooks:
    held: dict[StrategyId, list[Held]] = defaultdict(list)
    coming: dict[StrategyId, list[OpenIntent]] = defaultdict(list)
    for row in rows:
        if row.what == "held":
            held[row.strategy_id].append(Held(row.contract, row.root, row.qty))
        elif row.what == "open":
            coming[row.strategy_id].append(_open(row))
    owners = {
        owner: Book(tuple(held[owner]), tuple(coming[owner]))
        for owner in held.keys() | coming.keys()
    }
    return AccountBooks(owners, exposure_of(owners.values()), tuple(_working(rows)))


def _open(row: Row) -> OpenIntent:
    return OpenIntent(
        id=IntentId(row.id),
        role=Role(row.role),
        action=Action(row.action),
        root=row.root,
        contract=row.contract,
        remaining_qty=row.qty,
        state=IntentState(row.state),
        account_seq=row.account_seq,
    )


def _working(rows: Iterable[Row]) -> Iterable[WorkingOrder]:
    """Of our own orders those that have been sent: what waits is judged in its own turn."""
    for row in rows:
        ours = row.what == "open" and row.state != IntentState.PENDING.value
        if ours or row.what == "foreign":
            yield WorkingOrder(
                owner=StrategyId(row.strategy_id) if ours else _NOBODY,
                contract=row.contract,
                action=Action(row.action),
                order_type=OrderType.MARKET
                if row.order_type is None
                else OrderType(row.order_type),
                price=row.price,
                stop_price=row.stop_price,
            )
