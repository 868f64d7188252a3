"""A strategy's positions become another's: the fills since it was flat change their owner.

Nothing is traded. The other holds what was held, at its average price, with the legs that protect
it; what a part of it had realised goes along. So the books of the strategies add up to the
account's before and after, and the account's own book does not see it. All or nothing: what is
not at rest, or meets something of the other's, is refused, and stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from execution.ledger.journal import Journal
from execution.ledger.positions import Changed, refold
from execution.ledger.wishes import answer
from shared.contracts.envelope import Envelope
from shared.contracts.handovers import HandoverDetail, PositionHandedOver
from shared.db.uow import unit_of_work
from shared.domain.ids import AccountId
from shared.ports.clock import Clock
from shared.ports.ledger import Command

# As the fan-out's: no signal of either is decided meanwhile. In ascending order, always.
_LOCK: Final = text("SELECT pg_advisory_xact_lock(7, CAST(:strategy AS integer))")
_ANSWERED: Final = text("SELECT EXISTS (SELECT FROM command_results WHERE command_id = :id)")
_BOTH: Final = text("""
    SELECT count(*) FILTER (WHERE id = :giver OR active AND deleted_at IS NULL) = 2
    FROM strategies WHERE id IN (:giver, :taker) AND user_id = :user
""")
_ACCOUNTS: Final = text("""
    SELECT DISTINCT account_id FROM positions WHERE strategy_id = :giver AND net_qty <> 0
""")
# What is held, the fill that began it, and what forbids to hand it over.
_HELD: Final = text("""
    SELECT p.account_id, p.contract, p.root, p.net_qty, p.avg_price,
      o.broker_fill_id, o.filled_at,
      EXISTS (SELECT FROM strategy_accounts sa WHERE sa.strategy_id = :taker
        AND sa.account_id = p.account_id AND sa.enabled) AS is_linked,
      EXISTS (SELECT FROM intents i WHERE i.account_id = p.account_id
        AND i.strategy_id = :giver AND i.root = p.root AND i.ended_at IS NULL
        AND NOT (i.parent_id IS NOT NULL AND i.state IN ('ACCEPTED', 'WORKING'))) AS is_busy,
      EXISTS (SELECT FROM intents i WHERE i.account_id = p.account_id
        AND i.strategy_id = :taker AND i.root = p.root
        -- What it did here later would count as its newest word on the position.
        AND (i.ended_at IS NULL OR i.contract = p.contract AND CASE WHEN o.account_seq IS NULL
          THEN i.created_at >= o.filled_at ELSE i.account_seq > o.account_seq END))
      OR EXISTS (SELECT FROM positions q WHERE q.account_id = p.account_id
        AND q.strategy_id = :taker AND q.root = p.root AND q.net_qty <> 0)
      OR EXISTS (SELECT FROM fills f WHERE f.account_id = p.account_id
        AND f.strategy_id = :taker AND f.contract = p.contract
        AND (f.filled_at, f.broker_fill_id) >= (o.filled_at, o.broker_fill_id)) AS meets_other
    FROM positions p
    LEFT JOIN LATERAL (
      SELECT r.broker_fill_id, r.filled_at, e.account_seq FROM (
        SELECT broker_fill_id, filled_at, intent_id,
          sum(CASE action WHEN 'Buy' THEN qty ELSE -qty END)
            OVER (ORDER BY filled_at, broker_fill_id) AS net,
          CASE action WHEN 'Buy' THEN qty ELSE -qty END AS signed
        FROM fills WHERE account_id = p.account_id AND strategy_id = :giver
          AND contract = p.contract AND active) r
      -- What was given to it began without an order of its own.
      LEFT JOIN intents e ON e.id = r.intent_id
      WHERE r.net = r.signed
      ORDER BY r.filled_at DESC, r.broker_fill_id DESC LIMIT 1) o ON true
    WHERE p.strategy_id = :giver AND p.net_qty <> 0
    ORDER BY p.account_id, p.contract
""")
# The entries and exits of those fills, and the legs of these entries.
_INTENTS: Final = text("""
    WITH filled AS (
      SELECT DISTINCT i.id, i.parent_id FROM fills f JOIN intents i ON i.id = f.intent_id
      WHERE f.account_id = :account AND f.strategy_id = :giver AND f.contract = :contract
        AND (f.filled_at, f.broker_fill_id) >= (:filled_at, :fill))
    UPDATE intents SET strategy_id = :taker
    WHERE account_id = :account AND strategy_id = :giver AND contract = :contract
      AND (id IN (SELECT id FROM filled) OR id IN (SELECT parent_id FROM filled)
        OR parent_id IN (SELECT id FROM filled) OR parent_id IN (SELECT parent_id FROM filled))
""")
_FILLS: Final = text("""
    UPDATE fills SET strategy_id = :taker
    WHERE account_id = :account AND strategy_id = :giver AND contract = :contract
      AND (filled_at, broker_fill_id) >= (:filled_at, :fill)
""")
_DONE: Final = ("done", "command.done", "The positions are the other strategy's now.")
_NOTHING: Final = ("done", "command.done", "Nothing was held: there is nothing to hand over.")
_MALFORMED: Final = ("refused", "command.malformed", "The command cannot be read.")
_UNKNOWN: Final = (
    "refused",
    "handover.unknown",
    "There is no such strategy to hand over to, or it is switched off.",
)


@dataclass(frozen=True, slots=True)
class _Deal:
    user: int
    giver: int
    taker: int

    @property
    def parameters(self) -> dict[str, int]:
        return {"user": self.user, "giver": self.giver, "taker": self.taker}


class HandoverBook:
    """Each command in one transaction, with its answer."""

    def __init__(self, engine: AsyncEngine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    async def carry_out(self, command: Command) -> list[Envelope]:
        """The events of what was handed over, and of the answer; none when it was answered."""
        now = self._clock.now()
        try:
            detail = HandoverDetail.model_validate(dict(command.detail))
        except ValidationError:
            async with unit_of_work(self._engine) as connection:
                return await answer(connection, command, *_MALFORMED, now)
        deal = _Deal(command.user_id, detail.strategy_id, detail.to_strategy_id)
        async with unit_of_work(self._engine) as connection:
            for strategy in sorted({deal.giver, deal.taker}):
                await connection.execute(_LOCK, {"strategy": strategy})
            if (await connection.execute(_ANSWERED, {"id": command.id})).scalar_one():
                return []
            if not (await connection.execute(_BOTH, deal.parameters)).scalar_one():
                return await answer(connection, command, *_UNKNOWN, now)
            accounts = (await connection.execute(_ACCOUNTS, deal.parameters)).scalars().all()
            journal = await Journal.open(connection, accounts, now)
            held = (await connection.execute(_HELD, deal.parameters)).all()
            refused = _refusal(held, accounts)
            if refused is None:
                for row in held:
                    await _move(journal, deal, row, command)
            told = refused or (_DONE if held else _NOTHING)
            events = [] if refused else await journal.close()
            return [*events, *await answer(connection, command, *told, now)]


def _refusal(held: Iterable[Any], accounts: Iterable[int]) -> tuple[str, str, str] | None:
    """Everything at rest, or nothing is moved."""
    known = set(accounts)
    for row in held:
        where = f"{row.contract} in account {row.account_id}"
        if row.account_id not in known or row.is_busy or row.broker_fill_id is None:
            message = f"An order of {where} is under way: wait a moment and try again."
            return "refused", "handover.busy", message
        if not row.is_linked:
            message = f"The other strategy does not trade account {row.account_id}."
            return "refused", "handover.not_linked", message
        if row.meets_other:
            message = f"The other strategy has traded {where} itself meanwhile."
            return "refused", "handover.meets_other", message
    return None


async def _move(journal: Journal, deal: _Deal, row: Any, command: Command) -> None:
    account = AccountId(row.account_id)
    parameters = {
        "giver": deal.giver,
        "taker": deal.taker,
        "account": account,
        "contract": row.contract,
        "filled_at": row.filled_at,
        "fill": row.broker_fill_id,
    }
    await journal.connection.execute(_INTENTS, parameters)
    await journal.connection.execute(_FILLS, parameters)
    since = Changed(row.filled_at, row.broker_fill_id)
    for owner in (deal.giver, deal.taker):
        await refold(journal, account, owner, row.contract, row.root, since)
    body = PositionHandedOver(
        account_id=account,
        contract=row.contract,
        root=row.root,
        from_strategy_id=deal.giver,
        to_strategy_id=deal.taker,
        net_qty=row.net_qty,
        price=row.avg_price,
        opening_fill_id=row.broker_fill_id,
    )
    about = f"position:{account}:{row.contract}:{deal.taker}"
    journal.tell(account, body, f"{command.id}:{account}:{row.contract}", None, about)
