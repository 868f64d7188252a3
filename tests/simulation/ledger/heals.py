"""What is mended after somebody else's hands, over the twin: see `shared.ports.healing`."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from shared.domain.decision.standings import in_scene
from shared.domain.drift import NOBODY, DriftKind
from shared.domain.heal import HEAL_WITHIN, HEALS_MAX, HEALS_WITHIN, Intruder, Wound
from shared.domain.ids import EXTERNAL, Cause, ConnectionId
from shared.domain.intents import Origin, orders_of
from shared.domain.order import IntentState, Role
from shared.domain.plan import Denied, Plan
from shared.domain.roll_orders import Owner, exit_for
from shared.domain.rules.drift import DriftPolicy
from shared.ports.healing import DecideHeal
from shared.ports.ledger import Lease
from tests.simulation.ledger import standings
from tests.simulation.ledger.decisions import insert, undecided
from tests.simulation.ledger.journal import Journal
from tests.simulation.ledger.scenes import link_of, scene_of
from tests.simulation.ledger.unasked import tell_refused
from tests.simulation.rows import DriftRow, IntentRow
from tests.simulation.store import Store

_NEVER_SENT = (IntentState.STALE, IntentState.SKIPPED, IntentState.BLOCKED)


class TwinHealing:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def wounds(self, held: Sequence[Lease]) -> list[Wound]:
        here = {lease.connection_id for lease in held}
        rows = sorted(self._store.drifts.rows(), key=lambda row: row.id)
        return [wound for row in rows if (wound := _wound(self._store, row, here)) is not None]

    async def heal(self, wound: Wound, decide: DecideHeal) -> Plan | Denied | None:
        store = self._store
        with store.undo.transaction():
            here = {store.connection_of(wound.account_id)}
            if _wound(store, store.drifts.one(wound.drift_id), here) != wound:
                return None
            return _judged(store, wound, decide)

    async def intruders(self, held: Sequence[Lease]) -> list[Intruder]:
        here = {lease.connection_id for lease in held}
        return [
            Intruder(row.id, row.drift.account_id, row.drift.contract, row.drift.root)
            for row in sorted(self._store.drifts.rows(), key=lambda row: row.id)
            if row.drift.kind is DriftKind.MANUAL_ENTRY
            and row.drift.strategy_id != NOBODY
            and row.ended_at is None
            and row.released_at is None
            and row.found_at > self._store.clock.now() - HEAL_WITHIN
            and _is_due(self._store, row, here)
        ]

    async def dismiss(self, intruder: Intruder) -> None:
        store = self._store
        with store.undo.transaction():
            account = intruder.account_id
            journal = Journal.open(store, [account], store.clock.now())
            owner = Owner(store.risk.one(account).user_id, account, EXTERNAL, intruder.contract)
            order = exit_for(owner, Cause.HEAL, intruder.drift_id)
            if order.id not in store.intents:
                insert(journal, order, intruder.root)
                journal.close()


def _judged(store: Store, wound: Wound, decide: DecideHeal) -> Plan | Denied | None:
    account, at = wound.account_id, store.clock.now()
    strategy = store.strategies.one(wound.strategy_id).strategy
    linked = store.links.get((strategy.id, account))
    if linked is None:
        return None
    link = link_of(store, linked)
    known = standings.load(store, [account], [strategy.id], at)
    scene = in_scene(scene_of(store, strategy, [link], link, at), known, account, strategy)
    verdict = decide(wound, strategy, link, scene)
    origin = Origin(strategy.user_id, account, strategy.id, Cause.HEAL, wound.drift_id)
    journal = Journal.open(store, [account], at)
    if isinstance(verdict, Denied):
        tell_refused(journal, origin, "heal", wound.contract, verdict)
    else:
        for draft in verdict.drafts:
            for order in orders_of(draft, origin, at + HEAL_WITHIN):
                insert(journal, order, draft.root)
    journal.close()
    return verdict


def _is_due(store: Store, row: DriftRow, here: Collection[ConnectionId]) -> bool:
    """Of a strategy that heals, in these logins, and not mended before."""
    drift = row.drift
    return (
        drift.policy is DriftPolicy.HEAL
        and store.connection_of(drift.account_id) in here
        and not any(_heals(each) and each.intent.cause_id == row.id for each in _here(store, row))
    )


def _wound(store: Store, row: DriftRow, here: Collection[ConnectionId]) -> Wound | None:
    drift = row.drift
    if not _has_followed(store, row) or not _is_due(store, row, here):
        return None
    compared = dict(drift.compared)
    left = int(compared["left"])
    mine = [
        each
        for each in _here(store, row)
        if each.intent.strategy_id == drift.strategy_id and each.root == drift.root
    ]
    if not _last_word_was_an_entry(mine) or _is_busy(mine, left) or _too_often(store, mine):
        return None
    fills = [
        each
        for each in store.fills.rows()
        if (each.account_id, each.strategy_id, each.contract)
        == (drift.account_id, drift.strategy_id, drift.contract)
        and each.active
    ]
    last = max(fills, key=lambda each: (each.filled_at, each.broker_fill_id))
    return Wound(
        drift_id=row.id,
        account_id=drift.account_id,
        strategy_id=drift.strategy_id,
        contract=drift.contract,
        root=drift.root,
        qty_contracts=int(compared["closed"]),
        price=last.price,
    )


def _has_followed(store: Store, row: DriftRow) -> bool:
    """Just now, and nothing has changed in the books since."""
    drift, now = row.drift, store.clock.now()
    if drift.kind is not DriftKind.MANUAL_EXIT or row.ending != "followed":
        return False
    held = store.positions.get((drift.account_id, drift.contract, drift.strategy_id))
    others = store.positions.get((drift.account_id, drift.contract, 0))
    return (
        row.ended_at is not None
        and row.ended_at > now - HEAL_WITHIN
        and held is not None
        and held.net_qty == int(dict(drift.compared)["left"])
        and (others is None or others.net_qty == 0)
        and drift.strategy_id not in undecided(store, now)
    )


def _too_often(store: Store, mine: list[IntentRow]) -> bool:
    since = store.clock.now() - HEALS_WITHIN
    return len({e.intent.cause_id for e in mine if _heals(e) and e.created_at > since}) >= HEALS_MAX


def _here(store: Store, row: DriftRow) -> list[IntentRow]:
    return [each for each in store.intents.rows() if each.account_id == row.drift.account_id]


def _heals(row: IntentRow) -> bool:
    return row.intent.cause is Cause.HEAL


def _last_word_was_an_entry(mine: list[IntentRow]) -> bool:
    words = [
        row
        for row in mine
        if not row.is_leg and (row.role is Role.EXIT or row.state not in _NEVER_SENT)
    ]
    last = max(words, key=lambda row: row.account_seq, default=None)
    return last is not None and last.role is not Role.EXIT


def _is_busy(mine: list[IntentRow], net_qty: int) -> bool:
    return any(row.ended_at is None and (not row.is_leg or net_qty == 0) for row in mine)
