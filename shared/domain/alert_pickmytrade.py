"""PickMyTrade's JSON: `data` is the action, and zero in a level's field means that there is none.

Source: https://docs.pickmytrade.io/docs/rithmic-json-configuration-for-tradingview-integration
and https://pickmytrade.io/pages/alert.html. A close ends the whole position, whatever quantity
the template carries. What the `dollar_` levels count could not be made out for certain: refused.
Accounts and multipliers named in the alert are theirs, not ours: our own settings say who trades.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from shared.domain.alert_body import AlertBody
from shared.domain.alert_codes import ParseCode, refusal
from shared.domain.alert_fields import AlertFields, number_of
from shared.domain.alert_json import read_fields
from shared.domain.alert_signal import Signal, SignalKind
from shared.domain.alert_synonyms import (
    MARKET_POSITION,
    MARKET_POSITION_SIZE,
    POSITION_SIZE,
    PREV_MARKET_POSITION,
)

PICKMYTRADE_DIALECT: Final = "pickmytrade"

_MARKS: Final = frozenset(
    {"token", "multiple_accounts", "reverse_order_close", "duplicate_position_allow",
     "percentage_sl", "percentage_tp", "dollar_sl", "dollar_tp", "risk_percentage"}
)  # fmt: skip
_LEVELS: Final = {
    "sl": "sl_price",
    "tp": "tp_price",
    "percentage_sl": "sl_percent",
    "percentage_tp": "tp_percent",
}
_REFUSED: Final = ("dollar_sl", "dollar_tp", "trail", "trail_stop", "trail_trigger", "trail_freq")
_OTHERS: Final = ("update_tp", "update_sl", "risk_percentage")
_KEPT: Final = (
    *("symbol", "price", "comment", "strategy_name", "timenow", "timestamp", "time"),
    *(*MARKET_POSITION, *PREV_MARKET_POSITION, *MARKET_POSITION_SIZE, *POSITION_SIZE),
)


def pickmytrade_fields(body: AlertBody) -> AlertFields | None:
    """The fields as sent; None when they are not of this shape."""
    fields = body.fields
    if fields is None or "data" not in fields or "action" in fields or not _MARKS & fields.keys():
        return None
    return AlertFields(fields)


def read_pickmytrade(fields: AlertFields) -> Signal:
    """Raises `AlertRefused`: `parse.unsupported` for what would change the trade unread."""
    action = fields.action("data")
    if action is None or action.kind not in {SignalKind.ORDER, SignalKind.CLOSE}:
        raise refusal(ParseCode.ACTION, "`data` is buy, sell or close.")
    for name in _OTHERS:
        if _told(fields.values, name):
            raise refusal(ParseCode.UNSUPPORTED, "We do not do what this field asks.", field=name)
    _refuse_order_type(fields)
    plain: dict[str, object] = {"action": fields.values["data"]}
    plain |= {name: fields.values[name] for name in _KEPT if name in fields.values}
    if action.kind is SignalKind.ORDER:
        plain |= _entry(fields)
    fields.refuse_constants()
    return read_fields(AlertFields(_dated(plain, fields.values)), PICKMYTRADE_DIALECT)


def _entry(fields: AlertFields) -> dict[str, object]:
    for name in _REFUSED:
        if _told(fields.values, name):
            raise refusal(ParseCode.BRACKET, "This level has no certain unit.", field=name)
    levels = {
        ours: fields.values[theirs]
        for theirs, ours in _LEVELS.items()
        if _told(fields.values, theirs)
    }
    if {"tp_price", "tp_percent"} <= levels.keys():
        raise refusal(ParseCode.CONTRADICTION, "The alert gives two targets for one order.")
    return {"quantity": fields.values.get("quantity")} | levels


def _refuse_order_type(fields: AlertFields) -> None:
    word = fields.text("order_type", code=ParseCode.ORDER_TYPE)
    if word is not None and word.upper() not in {"MKT", "MARKET"}:
        raise refusal(ParseCode.ORDER_TYPE, "Of PickMyTrade we read market orders.", value=word)


def _told(fields: Mapping[str, object], name: str) -> bool:
    """Whether a field says more than PickMyTrade's zero or false, which mean nothing there."""
    value = fields.get(name)
    off = value is None or value is False
    if isinstance(value, str):
        off = value.strip().lower() in {"", "false"} or number_of(value) == 0
    return not off


def _dated(plain: dict[str, object], fields: Mapping[str, object]) -> dict[str, object]:
    """`date` holds the moment of the alert."""
    return plain if plain.get("timenow") is not None else plain | {"timenow": fields.get("date")}
