"""The types that all rules are made of."""

from __future__ import annotations

from decimal import Decimal
from functools import cache
from typing import Annotated, Any, Final
from zoneinfo import available_timezones

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

CONTRACTS_MAX: Final = 1_000_000
_SECONDS_MAX: Final = 7 * 86_400
_USD_MAX: Final = Decimal(1_000_000_000)


def exact(value: Any) -> Any:
    """A float has lost its digits already, and `true` is no number."""
    if isinstance(value, bool | float):
        raise ValueError("an exact number is wanted, as an integer or as text")  # noqa: TRY004 - pydantic turns it into a field's error
    return value


@cache
def _zones() -> frozenset[str]:
    """Asked once: it walks through the system's files, and rules are read with each signal."""
    return frozenset(available_timezones())


def _zone(name: str) -> str:
    if name not in _zones():
        raise ValueError("not a time zone of the IANA database")
    return name


Contracts = Annotated[int, BeforeValidator(exact), Field(ge=0, le=CONTRACTS_MAX)]
Count = Annotated[int, BeforeValidator(exact), Field(ge=0, le=100_000)]
Ticks = Annotated[int, BeforeValidator(exact), Field(ge=0, le=1_000_000)]
Seconds = Annotated[int, BeforeValidator(exact), Field(ge=0, le=_SECONDS_MAX)]
Usd = Annotated[Decimal, BeforeValidator(exact), Field(ge=0, le=_USD_MAX, decimal_places=2)]
Percent = Annotated[
    Decimal, BeforeValidator(exact), Field(ge=0, le=100, max_digits=9, decimal_places=6)
]
Amount = Annotated[Decimal, BeforeValidator(exact), Field(gt=0, le=1_000_000, decimal_places=9)]
Zone = Annotated[str, AfterValidator(_zone)]

CHICAGO: Final = "America/Chicago"
NEW_YORK: Final = "America/New_York"


class Rule(BaseModel):
    """Base of every rule: immutable, no unknown field."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def stored(self) -> dict[str, Any]:
        """As JSON, without what is neutral: a row keeps what its owner said and no more."""
        return self.model_dump(mode="json", exclude_defaults=True)
