"""Which process drives which login, judged by the simulation's clock."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from shared.ports.ledger import LEASE_S, Lease
from tests.simulation.rows import LeaseRow
from tests.simulation.store import Store

_LEASE: Final = timedelta(seconds=LEASE_S)


def is_live(row: LeaseRow, now: datetime) -> bool:
    return row.expires_at > now


def renew(store: Store, holder: str, now: datetime) -> list[Lease]:
    for row in _mine(store, holder, now):
        store.leases.put(row.connection_id, replace(row, expires_at=now + _LEASE))
    for login in store.connections.rows():
        lease = store.leases.get(login.id)
        if login.enabled and (lease is None or not is_live(lease, now)):
            epoch = 1 if lease is None else lease.epoch + 1
            taken = LeaseRow(login.id, login.user_id, holder, epoch, now + _LEASE)
            store.leases.put(login.id, taken)
    rows = sorted(_mine(store, holder, now), key=lambda row: row.connection_id)
    return [
        Lease(row.connection_id, row.user_id, row.epoch)
        for row in rows
        if store.connections.one(row.connection_id).enabled
    ]


def release(store: Store, holder: str, now: datetime) -> None:
    for row in _mine(store, holder, now):
        store.leases.put(row.connection_id, replace(row, expires_at=now))


def _mine(store: Store, holder: str, now: datetime) -> list[LeaseRow]:
    return [row for row in store.leases.rows() if row.holder == holder and is_live(row, now)]
