"""Products, meanings and rolls, computed from the domain's tables."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from api.instruments.schemas import (
    HeldThere,
    InstrumentOut,
    MeaningOut,
    RollOut,
    StrategyThere,
)
from api.wire import invalid
from shared.db.tables.strategies import strategies
from shared.db.tables.trading import positions
from shared.domain.calendar import trade_date
from shared.domain.errors import AlertRefused, TradeManagerError
from shared.domain.instruments import PRODUCTS, Product, product_of, warning_of
from shared.domain.roll import Ahead, meaning, roll_ahead, shown_ahead
from shared.domain.rules import StrategyRules
from shared.domain.sessions import is_open, next_open
from shared.domain.symbols import Symbol, read_symbol

_FRONT: Final = 1
_ROWS_MAX: Final = 1_000


def instruments(now: datetime) -> list[InstrumentOut]:
    """Every product of the table, by root."""
    return [_instrument(PRODUCTS[root], now) for root in sorted(PRODUCTS)]


def _instrument(product: Product, now: datetime) -> InstrumentOut:
    on = trade_date(now)
    front = meaning(Symbol(product.root, _FRONT, None, product.root), on)
    ahead = roll_ahead(front, _FRONT)
    opened = is_open(product, now)
    exponent = product.tick_size.normalize().as_tuple().exponent
    return InstrumentOut(
        root=product.root,
        name=product.name,
        exchange=product.exchange,
        tick_size=product.tick_size,
        point_value_usd=product.point_value,
        tick_value_usd=product.tick_value,
        price_decimals=max(0, -exponent) if isinstance(exponent, int) else 0,
        months=product.cycle,
        hours=product.hours,
        last_trading_day=product.expiry_in_words,
        micro_of=product.micro_of,
        warning=warning_of(product),
        is_open=opened,
        next_open=None if opened else next_open(product, now),
        front=front.name,
        next_front=ahead.entering.name,
        rolls_on=ahead.on,
    )


def meaning_of(text: str, at: datetime) -> MeaningOut:
    """Raises InvalidInput `symbol.unknown`, and `symbol.no_listing` for a year beyond all plans."""
    on = trade_date(at)
    try:
        symbol = read_symbol(text, on)
        contract = meaning(symbol, on)
        ahead = roll_ahead(contract, symbol.continuous or _FRONT)
    except AlertRefused as error:
        raise invalid(error.code, error.message, "symbol") from error
    except (TradeManagerError, ValueError, OverflowError) as error:
        raise invalid("symbol.no_listing", "Nothing is listed for then.", "at") from error
    return MeaningOut(
        symbol=symbol.text,
        at=at,
        trade_date=on,
        root=symbol.root,
        rank=symbol.continuous,
        contract=contract.name,
        next_contract=ahead.entering.name,
        rolls_on=ahead.on,
    )


async def rolls(connection: AsyncConnection, now: datetime) -> list[RollOut]:
    """The next roll of all that the user trades or holds, soonest first."""
    on = trade_date(now)
    traded = await _traded(connection)
    held = await _held(connection)
    ahead = shown_ahead([row.symbol for row in traded], [row.contract for row in held], on)
    return [_roll(each, traded, held, on) for each in ahead]


async def _traded(connection: AsyncConnection) -> Sequence[Any]:
    query = (
        select(strategies.c.id, strategies.c.name, strategies.c.symbol)
        .where(strategies.c.deleted_at.is_(None), strategies.c.symbol.is_not(None))
        .order_by(strategies.c.id)
        .limit(_ROWS_MAX)
    )
    return (await connection.execute(query)).all()


async def _held(connection: AsyncConnection) -> Sequence[Any]:
    query = (
        select(
            positions.c.account_id,
            positions.c.strategy_id,
            positions.c.contract,
            positions.c.net_qty,
            strategies.c.rules,
        )
        .outerjoin(strategies, strategies.c.id == positions.c.strategy_id)
        .where(positions.c.net_qty != 0)
        .order_by(positions.c.account_id, positions.c.contract, positions.c.strategy_id)
        .limit(_ROWS_MAX)
    )
    return (await connection.execute(query)).all()


def _roll(ahead: Ahead, traded: Sequence[Any], held: Sequence[Any], on: date) -> RollOut:
    leaving = ahead.leaving.name
    return RollOut(
        root=ahead.leaving.root,
        leaving=leaving,
        entering=ahead.entering.name,
        on=ahead.on,
        strategies=[
            StrategyThere(id=row.id, name=row.name, symbol=row.symbol)
            for row in traded
            if _means(row.symbol, on) == leaving
        ],
        positions=[
            HeldThere(
                account_id=row.account_id,
                strategy_id=row.strategy_id,
                net_qty=row.net_qty,
                policy=_policy(row.rules),
            )
            for row in held
            if row.contract == leaving
        ],
    )


def _means(text: str, on: date) -> str | None:
    """None for a symbol that cannot be read, or names a product that is not in our table."""
    try:
        symbol = read_symbol(text, on)
        product_of(symbol.root)
        return meaning(symbol, on).name
    except TradeManagerError:
        return None


def _policy(rules: Any) -> str | None:
    """None for what is no strategy's of ours."""
    return None if rules is None else StrategyRules.model_validate(rules).roll.policy.value
