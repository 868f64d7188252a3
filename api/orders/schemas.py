"""Orders given by hand."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Final, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from api.schemas import Answer, Body
from api.wire import BIGINT_MAX, Line
from shared.domain.rules.bracket import DistanceUnit

_TARGETS_MAX: Final = 5
_QTY_MAX: Final = 100_000

Price = Annotated[Decimal, Field(gt=0, max_digits=20, decimal_places=9, allow_inf_nan=False)]
Id = Annotated[int, Field(ge=1, le=BIGINT_MAX)]


class LevelIn(Body):
    """A price itself (unit `price`), or a distance from the entry's price."""

    at: Annotated[Decimal, Field(gt=0, le=1_000_000, decimal_places=9, allow_inf_nan=False)]
    unit: DistanceUnit


class ManualIn(Body):
    """What an alert of this strategy would say: its settings, limits and accounts rule as ever.

    `quantity` None is the strategy's own size; `symbol` None its own symbol. A `close` ends all of
    it, `cancel` takes back entries that still work.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "strategy_id": 7,
                    "action": "buy",
                    "quantity": 1,
                    "symbol": "MNQ1!",
                    "order_type": "limit",
                    "limit_price": "21000.25",
                    "stop": {"at": "40", "unit": "ticks"},
                    "targets": [{"at": "80", "unit": "ticks"}],
                },
                {"strategy_id": 7, "action": "close"},
            ]
        }
    )

    strategy_id: Id
    action: Literal["buy", "sell", "close", "cancel"]
    quantity: Annotated[int, Field(ge=1, le=_QTY_MAX)] | None = None
    symbol: Annotated[Line, Field(min_length=1, max_length=60)] | None = None
    order_type: Literal["market", "limit", "stop"] = "market"
    limit_price: Price | None = None
    stop_price: Price | None = None
    stop: LevelIn | None = None
    targets: Annotated[tuple[LevelIn, ...], Field(max_length=_TARGETS_MAX)] = ()

    @model_validator(mode="after")
    def _fits(self) -> Self:
        """Each price belongs to its order type, and an exit has no bracket."""
        if (self.limit_price is not None) != (self.order_type == "limit"):
            raise ValueError("limit_price belongs to order_type limit, which needs it")
        if (self.stop_price is not None) != (self.order_type == "stop"):
            raise ValueError("stop_price belongs to order_type stop, which needs it")
        named = self.model_fields_set - {"strategy_id", "action", "symbol"}
        if self.action in {"close", "cancel"} and named:
            raise ValueError(f"{self.action} takes nothing but the symbol")
        return self


class PlacedOut(Answer):
    """Committed: `/api/signals/{signal_id}/` shows what becomes of it in each account."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"message": "Order taken.", "signal_id": 42, "strategy_id": 7}]
        }
    )

    message: str
    signal_id: int
    strategy_id: int


class CloseIn(Body):
    """What one strategy holds and works in one account; without a strategy all of ours there."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"account_id": 3, "strategy_id": 7}, {"account_id": 3}]}
    )

    account_id: Id
    strategy_id: Id | None = None


class ClosingOut(Answer):
    """Committed: `/api/commands/{command_id}/` says when the exits are on their way."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"message": "It is being closed.", "command_id": 42}]}
    )

    message: str
    command_id: int
