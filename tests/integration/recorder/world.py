"""One user with a strategy and an account, and execution's hand in the tables.

Fills and intents are written under execution's role and records under recorder's, so that every
test also proves the grants.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncEngine

from recorder.handlers import TYPES, answer
from recorder.rebuild import Rebuilt, verify
from shared.contracts.envelope import Envelope
from shared.contracts.orders import FillFeeKnown, FillRecorded, FillVoided, OrderChanged
from shared.contracts.registry import EventBody
from shared.db.inbox import Inbox
from shared.db.outbox import envelope_of
from shared.db.tables import metadata
from shared.db.tables.messaging import outbox
from shared.db.tables.records import recorded_positions, trades, unmatched_activity
from shared.db.uow import read_only, unit_of_work
from shared.domain.ids import AccountId, Cause, event_id, intent_id

START = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
DAY = date(2026, 3, 2)
CONTRACT = "ESH6"
assert TYPES


@dataclass
class World:
    owner: AsyncEngine
    execution: AsyncEngine
    recorder: AsyncEngine
    user: int = 0
    strategy: int = 0
    account: int = 0
    connection: int = 0
    fills: dict[int, dict[str, Any]] = field(default_factory=dict)
    intents: dict[UUID, dict[str, Any]] = field(default_factory=dict)

    async def build(self) -> None:
        self.user = await self._seed("users", username="ada", password_hash="-")
        self.connection = await self._seed(
            "broker_connections",
            user_id=self.user,
            name="Demo",
            environment="demo",
            login_name="ada",
            device_id="d",
        )
        self.account = await self._seed(
            "accounts",
            user_id=self.user,
            connection_id=self.connection,
            broker_account_id=700,
            name="DEMO700",
        )
        self.strategy = await self._seed(
            "strategies",
            user_id=self.user,
            name="Breakout",
            name_key="breakout",
            webhook_key_hash=b"k",
        )

    async def _seed(self, table: str, **values: Any) -> int:
        rows = metadata.tables[table]
        async with unit_of_work(self.owner) as connection:
            made = await connection.execute(insert(rows).values(**values).returning(rows.c.id))
            row_id: int = made.scalar_one()
            return row_id

    async def strategy_too(self, name: str) -> int:
        """Another strategy of the user."""
        return await self._seed(
            "strategies",
            user_id=self.user,
            name=name,
            name_key=name.lower(),
            webhook_key_hash=name.encode(),
        )

    async def signal(self, seq: int, symbol: str = "ES1!", timeframe: str = "5") -> int:
        return await self._seed(
            "signals",
            user_id=self.user,
            strategy_id=self.strategy,
            seq=seq,
            status="accepted",
            content={"symbol": symbol, "timeframe": timeframe},
            received_at=START,
        )

    async def intent(
        self,
        role: str,
        *,
        action: str = "Buy",
        signal: int | None = None,
        cause: Cause = Cause.SIGNAL,
        parent: UUID | None = None,
        price: str | None = None,
        stop_price: str | None = None,
        state: str = "WORKING",
    ) -> UUID:
        number = len(self.intents) + 1
        made = intent_id(cause, number, AccountId(self.account), role, 1)
        values: dict[str, Any] = {
            "id": made,
            "user_id": self.user,
            "account_id": self.account,
            "strategy_id": self.strategy,
            "signal_id": signal,
            "cause": cause.value,
            "cause_id": number,
            "account_seq": number,
            "role": role,
            "leg": role,
            "attempt": 1,
            "root": "ES",
            "contract": CONTRACT,
            "action": action,
            "qty": 1,
            "order_type": "Market",
            "time_in_force": "Day",
            "price": None if price is None else Decimal(price),
            "stop_price": None if stop_price is None else Decimal(stop_price),
            "parent_id": parent,
            "state": state,
            "created_at": START,
        }
        await self._as_execution(insert(metadata.tables["intents"]).values(**values))
        self.intents[made] = values
        return made

    async def change_intent(self, intent: UUID, **values: Any) -> None:
        rows = metadata.tables["intents"]
        await self._as_execution(update(rows).where(rows.c.id == intent).values(**values))

    async def fill(
        self,
        fill_id: int,
        action: str,
        qty: int,
        price: str,
        *,
        intent: UUID | None = None,
        strategy: int | None = None,
        fee: str | None = "1.00",
        second: int | None = None,
    ) -> None:
        values = {
            "account_id": self.account,
            "broker_fill_id": fill_id,
            "user_id": self.user,
            "broker_order_id": fill_id + 1_000,
            "intent_id": intent,
            "strategy_id": self.strategy if strategy is None else strategy,
            "role": None if intent is None else self.intents[intent]["role"],
            "root": "ES",
            "contract": CONTRACT,
            "action": action,
            "qty": qty,
            "price": Decimal(price),
            "fee_usd": None if fee is None else Decimal(fee),
            "trade_date": DAY,
            "filled_at": START + timedelta(seconds=fill_id if second is None else second),
        }
        self.fills[fill_id] = values
        await self._as_execution(insert(metadata.tables["fills"]).values(**values))

    async def change_fill(self, fill_id: int, **values: Any) -> None:
        rows = metadata.tables["fills"]
        self.fills[fill_id].update(values)
        await self._as_execution(
            update(rows)
            .where(rows.c.account_id == self.account, rows.c.broker_fill_id == fill_id)
            .values(**values)
        )

    async def _as_execution(self, statement: Any) -> None:
        async with unit_of_work(self.execution) as connection:
            await connection.execute(statement)

    # --- bells ----------------------------------------------------------------------------------
    def recorded(self, fill_id: int) -> Envelope:
        row = self.fills[fill_id]
        return self._envelope(
            FillRecorded(
                account_id=self.account,
                fill_id=fill_id,
                order_id=row["broker_order_id"],
                intent_id=row["intent_id"],
                strategy_id=row["strategy_id"],
                signal_id=None,
                role=row["role"],
                contract=CONTRACT,
                root="ES",
                action=row["action"],
                qty=row["qty"],
                price=row["price"],
                fee_usd=row["fee_usd"],
                trade_date=DAY,
                filled_at=row["filled_at"],
            ),
            str(fill_id),
        )

    def fee_known(self, fill_id: int) -> Envelope:
        row = self.fills[fill_id]
        body = FillFeeKnown(
            account_id=self.account,
            fill_id=fill_id,
            strategy_id=row["strategy_id"],
            contract=CONTRACT,
            fee_usd=row["fee_usd"],
        )
        return self._envelope(body, f"{fill_id}:{row['fee_usd']}")

    def voided(self, fill_id: int) -> Envelope:
        body = FillVoided(
            account_id=self.account,
            fill_id=fill_id,
            strategy_id=self.fills[fill_id]["strategy_id"],
            contract=CONTRACT,
        )
        return self._envelope(body, str(fill_id))

    def order_changed(self, intent: UUID, version: int = 1) -> Envelope:
        row = self.intents[intent]
        body = OrderChanged(
            account_id=self.account,
            order_id=row["account_seq"] + 5_000,
            intent_id=intent,
            strategy_id=self.strategy,
            signal_id=None,
            role=row["role"],
            contract=CONTRACT,
            action=row["action"],
            status="Working",
            order_type=None,
            qty=1,
            price=None,
            stop_price=None,
            reject_reason=None,
            version=version,
            as_of=START,
        )
        return self._envelope(body, f"{intent}:{version}")

    def _envelope(self, body: EventBody, key: str) -> Envelope:
        return envelope_of(
            body,
            event_id=event_id(body.type, f"{self.account}:{key}"),
            correlation_id="signal:1",
            user_id=self.user,
            account_id=self.account,
            aggregate=f"fill:{key}",
            occurred_at=START,
        )

    async def ring(self, *envelopes: Envelope, at_once: int = 1) -> list[Envelope]:
        """So many through the inbox, as the consumer does it; returns what recorder said."""
        said: list[Envelope] = []
        inbox = Inbox(self.recorder, "recorder")
        for some in (envelopes[i : i + at_once] for i in range(0, len(envelopes), at_once)):
            async with inbox.once_all(some) as (connection, firsts):
                said += await answer(connection, [(each, body_of(each)) for each in firsts])
        return said

    async def trade(self, fill_id: int, action: str, qty: int, price: str, **more: Any) -> None:
        """A fill and its bell at once."""
        await self.fill(fill_id, action, qty, price, **more)
        await self.ring(self.recorded(fill_id))

    # --- what stands afterwards -----------------------------------------------------------------
    async def records(self) -> list[dict[str, Any]]:
        return await self._all(recorded_positions, recorded_positions.c.entry_at)

    async def trades(self) -> list[dict[str, Any]]:
        return await self._all(trades, trades.c.entry_at)

    async def unmatched(self) -> list[dict[str, Any]]:
        return await self._all(unmatched_activity, unmatched_activity.c.broker_fill_id)

    async def said(self) -> list[tuple[str, dict[str, Any]]]:
        """(type, body) of recorder's events, in the order written."""
        rows = await self._all(outbox, outbox.c.id)
        return [(row["type"], row["body"]) for row in rows if row["stream"] == "tm.records"]

    async def verify(self) -> Rebuilt:
        async with read_only(self.recorder) as connection:
            return await verify(connection)

    async def switch_recording(self, on: bool) -> None:
        async with unit_of_work(self.owner) as connection:
            await connection.execute(
                text("UPDATE strategies SET recording_enabled = :on"), {"on": on}
            )

    async def _all(self, table: Any, order: Any) -> list[dict[str, Any]]:
        async with read_only(self.recorder) as connection:
            rows = await connection.execute(select(table).order_by(order, table.c.id))
            return [dict(row) for row in rows.mappings()]


def body_of(envelope: Envelope) -> EventBody:
    from shared.contracts.registry import parse

    body = parse(Envelope.from_bytes(envelope.to_bytes()))  # as it comes off the stream
    assert body is not None
    return body


def shuffled(envelopes: Sequence[Envelope], seed: int) -> list[Envelope]:
    """Every envelope twice, in an order of the seed's."""
    doubled = [*envelopes, *envelopes]
    random.Random(seed).shuffle(doubled)  # noqa: S311 - an order of arrival, not a secret
    return doubled
