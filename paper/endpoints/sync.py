"""The snapshot a socket begins with; events follow on that socket from then on."""

from __future__ import annotations

import msgspec

from paper.calls import Call, Refusal, endpoint
from paper.rows import KINDS, Kind, Row
from paper.store import Store


class _Sync(msgspec.Struct, rename="camel"):
    users: list[int] | None = None
    accounts: list[int] | None = None
    entity_types: list[str] | None = None
    split_responses: bool = False  # tolerated: the answer comes in one part


@endpoint("user/syncrequest", socket_only=True)
def sync_request(call: Call) -> object:
    """By users or by accounts, the latter with the entity types that are wanted."""
    wanted, store, user_id = call.read(_Sync), call.venue.store, call.user_id
    if call.socket is None:
        raise Refusal(404, "Not found")
    if wanted.users is not None and user_id not in wanted.users:
        raise Refusal(401, "Access is denied")
    types = None if wanted.entity_types is None else frozenset(wanted.entity_types)
    accounts = None if wanted.accounts is None else frozenset(wanted.accounts)
    if accounts is not None and not accounts <= set(store.accounts_of(user_id)):
        raise Refusal(401, "Access is denied")
    call.socket.sync(accounts, types)
    kinds = (kind for kind in KINDS.values() if kind.synced)
    snapshot = {
        kind.plural: _rows(store, kind, user_id, accounts)
        for kind in kinds
        if types is None or kind.name in types or kind.name in _ALWAYS
    }
    return {name: found for name, found in snapshot.items() if found or name in _REQUIRED}


def _rows(store: Store, kind: Kind, user_id: int, accounts: frozenset[int] | None) -> list[Row]:
    found = store.visible(kind, user_id)
    if accounts is None or kind.shared or kind.name == "user":
        return list(found)
    return [row for row in found if store.account_of(kind.row, row.id) in accounts]


_ALWAYS = frozenset({"user", "contractGroup"})
_REQUIRED = frozenset({"users", "contractGroups"})
