"""Which accounts a strategy trades: found among the user's own, stored, shown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any, Final

from sqlalchemy import Row, delete, func, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from api.strategies.schemas import LinkIn, LinkMap, LinkOut
from api.strategies.settings import checked_symbol
from api.wire import invalid
from shared.db.tables.accounts import accounts
from shared.db.tables.strategies import strategy_accounts
from shared.db.tables.trading import intents, positions
from shared.domain.errors import Conflict
from shared.domain.ids import UserId

_SETTINGS: Final = ("enabled", "multiplier", "max_contracts", "custom_ticker")


async def resolve(
    connection: AsyncConnection, given: Sequence[LinkIn] | LinkMap, today: date
) -> list[LinkIn]:
    """Raises InvalidInput `account.unknown`, `account.twice` or `symbol.unknown`.

    Another user's account is as unknown as one that never was.
    """
    own = list(await connection.execute(select(accounts)))
    wanted = list(_from_map(given, own)) if isinstance(given, dict) else list(given)
    ids = [link.account_id for link in wanted]
    if not set(ids) <= {row.id for row in own}:
        raise invalid("account.unknown", "There is no such account.", "accounts")
    if len(ids) != len(set(ids)):
        raise invalid("account.twice", "An account is named twice.", "accounts")
    return [_checked(link, today) for link in wanted]


async def replace(
    connection: AsyncConnection, user_id: UserId, strategy_id: int, links: Sequence[LinkIn]
) -> None:
    """Make these the strategy's accounts.

    Raises Conflict `strategy.account_in_use`: an account in which the strategy holds or works
    something must stay, and stay switched on, or no alert could close it.
    """
    ids = [link.account_id for link in links]
    on = [link.account_id for link in links if link.enabled]
    await _require_unused(connection, strategy_id, on, ids)
    await connection.execute(
        delete(strategy_accounts).where(
            strategy_accounts.c.strategy_id == strategy_id,
            strategy_accounts.c.account_id.not_in(ids),
        )
    )
    if not links:
        return
    fresh = insert(strategy_accounts).values(
        [{"user_id": user_id, "strategy_id": strategy_id, **link.model_dump()} for link in links]
    )
    await connection.execute(
        fresh.on_conflict_do_update(
            index_elements=[strategy_accounts.c.strategy_id, strategy_accounts.c.account_id],
            set_={name: fresh.excluded[name] for name in _SETTINGS},
        )
    )


async def links_of(
    connection: AsyncConnection, strategy_ids: Sequence[int]
) -> dict[int, list[Row[Any]]]:
    """Strategy id -> its links, each with the account's own settings and what holds for the two."""
    query = (
        select(
            strategy_accounts,
            accounts.c.connection_id,
            accounts.c.name,
            accounts.c.broker_account_id,
            _effective("multiplier").label("multiplier_now"),
            _effective("max_contracts").label("max_contracts_now"),
            _effective("custom_ticker").label("custom_ticker_now"),
        )
        .join(accounts, accounts.c.id == strategy_accounts.c.account_id)
        .where(strategy_accounts.c.strategy_id.in_(strategy_ids))
        .order_by(strategy_accounts.c.account_id)
    )
    found: dict[int, list[Row[Any]]] = {each: [] for each in strategy_ids}
    for row in await connection.execute(query):
        found[row.strategy_id].append(row)
    return found


def link_out(row: Row[Any]) -> LinkOut:
    return LinkOut(**{name: getattr(row, name) for name in LinkOut.model_fields})


def original_map(rows: Sequence[Row[Any]]) -> dict[str, dict[str, tuple[Any, ...]]]:
    """As the original shows accounts: those that are switched on, with what holds for them.

    The code is `accntID` of the accounts list.
    """
    out: dict[str, dict[str, tuple[Any, ...]]] = {}
    for row in rows:
        if row.enabled:
            settings = (row.max_contracts_now, row.custom_ticker_now or "", row.multiplier_now)
            out.setdefault(str(row.connection_id), {})[str(row.broker_account_id)] = settings
    return out


async def _require_unused(
    connection: AsyncConnection, strategy_id: int, staying: Sequence[int], kept: Sequence[int]
) -> None:
    """`staying`: accounts that go on trading; `kept`: these, and those that are switched off."""
    leaving = [
        strategy_accounts.c.strategy_id == strategy_id,
        strategy_accounts.c.account_id.not_in(staying),
        or_(strategy_accounts.c.enabled, strategy_accounts.c.account_id.not_in(kept)),
    ]
    held = select(positions.c.account_id).where(
        positions.c.strategy_id == strategy_id,
        positions.c.account_id == strategy_accounts.c.account_id,
        positions.c.net_qty != 0,
    )
    working = select(intents.c.account_id).where(
        intents.c.strategy_id == strategy_id,
        intents.c.account_id == strategy_accounts.c.account_id,
        intents.c.ended_at.is_(None),
    )
    query = select(strategy_accounts.c.account_id).where(*leaving)
    query = query.where(or_(held.exists(), working.exists())).limit(1)
    if (await connection.execute(query)).first() is not None:
        raise Conflict(
            "strategy.account_in_use", "The strategy holds or works something in that account."
        )


def _effective(name: str) -> Any:
    return func.coalesce(strategy_accounts.c[name], accounts.c[name])


def _from_map(given: LinkMap, own: Sequence[Row[Any]]) -> Iterator[LinkIn]:
    """An account's code is the broker's number for it, or its name there.

    What only repeats the account's own setting is not pinned to the pair: a later change of the
    account goes on reaching it.
    """
    known = {
        (str(row.connection_id), code): row
        for row in own
        for code in (str(row.broker_account_id), row.name)
    }
    for main, by_code in given.items():
        for code, (max_contracts, ticker, multiplier) in by_code.items():
            account = known.get((main, code))
            if account is None:
                raise invalid("account.unknown", "There is no such account.", "accounts")
            yield LinkIn(
                account_id=account.id,
                max_contracts=None if max_contracts == account.max_contracts else max_contracts,
                custom_ticker=None if ticker == account.custom_ticker else ticker,
                multiplier=None if multiplier == account.multiplier else multiplier,
            )


def _checked(link: LinkIn, today: date) -> LinkIn:
    ticker = checked_symbol(link.custom_ticker, today, "accounts.custom_ticker")
    return link.model_copy(update={"custom_ticker": ticker})
