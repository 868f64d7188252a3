"""list, item, items, find, deps and ldeps of every entity in `paper.rows.KINDS`.

A row of another login is as unknown as one that does not exist: 404. Lists of what grows with
every order reach as far back as `paper.recent` says.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from paper.calls import Call, Refusal, endpoint
from paper.recent import BOUNDED, Recent
from paper.rows import KINDS, Kind, Row

NOT_FOUND = "Entity is not found"


def _list(kind: Kind, call: Call) -> object:
    rows = call.venue.store.visible(kind, call.user_id)
    if kind.name not in BOUNDED:
        return list(rows)
    recent = Recent(call.venue.store, call.user_id, call.venue.clock.now())
    return [row for row in rows if recent.tells(row)]


def _item(kind: Kind, call: Call) -> object:
    row = call.venue.store.visible_item(kind, call.user_id, call.number("id"))
    return _known(row)


def _items(kind: Kind, call: Call) -> object:
    found = (
        call.venue.store.visible_item(kind, call.user_id, row_id) for row_id in call.numbers("ids")
    )
    return [row for row in found if row is not None]


def _find(kind: Kind, call: Call) -> object:
    return _known(call.venue.store.visible_named(kind, call.user_id, call.text("name")))


def _deps(kind: Kind, call: Call) -> object:
    return call.venue.store.visible_deps(kind, call.user_id, call.number("masterid"))


def _ldeps(kind: Kind, call: Call) -> object:
    return [
        row
        for master_id in call.numbers("masterids")
        for row in call.venue.store.visible_deps(kind, call.user_id, master_id)
    ]


def _known(row: Row | None) -> Row:
    if row is None:
        raise Refusal(404, NOT_FOUND)
    return row


def _operations(kind: Kind) -> dict[str, Callable[[Kind, Call], object]]:
    operations: dict[str, Callable[[Kind, Call], object]] = {"item": _item, "items": _items}
    if kind.listed:
        operations["list"] = _list
    if kind.found:
        operations["find"] = _find
    if kind.master is not None:
        operations |= {"deps": _deps, "ldeps": _ldeps}
    return operations


for _kind in KINDS.values():
    if not _kind.hidden:
        for _name, _operation in _operations(_kind).items():
            endpoint(f"{_kind.name}/{_name}")(partial(_operation, _kind))
