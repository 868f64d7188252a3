"""How accounts and strategies stand, from the twin's tables: the slow, plain reading."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal

from shared.domain.calendar import trade_date
from shared.domain.ids import AccountId, StrategyId
from shared.domain.instruments import PRODUCTS
from shared.domain.leg_places import priced
from shared.domain.money import Usd
from shared.domain.order import IntentState, Role
from shared.domain.risk.assess import NOTHING_KEPT, Kept
from shared.domain.risk.books import Cash, anchor_of
from shared.domain.risk.facts import (
    FEES_TOLD,
    PRICE_FRESH,
    EntryFact,
    FillSeen,
    HeldFact,
    RiskFacts,
    StopFact,
    SumFact,
    entry_fact,
)
from shared.domain.risk.limits import week_of
from shared.domain.risk.said import SAID_FRESH, with_said
from shared.domain.risk.scope import Scope, ScopeKind, Standings, standings
from tests.simulation.rows import FillRow, IntentRow, PositionRow
from tests.simulation.store import Store


def load(
    store: Store, accounts: Collection[AccountId], strategies: Collection[StrategyId], now: datetime
) -> Standings:
    found = scopes(store, accounts, strategies)
    return (
        standings(found, facts(store, accounts, strategies, found, now)) if found else Standings()
    )


def scopes(
    store: Store, accounts: Iterable[AccountId], strategies: Iterable[StrategyId]
) -> list[Scope]:
    """Those with a rule about money."""
    out = []
    for key in sorted(set(accounts)):
        row = store.accounts.one(key)
        rules, kept = row.rules, _kept(store, ScopeKind.ACCOUNT, key)
        out.append(Scope(ScopeKind.ACCOUNT, key, row.user_id, rules.limits, rules.prop, kept))
    for own in sorted(set(strategies)):
        strategy = store.strategies.one(own).strategy
        kept = _kept(store, ScopeKind.STRATEGY, own)
        out.append(
            Scope(ScopeKind.STRATEGY, own, strategy.user_id, strategy.rules.limits, None, kept)
        )
    return [scope for scope in out if scope.is_limited]


def _kept(store: Store, kind: ScopeKind, key: int) -> Kept:
    row = store.standings.get((kind.value, key))
    return NOTHING_KEPT if row is None else row.kept


def facts(
    store: Store,
    accounts: Iterable[AccountId],
    strategies: Iterable[StrategyId],
    of: Iterable[Scope],
    now: datetime,
) -> RiskFacts:
    on, mine = trade_date(now), set(strategies)
    held = [row for row in store.positions.rows() if row.net_qty != 0]
    ours = set(accounts)
    ours |= {link.account_id for link in store.links.rows() if link.strategy_id in mine}
    ours |= {row.account_id for row in held if row.strategy_id in mine}
    opened = [row for row in store.intents.open() if row.account_id in ours]
    fills = [
        row
        for row in store.fills.rows()
        if row.active
        and row.trade_date >= week_of(on) - (timedelta(0) if row.fee_usd is not None else FEES_TOLD)
        and (row.account_id in ours or row.strategy_id in mine)
    ]
    since = min((at for scope in of if (at := scope.kept.seen_at)), default=None)
    said = {key: usd for key in ours if (usd := _said(store, key, now)) is not None}
    return RiskFacts(
        on=on,
        said=said,
        held=with_said([_held(store, row, now) for row in held if row.account_id in ours], said),
        stops=tuple(stop for row in opened if (stop := _stop(store, row)) is not None),
        entries=tuple(_entry(store, row) for row in opened if _may_fill(row)),
        sums=tuple(_sum(row, on) for row in fills),
        cash={
            AccountId(scope.id): cash
            for scope in of
            if scope.prop is not None and (cash := _cash(store, scope, now)) is not None
        },
        fills=tuple(_seen(row) for row in fills if _is_new(row, on, since)),
    )


def _held(store: Store, row: PositionRow, now: datetime) -> HeldFact:
    price = store.prices.get((store.connection_of(row.account_id), row.contract))
    fresh = price is not None and price.seen_at > now - PRICE_FRESH
    if price is None or not fresh:
        mark = _last_fill(store, row, now)
    else:
        mark = price.bid if row.net_qty > 0 else price.ask
    assert row.avg_price is not None
    return HeldFact(
        row.account_id,
        StrategyId(row.strategy_id),
        row.contract,
        row.root,
        row.net_qty,
        row.avg_price,
        mark,
        _slippage(store, row.strategy_id),
    )


def _said(store: Store, account: AccountId, now: datetime) -> Usd | None:
    row = store.values.get(account)
    if row is None or row.asked_at <= now - SAID_FRESH:
        return None
    moved = [held.updated_at for held in store.positions.rows() if held.account_id == account]
    return None if any(at >= row.asked_at for at in moved) else row.open_usd


def _last_fill(store: Store, held: PositionRow, now: datetime) -> Decimal | None:
    """Of anybody in the account, where it is young enough to be a price."""
    young = [
        row
        for row in store.fills.rows()
        if (row.account_id, row.contract) == (held.account_id, held.contract)
        and row.active
        and row.trade_date >= week_of(trade_date(now))
        and row.filled_at > now - PRICE_FRESH
    ]
    last = max(young, key=lambda row: (row.filled_at, row.broker_fill_id), default=None)
    return None if last is None else last.price


def _slippage(store: Store, strategy: int) -> int:
    row = store.strategies.get(StrategyId(strategy))
    return 0 if row is None else row.strategy.rules.slippage_ticks


def _stop(store: Store, row: IntentRow) -> StopFact | None:
    leg = row.intent
    if row.role is not Role.STOP_LOSS or leg.parent is None:
        return None
    entry = store.intents.one(leg.parent)
    if entry.filled_qty == 0:
        return None
    price = leg.stop_price
    if price is None:
        average = entry.fill_value / entry.filled_qty
        tick = PRODUCTS[row.root].tick_size
        price = priced(leg, entry.intent.action, average, tick).stop_price
    if price is None:
        return None
    qty = leg.qty_contracts - row.filled_qty
    return StopFact(leg.account_id, leg.strategy_id, leg.contract, qty, price)


def _may_fill(row: IntentRow) -> bool:
    return row.role is Role.ENTRY and row.intent.qty_contracts > row.filled_qty


def _entry(store: Store, row: IntentRow) -> EntryFact:
    legs = [leg.intent for leg in store.intents.legs(row.id) if leg.ended_at is None]
    rest = row.intent.qty_contracts - row.filled_qty
    slippage = _slippage(store, row.intent.strategy_id)
    found = entry_fact(row.intent, row.root, legs, rest, slippage)
    return replace(found, is_pending=row.state is IntentState.PENDING)


def _net(row: FillRow) -> Usd:
    return row.realized_usd - (Decimal(0) if row.fee_usd is None else row.fee_usd)


def _sum(row: FillRow, on: date) -> SumFact:
    return SumFact(
        row.account_id,
        StrategyId(row.strategy_id),
        row.root,
        _net(row) if row.trade_date >= on else Usd(0),
        _net(row) if row.trade_date >= week_of(on) else Usd(0),
        row.qty if row.fee_usd is None else 0,
    )


def _is_new(row: FillRow, on: date, since: datetime | None) -> bool:
    if since is None or row.trade_date != on:
        return False
    return row.filled_at > since and row.recorded_at > since


def _seen(row: FillRow) -> FillSeen:
    return FillSeen(
        row.account_id,
        StrategyId(row.strategy_id),
        row.contract,
        row.root,
        row.action.sign * row.qty,
        row.price,
        Usd(0) if row.fee_usd is None else row.fee_usd,
        row.filled_at,
        row.broker_fill_id,
    )


def _cash(store: Store, scope: Scope, now: datetime) -> Cash | None:
    account, kept = AccountId(scope.id), scope.kept.anchor
    word = store.balances.get(account)
    if word is None:
        return kept
    fills = [row for row in store.fills.rows() if row.account_id == account and row.active]
    since = None
    if kept is not None:
        made = sum((_net(row) for row in fills if row.filled_at > kept.as_of), Usd(0))
        since = Cash(kept.amount_usd, kept.as_of, made)
    flat = not any(row.net_qty for row in store.positions.rows() if row.account_id == account)
    last = max((row.filled_at for row in fills), default=None)
    return anchor_of(since, Cash(word.cash_usd, word.as_of), last, now, flat=flat)
