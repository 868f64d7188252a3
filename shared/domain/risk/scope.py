"""A scope of money rules, an account or a strategy, with all that its standing is made from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from shared.domain.ids import AccountId, StrategyId, UserId
from shared.domain.money import Usd
from shared.domain.order import OrderIntent
from shared.domain.risk import limits as money
from shared.domain.risk import prop
from shared.domain.risk.assess import NOTHING_KEPT, Kept, observed, standing_of
from shared.domain.risk.books import Books
from shared.domain.risk.facts import RiskFacts, with_planned, with_sent
from shared.domain.risk.standing import UNTOUCHED, Standing
from shared.domain.rules import AccountRules, StrategyRules
from shared.domain.rules.limits import Limits, OnReached
from shared.domain.rules.prop import PropRules


class ScopeKind(StrEnum):
    ACCOUNT = "account"
    STRATEGY = "strategy"


@dataclass(frozen=True, slots=True)
class Scope:
    """`id` is that of the account or of the strategy."""

    kind: ScopeKind
    id: int
    user_id: UserId
    limits: Limits
    prop: PropRules | None = None
    kept: Kept = NOTHING_KEPT

    @property
    def is_limited(self) -> bool:
        bounds = self.limits
        money_bounds = (
            bounds.daily_loss_usd,
            bounds.daily_profit_usd,
            bounds.weekly_loss_usd,
            bounds.weekly_profit_usd,
        )
        return self.prop is not None or any(each is not None for each in money_bounds)

    def books(self, facts: RiskFacts, *, pending: bool = True) -> Books:
        since = self.kept.seen_at
        if self.kind is ScopeKind.ACCOUNT:
            return facts.books_of_account(AccountId(self.id), pending=pending, since=since)
        return facts.books_of_strategy(StrategyId(self.id), pending=pending, since=since)

    def seen(self, facts: RiskFacts) -> Kept:
        """What is to be remembered once these facts were seen."""
        return observed(self.kept, self.limits, self.prop, self.books(facts))

    def room_usd(self, kept: Kept, books: Books) -> Usd | None:
        """What may still be lost; None where nothing limits it or nobody can tell."""
        mark = books.mark
        rooms = [None if mark is None else money.room_usd(self.limits, mark)]
        if self.prop is not None and kept.prop is not None and mark is not None:
            rooms.append(prop.room_usd(kept.prop, self.prop))
        return min((room for room in rooms if room is not None), default=None)

    def closes_for(self, news: Iterable[News]) -> News | None:
        """The first of what was just reached that asks for all that is open to be closed."""
        return next((each for each in news if self._on_reached(each) is OnReached.FLATTEN), None)

    def _on_reached(self, news: News) -> OnReached:
        if not news.is_firms:
            return self.limits.on_reached
        return OnReached.BLOCK if self.prop is None else self.prop.on_reached


def scope_of_account(account: AccountId, user: UserId, rules: AccountRules, kept: Kept) -> Scope:
    return Scope(ScopeKind.ACCOUNT, account, user, rules.limits, rules.prop, kept)


def scope_of_strategy(
    strategy: StrategyId, user: UserId, rules: StrategyRules, kept: Kept
) -> Scope:
    return Scope(ScopeKind.STRATEGY, strategy, user, rules.limits, None, kept)


@dataclass(frozen=True, slots=True)
class News:
    """A limit that was reached just now, by its stable code."""

    code: str
    limit_usd: Usd | None = None
    result_usd: Usd | None = None
    is_firms: bool = False  # a prop firm's rule, not one of the owner's own limits


def news_of(before: Kept, after: Kept) -> Iterator[News]:
    """What `after` holds that `before` did not."""
    for each in sorted(after.reached - before.reached, key=lambda one: one.kind):
        yield News(f"risk.{each.kind}", each.limit_usd, each.result_usd)
    was, now = before.prop, after.prop
    if now is None:
        return
    if now.breach is not None and (was is None or was.breach is None):
        yield News(now.breach, result_usd=now.last.equity_usd, is_firms=True)
    if now.day_stopped is not None and (was is None or was.day_stopped != now.day_stopped):
        yield News("prop.daily_loss", result_usd=prop.day_result_usd(now), is_firms=True)
    if now.left_on is not None and (was is None or was.left_on != now.left_on):
        yield News("prop.left_in_time", result_usd=now.last.equity_usd, is_firms=True)


@dataclass(frozen=True, slots=True)
class Standings:
    """How accounts and strategies stand; whoever has no rule about money stands untouched."""

    scopes: Mapping[tuple[ScopeKind, int], Scope] = field(default_factory=dict)
    facts: RiskFacts | None = None

    def of_account(self, account: AccountId, *, pending: bool = True) -> Standing:
        return self._of(ScopeKind.ACCOUNT, account, pending=pending)

    def of_strategy(self, strategy: StrategyId, *, pending: bool = True) -> Standing:
        return self._of(ScopeKind.STRATEGY, strategy, pending=pending)

    def planned(self, root: str, intents: Sequence[OrderIntent], slippage_ticks: int) -> Standings:
        """How they stand once these intents of a plan are there, too."""
        if self.facts is None:
            return self
        return replace(self, facts=with_planned(self.facts, root, intents, slippage_ticks))

    def sent(self, root: str, intents: Sequence[OrderIntent], slippage_ticks: int) -> Standings:
        """How they stand once this entry has left with these legs."""
        if self.facts is None:
            return self
        return replace(self, facts=with_sent(self.facts, root, intents, slippage_ticks))

    def _of(self, kind: ScopeKind, key: int, *, pending: bool) -> Standing:
        scope = self.scopes.get((kind, key))
        if scope is None or self.facts is None:
            return UNTOUCHED
        books = scope.books(self.facts, pending=pending)
        return standing_of(scope.kept, scope.limits, scope.prop, books)


def standings(scopes: Iterable[Scope], facts: RiskFacts) -> Standings:
    return Standings({(each.kind, each.id): each for each in scopes}, facts)
