"""From loose facts about accounts to the two books of each contract in them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from shared.domain.alert_signal import Sentiment, Signal, SignalKind
from shared.domain.drift import NOBODY, OwnBook, TwoBooks
from shared.domain.ids import AccountId, StrategyId
from shared.domain.rules import StrategyRules
from shared.domain.rules.drift import DriftPolicy
from shared.domain.rules.entries import Direction, Opposite

Key = tuple[AccountId, str]
_SIDES = {Sentiment.LONG: 1, Sentiment.SHORT: -1, Sentiment.FLAT: 0}


def target_side(signal: Signal, rules: StrategyRules) -> int | None:
    """1, 0 or -1: where an alert asks to stand. None: it says no side, or its rules bend it."""
    if rules.direction is not Direction.BOTH or rules.opposite is not Opposite.REVERSE:
        return None
    asked: int | None = None
    if signal.kind is SignalKind.TARGET and signal.target_position is not None:
        asked = (signal.target_position > 0) - (signal.target_position < 0)
    elif signal.kind is SignalKind.STAND and signal.sentiment is not None:
        asked = _SIDES[signal.sentiment]
    return -asked if asked is not None and rules.inverse else asked


@dataclass(slots=True)
class Shelf:
    """Take in what is known, in any order; `books` puts it together. `policy_of` any strategy."""

    policy_of: Callable[[StrategyId], DriftPolicy]
    _owners: dict[Key, dict[StrategyId, OwnBook]] = field(default_factory=dict)
    _external: dict[Key, int] = field(default_factory=dict)
    _foreign: dict[Key, int] = field(default_factory=dict)
    _broker: dict[Key, int] = field(default_factory=dict)
    _told: set[AccountId] = field(default_factory=set)

    def held(self, account: AccountId, contract: str, strategy: StrategyId, net_qty: int) -> None:
        key = account, contract
        if strategy == NOBODY:
            self._external[key] = net_qty
        else:
            self._put(key, replace(self._of(key, strategy), net_qty=net_qty))

    def busted(self, account: AccountId, contract: str, strategy: StrategyId, qty: int) -> None:
        key = account, contract
        self._put(key, replace(self._of(key, strategy), busted_qty=qty))

    def asked(self, account: AccountId, contract: str, strategy: StrategyId, side: int) -> None:
        key = account, contract
        self._put(key, replace(self._of(key, strategy), target_side=side))

    def foreign(self, account: AccountId, contract: str, orders: int) -> None:
        self._foreign[account, contract] = orders

    def told(self, account: AccountId, nets: Mapping[str, int]) -> None:
        """All that the broker holds in an account: a contract that is not named is flat there."""
        self._told.add(account)
        self._broker |= {(account, contract): net for contract, net in nets.items()}

    def books(self, root_of: Callable[[str], str]) -> Iterator[TwoBooks]:
        """In a stable order."""
        keys = {*self._owners, *self._external, *self._foreign, *self._broker}
        for key in sorted(keys):
            account, contract = key
            owners = self._owners.get(key, {})
            yield TwoBooks(
                account_id=account,
                contract=contract,
                root=root_of(contract),
                owners=tuple(owners[strategy] for strategy in sorted(owners)),
                external_qty=self._external.get(key, 0),
                broker_qty=self._broker.get(key, 0) if account in self._told else None,
                foreign_orders=self._foreign.get(key, 0),
            )

    def _of(self, key: Key, strategy: StrategyId) -> OwnBook:
        known = self._owners.get(key, {}).get(strategy)
        return OwnBook(strategy, 0, self.policy_of(strategy)) if known is None else known

    def _put(self, key: Key, book: OwnBook) -> None:
        self._owners.setdefault(key, {})[book.strategy_id] = book
