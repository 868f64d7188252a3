"""The snapshot a socket begins with; events follow on that socket from then on."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from paper.calls import Call, Refusal, endpoint
from paper.faults import Fault
from paper.rows import KIND_OF, CashBalance
from paper.snapshot import REQUIRED, parts, snapshot
from paper.store import Change

_OVERSIZE_BYTES: Final = 5_000_000


class _Sync(msgspec.Struct, rename="camel"):
    users: list[int] | None = None
    accounts: list[int] | None = None
    entity_types: list[str] | None = None
    split_responses: bool = False


@endpoint("user/syncrequest", socket_only=True)
def sync_request(call: Call) -> object:
    """By users or by accounts, the latter with the entity types that are wanted.

    With `splitResponses` several answers carry the same id, each a part with at most
    `PART_ROWS_MAX` rows, the rows that others refer to first; the last one looks like the others.
    """
    wanted, store, user_id = call.read(_Sync), call.venue.store, call.user_id
    if call.socket is None:
        raise Refusal(404, "Not found")
    if wanted.users is not None and user_id not in wanted.users:
        raise Refusal(401, "Access is denied")
    types = None if wanted.entity_types is None else frozenset(wanted.entity_types)
    accounts = None if wanted.accounts is None else frozenset(wanted.accounts)
    if accounts is not None and not accounts <= set(store.accounts_of(user_id)):
        raise Refusal(401, "Access is denied")
    if call.venue.faults.take(Fault.WRONG_ENVIRONMENT) is not None:
        return {name: [] for name in REQUIRED}
    call.socket.sync(accounts, types)
    _interleave(call)
    whole = snapshot(store, user_id, accounts, types, call.venue.clock.now())
    if not wanted.split_responses:
        return {**whole, **_padding(call)}
    *first, last = parts(whole)
    for part in first:
        call.socket.send_part(part)
    return {**last, **_padding(call)}


def _interleave(call: Call) -> None:
    """Events between the request and its answer, when a fault asks for them."""
    if call.venue.faults.take(Fault.INTERLEAVE_SNAPSHOT) is None:
        return
    kind = KIND_OF[CashBalance]
    for account_id in call.venue.store.accounts_of(call.user_id):
        rows = call.venue.store.of_account(CashBalance, account_id)
        changes = [Change(kind, row, created=False, account_id=account_id) for row in rows]
        call.venue.hub.publish(changes)


def _padding(call: Call) -> dict[str, Any]:
    options = call.venue.faults.take(Fault.OVERSIZE_SNAPSHOT)
    if options is None:
        return {}
    size = int(str(options.get("bytes", _OVERSIZE_BYTES)))
    return {"userProperties": [{"id": 1, "name": "padding", "value": "x" * size}]}
