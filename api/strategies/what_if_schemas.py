"""What would happen, as the API says it: problems of settings, the truth table, a plan."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field, JsonValue, WithJsonSchema

from api.schemas import Answer, Body
from api.wire import DecimalText
from shared.domain.signal import MAX_BODY_BYTES

# As for create, or with `id` as for update; read by whichever it is only once that is known.
Settings = Annotated[
    dict[str, JsonValue],
    WithJsonSchema(
        {
            "anyOf": [
                {"$ref": "#/components/schemas/UpdateIn"},
                {"$ref": "#/components/schemas/CreateIn"},
            ],
            "examples": [
                {"name": "Breakout", "symbol": "NQ1!", "rules": {"direction": "long_only"}},
                {"id": 7, "rules": {"entries": {"max_adds": 2}}},
            ],
        }
    ),
]


class Problem(Answer):
    """`field` is the path of the setting; empty where it is about all of them."""

    field: str
    code: str
    message: str


class ValidateOut(Answer):
    """Errors forbid saving, warnings do not."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "errors": [
                        {
                            "field": "rules.entries.max_adds",
                            "code": "request.invalid",
                            "message": "Input should be greater than or equal to 0",
                        }
                    ],
                    "warnings": [],
                }
            ]
        }
    )

    errors: list[Problem]
    warnings: list[Problem]


class LineOut(Answer):
    """What one alert does while so much is held (signed contracts)."""

    alert: str
    position: int
    code: str
    says: str
    orders: list[str]


class TableOut(Answer):
    """`account_id` 0: no account is linked; a plain one is taken for an example."""

    account_id: int
    account: str | None
    lines: list[LineOut]


class ExplainOut(Answer):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "accounts": [
                        {
                            "account_id": 7,
                            "account": "PAPER1",
                            "lines": [
                                {
                                    "alert": "sell",
                                    "position": 1,
                                    "code": "plan.reverse",
                                    "says": "Close the position; once it is flat, enter the other"
                                    " side with its bracket.",
                                    "orders": ["Close NQZ6", "Sell 1 NQZ6"],
                                }
                            ],
                        }
                    ]
                }
            ]
        }
    )

    accounts: list[TableOut]


class PreviewIn(Body):
    """An alert, as text or as the JSON that TradingView would send, and settings to try it with."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"alert": {"symbol": "NQ1!", "action": "buy", "price": "21000.25"}},
                {
                    "alert": "NAME: buy, Price = 21000.25, Ticker = NQ1!, Period = 1,"
                    " Action = long, Amount = 1",
                    "settings": {"rules": {"direction": "short_only"}},
                },
            ]
        }
    )

    alert: Annotated[str, Field(max_length=MAX_BODY_BYTES)] | dict[str, JsonValue]
    settings: Settings | None = None


class Reason(Answer):
    """`detail`: the compared values."""

    code: str
    message: str
    detail: dict[str, str] = Field(default_factory=dict)


class OrderOut(Answer):
    """One order, or a leg of the order named `parent`; `after`: sent once that one has ended.

    A leg's `level` is where it would stand were the parent filled at its own price, or at the
    alert's; None where neither is known. The legs of rung 0 leave with the entry and cover all of
    it at first; those of a later rung take over their part once it has filled. `moves`: what moves
    a stop. `qty` 0 of an exit: all that is held by then.
    """

    leg: str
    role: str
    action: str
    contract: str
    qty: int
    order_type: str
    price: DecimalText | None
    stop_price: DecimalText | None
    offset_ticks: int | None
    offset_percent: DecimalText | None
    level: DecimalText | None
    rung: int
    moves: dict[str, JsonValue] | None
    parent: str | None
    after: str | None


class PlanOut(Answer):
    """What the alert would do in one account now. `withheld`: why a reverse only closes."""

    account_id: int
    account: str | None
    disposition: str
    reason: Reason
    orders: list[OrderOut]
    withheld: Reason | None


class ReadOut(Answer):
    """How the alert is understood; what it does not say is left out."""

    dialect: str
    kind: str
    says: dict[str, JsonValue]
    other_strategy: str | None  # the name in the alert, where it is not this strategy's


class PreviewOut(Answer):
    """Nothing is stored and nothing is sent. `refused`: why the alert can never be a signal."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "read": {
                        "dialect": "json",
                        "kind": "order",
                        "says": {"side": "buy", "symbol": "NQ1!", "price": "21000.25"},
                        "other_strategy": None,
                    },
                    "refused": None,
                    "accounts": [
                        {
                            "account_id": 7,
                            "account": "PAPER1",
                            "disposition": "BLOCKED",
                            "reason": {
                                "code": "netting.owned_by",
                                "message": "Another strategy owns NQ in this account.",
                                "detail": {"owner": "3"},
                            },
                            "orders": [],
                            "withheld": None,
                        }
                    ],
                }
            ]
        }
    )

    read: ReadOut | None
    refused: Reason | None
    accounts: list[PlanOut]
