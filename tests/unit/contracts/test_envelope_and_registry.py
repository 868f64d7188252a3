"""What crosses a process boundary: nothing lost on the way, nothing unknown sent."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import ClassVar
from uuid import UUID

import pytest
from pydantic import BaseModel, JsonValue, ValidationError

from shared.contracts import registry
from shared.contracts.envelope import Envelope
from shared.contracts.registry import EventBody, parse, register, upcast, with_older
from shared.contracts.streams import EVENTS, dlq


@register
class Priced(EventBody):
    type: ClassVar[str] = "testing.priced.v2"
    stream: ClassVar[str] = EVENTS

    price: Decimal
    at: datetime


@upcast("testing.priced.v1", Priced.type)
def _from_v1(body: dict[str, JsonValue]) -> dict[str, JsonValue]:
    return {"price": body["px"], "at": body["at"]}


def _envelope(body: dict[str, JsonValue], kind: str = Priced.type) -> Envelope:
    return Envelope(
        id=UUID(int=1),
        type=kind,
        stream=EVENTS,
        occurred_at=datetime(2026, 8, 3, 12, 0, 0, 123456, tzinfo=UTC),
        correlation_id="signal-1",
        account_id=0,
        seq=7,
        aggregate="order:42",
        body=body,
    )


BODY = Priced(price=Decimal("5312.250"), at=datetime(2026, 8, 3, tzinfo=UTC))


def test_bytes_and_back_change_nothing() -> None:
    envelope = _envelope(BODY.to_json())
    again = Envelope.from_bytes(envelope.to_bytes())
    assert again == envelope
    assert parse(again) == BODY
    assert again.body["price"] == "5312.250"
    assert again.account_id == 0


def test_a_reader_ignores_what_a_newer_writer_added() -> None:
    body = {**BODY.to_json(), "added_later": 1}
    assert parse(_envelope(body)) == BODY
    raw = _envelope(body).to_bytes().replace(b'{"id"', b'{"new_field":1,"id"', 1)
    assert parse(Envelope.from_bytes(raw)) == BODY


def test_a_writer_may_not_add_what_nobody_defined() -> None:
    with pytest.raises(ValidationError):
        Priced.model_validate({**BODY.model_dump(), "typo": 1})


def test_an_unknown_type_is_none_and_a_broken_body_an_error() -> None:
    assert parse(_envelope({}, "testing.unheard.v1")) is None
    with pytest.raises(ValidationError):
        parse(_envelope({"price": "NaN", "at": "2026-08-03T00:00:00Z"}))


def test_an_old_version_is_read_as_the_newest() -> None:
    old: dict[str, JsonValue] = {"px": "1.5", "at": "2026-08-03T00:00:00Z"}
    parsed = parse(_envelope(old, "testing.priced.v1"))
    assert isinstance(parsed, Priced)
    assert parsed.price == Decimal("1.5")
    assert with_older([Priced.type]) == {"testing.priced.v1", "testing.priced.v2"}


def test_a_consumer_of_an_unregistered_type_is_a_mistake() -> None:
    with pytest.raises(registry.UnregisteredEventError):
        with_older(["testing.unheard.v1"])


class _Nested(BaseModel):
    ratio: list[float | None]


@pytest.mark.parametrize("annotation", [float, float | None, dict[str, float], _Nested])
def test_no_float_in_a_body(annotation: object) -> None:
    made = type(
        "Floaty",
        (EventBody,),
        {"__annotations__": {"type": "ClassVar[str]", "stream": "ClassVar[str]", "x": annotation},
         "__module__": __name__, "type": "testing.floaty.v1", "stream": EVENTS},
    )  # fmt: skip
    with pytest.raises(TypeError, match="float"):
        register(made)


@pytest.mark.parametrize("kind", ["filled", "order.filled", "Order.filled.v1", "order.filled.v0"])
def test_a_malformed_type_is_refused(kind: str) -> None:
    class Odd(EventBody):
        type: ClassVar[str] = kind
        stream: ClassVar[str] = EVENTS

    with pytest.raises(TypeError, match="is not like"):
        register(Odd)


def test_a_type_registers_once() -> None:
    class Again(EventBody):
        type: ClassVar[str] = Priced.type
        stream: ClassVar[str] = EVENTS

    with pytest.raises(TypeError, match="twice"):
        register(Again)


def test_dead_letters_have_a_stream_per_group() -> None:
    assert dlq("execution") == "tm.dlq.execution"
