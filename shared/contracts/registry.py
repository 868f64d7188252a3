"""Event bodies register here by type; nothing unregistered can be published.

    @register
    class OrderFilled(EventBody):
        type: ClassVar[str] = "order.filled.v1"
        stream: ClassVar[str] = EVENTS
        order_id: int

Inside a version only additive, optional change. A breaking change is a new class (`.v2`) and an
upcaster from the old body; consumers then only ever see the newest.
"""

from __future__ import annotations

import re
import typing
from collections.abc import Callable, Iterable, Iterator
from typing import Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, JsonValue

from shared.contracts.envelope import Envelope

Json = dict[str, JsonValue]

_TYPE = re.compile(r"[a-z_]+(\.[a-z_]+)+\.v[1-9][0-9]*")
_bodies: dict[str, type[EventBody]] = {}
_upcasters: dict[str, tuple[str, Callable[[Json], Json]]] = {}


class EventBody(BaseModel):
    """Base of all event bodies. Building forbids unknown fields; `parse` ignores them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: ClassVar[str]
    stream: ClassVar[str]

    def to_json(self) -> Json:
        """Decimals and times as strings, ready for JSONB and the wire."""
        return self.model_dump(mode="json")


class UnregisteredEventError(TypeError):
    """A programmer's error: this body was never registered, so no consumer could read it."""


B = TypeVar("B", bound=EventBody)


def register(body: type[B]) -> type[B]:
    """Class decorator. Raises `TypeError` for a malformed or repeated type, or a float field."""
    if not _TYPE.fullmatch(body.type):
        raise TypeError(f"{body.__name__}: event type {body.type!r} is not like 'order.filled.v1'")
    if body.type in _bodies or body.type in _upcasters:
        raise TypeError(f"event type {body.type!r} is registered twice")
    if floats := sorted(_float_fields(body)):
        raise TypeError(f"{body.__name__}: float field {floats[0]!r}; use Decimal")
    _bodies[body.type] = body
    return body


def upcast(old: str, new: str) -> Callable[[Callable[[Json], Json]], Callable[[Json], Json]]:
    """Decorator: this function turns a body of type `old` into one of type `new`."""

    def add(function: Callable[[Json], Json]) -> Callable[[Json], Json]:
        _bodies.pop(old, None)
        _upcasters[old] = (new, function)
        return function

    return add


def parse(envelope: Envelope) -> EventBody | None:
    """The body, in its newest version; None for a type this process does not know.

    Raises `pydantic.ValidationError` when a known body does not hold.
    """
    kind, body = envelope.type, envelope.body
    while kind in _upcasters:
        kind, function = _upcasters[kind]
        body = function(body)
    found = _bodies.get(kind)
    if found is None:
        return None
    return found.model_validate(body, extra="ignore")


def with_older(types: Iterable[str]) -> frozenset[str]:
    """These types and every older version that is read as one of them.

    Raises `UnregisteredEventError` for a type nobody registered: its events would be missed.
    """
    wanted = set(types)
    if unknown := sorted(wanted - _bodies.keys()):
        raise UnregisteredEventError(f"{unknown[0]} is not registered")
    return frozenset(wanted | {old for old in _upcasters if _newest(old) in wanted})


def _newest(kind: str) -> str:
    while kind in _upcasters:
        kind, _ = _upcasters[kind]
    return kind


def require_registered(body: EventBody) -> None:
    """Raises `UnregisteredEventError` unless exactly this class is registered for its type."""
    if _bodies.get(body.type) is not type(body):
        raise UnregisteredEventError(f"{type(body).__name__} ({body.type}) is not registered")


def registered() -> dict[str, type[EventBody]]:
    """All current bodies by type: for generated documents and golden files."""
    return dict(_bodies)


def _float_fields(body: type[BaseModel]) -> Iterator[str]:
    for name, field in body.model_fields.items():
        if _mentions_float(field.annotation):
            yield name


def _mentions_float(annotation: Any) -> bool:
    if annotation is float:
        return True
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return any(_float_fields(annotation))
    return any(_mentions_float(part) for part in typing.get_args(annotation))
