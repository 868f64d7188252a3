"""The envelope: what every message says about itself, whatever its body is.

A body is plain JSON of strings, integers, booleans, null, lists and objects. A JSON fraction never
occurs: money, prices and ratios travel as strings, because a reader may turn a number into a float.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, JsonValue

if TYPE_CHECKING:
    _Body = dict[str, JsonValue]
else:
    # A body is parsed JSON, or a registered model's: to ask every value in it whether it is JSON
    # was the most of what an envelope cost, at each service that reads one.
    _Body = dict[str, Any]


class Envelope(BaseModel):
    """One message. Never changed after it was built.

    `id` is computed from the fact (`domain.ids.event_id`), so a repeat is recognised. `seq` is
    gap-free per account on `tm.events`. `aggregate` names what it is about (`order:42`).
    `correlation_id` is the signal's id all the way through; `causation_id` the direct cause.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", strict=False)

    id: UUID
    type: str
    stream: str
    occurred_at: AwareDatetime
    correlation_id: str
    causation_id: str | None = None
    user_id: int | None = None
    account_id: int | None = None
    seq: int | None = None
    aggregate: str
    body: _Body

    def to_bytes(self) -> bytes:
        return self.__pydantic_serializer__.to_json(self)

    @classmethod
    def from_bytes(cls, raw: bytes) -> Envelope:
        """Raises `pydantic.ValidationError` on anything that is not an envelope."""
        return cls.model_validate_json(raw)

    @classmethod
    def from_row(cls, row: Any) -> Envelope:
        """From a row of the outbox, whose columns are ours and were checked when written."""
        occurred_at: datetime = row.occurred_at
        return cls.model_construct(
            id=row.event_id,
            type=row.type,
            stream=row.stream,
            occurred_at=occurred_at,
            correlation_id=row.correlation_id,
            causation_id=row.causation_id,
            user_id=row.user_id,
            account_id=row.account_id,
            seq=row.seq,
            aggregate=row.aggregate,
            body=row.body,
        )
