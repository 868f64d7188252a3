"""The limits a user sets on an account."""

from __future__ import annotations

from msgspec.structs import asdict, replace

from paper.calls import Call, Refusal, endpoint
from paper.endpoints.entities import NOT_FOUND
from paper.rows import UserAccountAutoLiq

_UNCHANGED = frozenset({"id", "changes_locked"})


@endpoint("userAccountAutoLiq/update")
def update(call: Call) -> object:
    """Replace the limits that are named; the rest stays. The row as it is then."""
    store = call.venue.store
    row = store.get(UserAccountAutoLiq, call.number("id"))
    if row is None or store.user_of(row.id) != call.user_id:
        raise Refusal(404, NOT_FOUND)
    if row.changes_locked:
        raise Refusal(401, "Access is denied")
    asked = call.read(UserAccountAutoLiq)
    named = {
        name
        for name, wire in zip(asked.__struct_fields__, asked.__struct_encode_fields__, strict=True)
        if wire in call.params and name not in _UNCHANGED
    }
    row = replace(row, **{name: value for name, value in asdict(asked).items() if name in named})
    store.put(row, row.id)
    return row
