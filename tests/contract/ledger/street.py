"""A house that lives by chance, and a broker that keeps its own account of what it was sent.

The broker here shares nothing with the ledgers: what it holds is what was filled, what may come is
what was sent to it and has not ended. Limits are judged from that alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random
from typing import Final
from uuid import UUID

from shared.domain.alert_signal import Side, Signal, SignalOrderType
from shared.domain.controls import Word
from shared.domain.gates.controls import Scope
from shared.domain.ids import IntentId
from shared.domain.order import Action, BrokerStatus, OrderIntent, Role
from shared.domain.rules import AccountRules, StrategyRules
from shared.domain.rules.limits import Limits
from shared.ports.broker import Accepted, NotSent, Refused, Unknown
from shared.ports.ledger import Claimed
from tests.contract.ledger.world import BUY, CLOSE, QUOTE, World

ORDER_MAX: Final = 3
STRATEGY_MAX: Final = 4
ACCOUNT_MAX: Final = 5
_STEPS: Final = (
    *("signal",) * 6,
    *("claim",) * 6,
    *("fill",) * 6,
    *("end",) * 3,
    *("word", "restart", "pause", "rules"),
)


@dataclass(slots=True)
class Sent:
    """An order at the broker; `known` says whether the house was told that it is there."""

    intent: OrderIntent
    order_id: int
    left: int
    known: bool = True


class Street:
    def __init__(self, world: World, seed: int) -> None:
        self.world = world
        self.rng = Random(seed)  # noqa: S311 - no secret
        self.sent: dict[int, Sent] = {}
        self.net: dict[tuple[int, int, str], int] = {}
        self.halted: set[tuple[Scope, int]] = set()
        self.entered = 0
        self.story: list[str] = [f"seed {seed}"]

    async def live(self, steps: int) -> None:
        shared = self.rng.random() < 0.7
        for account in range(len(self.world.accounts)):
            bounds = Limits(max_position_contracts=ACCOUNT_MAX)
            await self.world.set_account(
                AccountRules(limits=bounds), exclusive=not shared, account=account
            )
        for strategy in range(len(self.world.strategies)):
            await self._limit(strategy, STRATEGY_MAX)
        for _ in range(steps):
            step = self.rng.choice(_STEPS)
            self.story.append(step)
            await getattr(self, f"do_{step}")()
            self.check()

    async def _limit(self, strategy: int, contracts: int) -> None:
        limits = Limits(max_order_contracts=ORDER_MAX, max_position_contracts=contracts)
        await self.world.set_rules(StrategyRules(limits=limits), strategy)

    # --- what is promised ---
    def check(self) -> None:
        for account in self.world.accounts:
            worst = [
                self.worst(account, strategy, contract)
                for strategy in self.world.strategies
                for contract in ("NQZ6", "ESZ6")
            ]
            assert sum(worst) <= ACCOUNT_MAX, self.story

    def worst(self, account: int, strategy: int, contract: str) -> int:
        """The most the strategy can come to hold here, whatever fills of what was sent.

        Exits too: what is left of one beyond what is held would open the other side.
        """
        net = self.net.get((account, strategy, contract), 0)
        sides = {Action.BUY: max(net, 0), Action.SELL: max(-net, 0)}
        beyond = {Action.BUY: -sides[Action.SELL], Action.SELL: -sides[Action.BUY]}
        for order in self.sent.values():
            intent = order.intent
            if (intent.account_id, intent.strategy_id, intent.contract) == (
                account,
                strategy,
                contract,
            ):
                if intent.role is Role.ENTRY:
                    sides[intent.action] += order.left
                elif intent.role.ends:
                    beyond[intent.action] += order.left
        return max(sides[action] + max(0, beyond[action]) for action in sides)

    def _may_enter(self, intent: OrderIntent) -> bool:
        scopes = {
            (Scope.SYSTEM, 0),
            (Scope.USER, self.world.user),
            (Scope.ACCOUNT, intent.account_id),
            (Scope.STRATEGY, intent.strategy_id),
        }
        return not scopes & self.halted

    # --- the house ---
    async def do_signal(self) -> None:
        await self.world.signal(self._alert(), self.rng.randrange(2))

    def _alert(self) -> Signal:
        symbol = self.rng.choice(("NQ1!", "NQ1!", "ES1!"))
        if self.rng.random() < 0.2:
            return replace(CLOSE, symbol=symbol)
        side = self.rng.choice((Side.BUY, Side.SELL))
        alert = replace(BUY, side=side, symbol=symbol, quantity=self.rng.randint(1, 4))
        if self.rng.random() < 0.3:
            away = -50 if side is Side.BUY else 50
            return replace(
                alert, order_type=SignalOrderType.LIMIT, limit_price=QUOTE + away, price=QUOTE
            )
        return replace(alert, price=QUOTE)

    async def do_claim(self) -> None:
        claims = await self.world.claim()
        for claimed in claims.claimed:
            intent = claimed.intent
            if intent.role is Role.ENTRY:
                assert intent.qty_contracts <= ORDER_MAX, self.story
                assert self._may_enter(intent), self.story
                self.entered += 1
            await self._send(claimed)
        for cancel in claims.cancels:
            order = self.sent.get(cancel.broker_order_id)
            if order is not None and self.rng.random() < 0.8:
                await self._ended(order)

    async def _send(self, claimed: Claimed) -> None:
        """What the call came to: it is at the broker unless it was refused or never left."""
        chance = self.rng.random()
        record = self.world.ledger.record
        if chance < 0.06:
            await record(claimed.intent.id, Refused("broker.refused.x", "No."))
        elif chance < 0.12:
            await record(claimed.intent.id, NotSent("connect", 0.0))
        elif chance < 0.2:  # in doubt: it is there, or it is not
            if self.rng.random() < 0.5:
                self._arrive(claimed, known=False)
            if self.rng.random() < 0.8:  # else the process dies before it can write that down
                await record(claimed.intent.id, Unknown("timeout"))
        else:
            ids = self._arrive(claimed, known=True)
            await record(claimed.intent.id, Accepted(ids[0], tuple(ids[1:])))

    def _arrive(self, claimed: Claimed, *, known: bool) -> list[int]:
        ids = []
        for intent in (claimed.intent, *claimed.legs):
            order = next(self.world.ids)
            self.sent[order] = Sent(intent, order, claimed.intent.qty_contracts, known)
            ids.append(order)
        return ids

    # --- the broker ---
    async def do_fill(self) -> None:
        """Something trades: an order, or a leg of an entry that is through."""
        may = [each for each in self.sent.values() if each.known and self._trades(each)]
        if not may:
            return
        order = self.rng.choice(may)
        key = (order.intent.account_id, order.intent.strategy_id, order.intent.contract)
        held = self.net.get(key, 0)
        qty = self.rng.randint(1, order.left)
        if order.intent.role is not Role.ENTRY:  # it only closes what is held
            qty = min(qty, abs(held))
        fill = self.world.fill_fact(order.intent, order.order_id, str(QUOTE), qty)
        order.left -= qty
        self.net[key] = held + order.intent.action.sign * qty
        status = BrokerStatus.WORKING if order.left else BrokerStatus.FILLED
        await self.world.tell(self.world.shown(order.intent, status, order.order_id), fill)
        if not order.left:
            await self._gone(order)

    def _trades(self, order: Sent) -> bool:
        key = (order.intent.account_id, order.intent.strategy_id, order.intent.contract)
        if order.intent.role is Role.ENTRY:
            return True
        parent = order.intent.parent
        waits = any(each.intent.id == parent for each in self.sent.values())
        return self.net.get(key, 0) * order.intent.action.sign < 0 and not waits

    async def _gone(self, order: Sent) -> None:
        """An order is over; its sibling leg with it."""
        self.sent.pop(order.order_id, None)
        if order.intent.parent is not None:
            for other in [
                each for each in self.sent.values() if each.intent.parent == order.intent.parent
            ]:
                await self._ended(other)

    async def _ended(self, order: Sent) -> None:
        """Cancelled; the legs of an entry that never filled end with it."""
        self.sent.pop(order.order_id, None)
        told = self.world.shown(order.intent, BrokerStatus.CANCELED, order.order_id)
        await self.world.tell(told)
        unfilled = order.left == order.intent.qty_contracts
        if order.intent.role is Role.ENTRY and unfilled:
            for leg in [
                each for each in self.sent.values() if each.intent.parent == order.intent.id
            ]:
                await self._ended(leg)

    async def do_end(self) -> None:
        """What was in doubt is found or proven absent."""
        for row in await self.world.rows("intents", state="UNKNOWN"):
            if row["parent_id"] is not None:
                continue
            intent_id = IntentId(UUID(row["id"]))
            here = [each for each in self.sent.values() if each.intent.id == intent_id]
            if not here:
                await self.world.ledger.abandon(intent_id)
                continue
            await self.world.ledger.found(intent_id, here[0].order_id)
            here[0].known = True
            for leg in self.sent.values():
                if leg.intent.parent == intent_id:
                    leg.known = True
                    shown = self.world.shown(leg.intent, BrokerStatus.SUSPENDED, leg.order_id)
                    await self.world.tell(shown)

    # --- people, processes and time ---
    async def do_word(self) -> None:
        scope = self.rng.choice(tuple(Scope))
        scope_id = {
            Scope.SYSTEM: 0,
            Scope.USER: int(self.world.user),
            Scope.ACCOUNT: int(self.rng.choice(self.world.accounts)),
            Scope.STRATEGY: int(self.rng.choice(self.world.strategies)),
        }[scope]
        resumed = self.rng.random() < 0.6 and self.halted
        if resumed:
            scope, scope_id = self.rng.choice(sorted(self.halted))
        word = Word.RESUME if resumed else self.rng.choice((Word.KILL, Word.PAUSE))
        await self.world.say(scope, scope_id, word)
        (self.halted.discard if resumed else self.halted.add)((scope, scope_id))
        for command in await self.world.ledger.commands():
            await self.world.ledger.close_all(command)

    async def do_rules(self) -> None:
        """A limit is lowered or raised again, never above what the account bears."""
        await self._limit(self.rng.randrange(2), self.rng.randint(1, STRATEGY_MAX))

    async def do_restart(self) -> None:
        """The process dies wherever it is; another takes its logins and doubts what was sent."""
        await self.world.ledger.release_leases("me")
        (self.world.lease,) = await self.world.ledger.renew_leases("me")
        await self.world.ledger.take_over(self.world.lease)

    async def do_pause(self) -> None:
        await self.world.advance(self.rng.choice((0.3, 1.2, 5)))
        (self.world.lease,) = await self.world.ledger.renew_leases("me")
