"""How accounts and strategies stand, looked at again and again: what was reached is kept."""

from __future__ import annotations

from datetime import datetime

from shared.contracts.accounts import RiskReached
from shared.contracts.envelope import Envelope
from shared.domain.ids import AccountId, ConnectionId, StrategyId
from shared.domain.order import Action
from shared.domain.risk.facts import RiskFacts
from shared.domain.risk.memory import prop_to_json, reached_to_json
from shared.domain.risk.scope import News, Scope, ScopeKind, news_of
from shared.ports.ledger import Closing
from tests.simulation.ledger import standings
from tests.simulation.ledger.journal import Journal
from tests.simulation.rows import PriceRow, StandingRow
from tests.simulation.store import Store


def watch(
    store: Store, connections: set[ConnectionId], closing: Closing, now: datetime
) -> list[Envelope]:
    accounts = {row.id for row in store.accounts.rows() if row.connection_id in connections}
    homes = _homes(store, accounts)
    scopes = standings.scopes(store, accounts, homes)
    if not scopes:
        return []
    _price(store, accounts, closing, now)
    facts = standings.facts(store, accounts, homes, scopes, now)
    found: list[tuple[AccountId, Scope, News]] = []
    for scope in scopes:
        at_home = scope.kind is ScopeKind.ACCOUNT
        account = AccountId(scope.id) if at_home else homes[StrategyId(scope.id)]
        reached = tuple(news_of(scope.kept, scope.seen(facts)))
        found += [(account, scope, news) for news in reached]
        if scope.closes_for(reached) is not None:
            store.ask(scope.user_id, "close", _all_of(scope))
        _keep(store, scope, facts, now)
    return _tell(store, found, facts, now) if found else []


def _all_of(scope: Scope) -> dict[str, object]:
    if scope.kind is ScopeKind.STRATEGY:
        return {"strategy_id": scope.id}
    return {"account_id": scope.id, "every_owner": True}


def _homes(store: Store, accounts: set[AccountId]) -> dict[StrategyId, AccountId]:
    """The first account of each strategy that may trade or holds in these."""
    pairs = {(row.strategy_id, row.account_id) for row in store.links.rows()}
    pairs |= {
        (StrategyId(row.strategy_id), row.account_id)
        for row in store.positions.rows()
        if row.net_qty and row.strategy_id
    }
    ours = sorted(((s, a) for s, a in pairs if a in accounts), reverse=True)
    return dict(ours)


def _price(store: Store, accounts: set[AccountId], closing: Closing, now: datetime) -> None:
    for row in store.positions.rows():
        if row.net_qty and row.account_id in accounts:
            bid, ask = closing(row.contract, Action.SELL), closing(row.contract, Action.BUY)
            if bid is not None and ask is not None:
                login = store.connection_of(row.account_id)
                store.prices.put(
                    (login, row.contract), PriceRow(login, row.contract, bid, ask, now)
                )


def _keep(store: Store, scope: Scope, facts: RiskFacts, now: datetime) -> None:
    kept, books = scope.seen(facts), scope.books(facts)
    mark = books.mark
    row = StandingRow(
        scope=scope.kind.value,
        scope_id=scope.id,
        user_id=scope.user_id,
        reached=reached_to_json(kept.reached),
        prop=None if kept.prop is None else prop_to_json(kept.prop),
        anchor_usd=None if kept.anchor is None else kept.anchor.amount_usd,
        anchor_at=None if kept.anchor is None else kept.anchor.as_of,
        day=facts.on,
        day_usd=None if mark is None else mark.day_usd,
        week_usd=None if mark is None else mark.week_usd,
        room_usd=scope.room_usd(kept, books),
        seen_at=now,
    )
    store.standings.put((row.scope, row.scope_id), row)


def _tell(
    store: Store, found: list[tuple[AccountId, Scope, News]], facts: RiskFacts, now: datetime
) -> list[Envelope]:
    journal = Journal.open(store, {account for account, _, _ in found}, now)
    for account, scope, news in found:
        body = RiskReached(
            account_id=account,
            scope=scope.kind.value,
            scope_id=scope.id,
            code=news.code,
            on=facts.on,
            limit_usd=news.limit_usd,
            result_usd=news.result_usd,
        )
        about = f"{scope.kind}:{scope.id}"
        journal.tell(account, body, f"{about}:{news.code}:{facts.on}", None, about)
    return journal.close()
