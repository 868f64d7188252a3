"""The page `docs/venue.md`, from the registries of endpoints, entities, faults and switches."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator
from dataclasses import fields
from decimal import Decimal

import msgspec

import paper.endpoints  # noqa: F401 - imported for what it registers
from paper.calls import ENDPOINTS
from paper.faults import ABOUT, Fault
from paper.mishaps import MISHAPS
from paper.policy import ABOUT as ABOUT_POLICY
from paper.policy import DEFAULT_POLICY
from paper.rows import KINDS, Kind

_INTRO = """\
The venue speaks Tradovate's protocol on one port: REST under `/v1`, the user socket at
`/v1/websocket` (which takes requests for market data too) and market data at `/v1/md/websocket`.
The consent page of the code flow is `/oauth`; `/auth/oauthtoken` answers without `/v1` as well.
Paths have no case, GET and POST are alike, JSON and forms are read. Fields marked `*` are always
there; the others are left out when they have no value."""

_TIME = """\
- Hours, halts, holidays and early closes are each product's own (`shared/domain/sessions.py`). A
  Day order ends with its product's trading day, or with its contract.
- A trading day begins at 17:00 Chicago; a weekend or a holiday's halt counts for the next one.
- At the end of a contract's last day its orders expire and what is held is closed by an admin
  order at the last quote; sources are silent about the broker's settlement.
- A modification is checked like a new order, by the hour and by what it would open.
- Lists and snapshots reach back to the trading day before the current one, and tell whatever
  lives however old it is; `item`, `items`, `deps` and `ldeps` know every row."""

_FAULTS = """\
`POST /fault {"name": ..., "count": 1, ...}` on the control port, which exists only with `TM_ENV`
local or test. A count of null arms it until it is cleared, 0 clears it; `rate` and `seed` let it
act in a share of the cases, always the same ones for a seed. `POST /faults {"names": [...],
"rate": 0.1, "seed": 7}` arms many at once."""

_POLICY = """\
`TM_PAPER_POLICY` as JSON, or `POST /policy {...}` on the control port while it runs."""

_TYPES = {int: "integer", str: "text", bool: "true or false", Decimal: "number"}


def page(note: str) -> str:
    """The whole page; `note` says how it is made."""
    sections = [
        ["# The paper venue", "", note, "", _INTRO],
        ["## Endpoints", "", *_endpoints()],
        ["## Entities", "", *_entities()],
        ["## Time", "", _TIME],
        ["## Faults", "", _FAULTS, "", *_faults()],
        ["## What it insists on", "", _POLICY, "", *_policy()],
    ]
    return "\n\n".join("\n".join(section) for section in sections) + "\n"


def _endpoints() -> Iterator[str]:
    """The actions one by one; the operations on entities stand in their own table."""
    yield from ("| endpoint | where | login |", "|---|---|---|")
    entity = {f"{k.name}/{o}" for k in KINDS.values() for o in _OPERATIONS}
    for target in sorted(ENDPOINTS.values(), key=lambda target: target.name.lower()):
        if target.name not in entity:
            where = "socket" if target.socket_only else "REST, socket"
            login = "not needed" if target.is_open else "needed"
            yield f"| `{target.name}` | {where} | {login} |"
    yield from ("| `authorize` | socket | gives it |", "")
    yield from ("| entity | operations | in the snapshot |", "|---|---|---|")
    for kind in _shown():
        operations = [o for o in _OPERATIONS if f"{kind.name}/{o}".lower() in ENDPOINTS]
        synced = f"`{kind.plural}`" if kind.synced else "no"
        yield f"| `{kind.name}` | {', '.join(operations)} | {synced} |"


def _entities() -> Iterator[str]:
    for kind in _shown():
        hints = typing.get_type_hints(kind.row)
        told = [
            f"`{field.encode_name}{'*' if field.required else ''}` {_type(hints[field.name])}"
            for field in msgspec.structs.fields(kind.row)
        ]
        yield f"- **{kind.name}**: {', '.join(told)}"


def _faults() -> Iterator[str]:
    yield from ("| name | acts | what happens |", "|---|---|---|")
    for fault in Fault:
        acts = "at once" if fault in MISHAPS else "when armed"
        yield f"| `{fault}` | {acts} | {ABOUT[fault]} |"


def _policy() -> Iterator[str]:
    yield from ("| switch | default | what it does |", "|---|---|---|")
    for field in fields(DEFAULT_POLICY):
        value = getattr(DEFAULT_POLICY, field.name)
        default = "none" if value is None else str(value).lower()
        yield f"| `{field.name}` | {default} | {ABOUT_POLICY[field.name]} |"


def _shown() -> list[Kind]:
    return [kind for kind in KINDS.values() if not kind.hidden]


def _type(hint: object) -> str:
    if isinstance(hint, types.UnionType):
        hint = next(arm for arm in typing.get_args(hint) if arm is not type(None))
    if isinstance(hint, type) and hint in _TYPES:
        return _TYPES[hint]
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return "{" + ", ".join(hint.__struct_encode_fields__) + "}"
    return str(hint)


_OPERATIONS = ("list", "item", "items", "find", "suggest", "deps", "ldeps")
