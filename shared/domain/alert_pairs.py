"""Lines of `key=value`, split by semicolons, new lines or commas; CrossTrade's commands among them.

    action=buy; symbol=MNQ1!; quantity=2; sl=20 ticks
    side=buy, amount=2, symbol=MNQ1!
    key=...; command=PLACE; account=sim101; instrument=NQ 12-26; action=BUY; qty=1; ...

The keys are those of JSON. Commas need `side` or `command`: without them the line could be the
original's plain text whose head was lost, where Amount is a position and not a size.
CrossTrade: https://docs.crosstrade.io/webhooks/commands and .../advanced-options/bracket-orders
(its bare take_profit and stop_loss are prices) and .../advanced-options/flatten-first.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from shared.domain.alert_body import AlertBody, fold_names, refuse_field_count
from shared.domain.alert_codes import ParseCode, refusal
from shared.domain.alert_fields import AlertFields, number_of
from shared.domain.alert_json import read_fields
from shared.domain.alert_signal import Sentiment, Side, Signal, SignalKind, SignalOrderType
from shared.domain.alert_synonyms import ACTION
from shared.domain.alert_words import action_of

PAIRS_DIALECT: Final = "key_value"
CROSSTRADE_DIALECT: Final = "crosstrade"

_SEPARATOR = re.compile(r"[;\n]")
_KEY = re.compile(r"[A-Za-z][A-Za-z0-9_.]{0,39}")
_TELLING: Final = frozenset({*ACTION, "side", "command", "sentiment", "market_position"})
_COMMANDS: Final = {
    "closeposition": "close",
    "flatten": "close",
    "reverse": "reverse",
    "reverseposition": "reverse",
    "cancelorders": "cancel",
}
_SIDES: Final = {Side.BUY: "long", Side.SELL: "short"}
# Conditions of CrossTrade on whether to trade at all: left unread they would change the trade.
_CONDITIONS: Final = ("require_market_position", "max_positions", "delay")


def pairs_fields(body: AlertBody) -> AlertFields | None:
    """The pairs; None when the text has another form."""
    if body.fields is not None:
        return None
    by_commas = _SEPARATOR.search(body.text) is None
    parts = body.text.split(",") if by_commas else _SEPARATOR.split(body.text)
    pairs = [part.strip().partition("=") for part in parts if part.strip()]
    keys = {key.strip().lower() for key, _, _ in pairs}
    shaped = all(equals and _KEY.fullmatch(key.strip()) for key, equals, _ in pairs)
    if len(parts) == 1 or not shaped or not keys & _TELLING:
        return None
    if by_commas and not keys & {"side", "command"}:
        return None
    refuse_field_count(len(pairs))
    return AlertFields(fold_names([(key, value.strip()) for key, _, value in pairs]))


def read_pairs(fields: AlertFields) -> Signal:
    """Raises `AlertRefused` with the code of the first pair that cannot be read."""
    if "command" in fields.values:
        return _read_command(fields)
    values = fields.values
    if "side" in values and "amount" in values and not fields.has(*ACTION):
        pairs = [("quantity" if key == "amount" else key, each) for key, each in values.items()]
        values = fold_names(pairs)
    return read_fields(AlertFields(values), PAIRS_DIALECT)


def _read_command(fields: AlertFields) -> Signal:
    command = (fields.text("command", code=ParseCode.ACTION) or "").lower()
    if fields.has(*_CONDITIONS):
        raise refusal(ParseCode.UNSUPPORTED, "We do not check this condition of CrossTrade's.")
    # `strategy` is NinjaTrader's template there, not the name of a strategy of ours.
    values = {key: value for key, value in fields.values.items() if key != "strategy"}
    if command == "place":
        return _read_place(fields, values)
    if command not in _COMMANDS:
        action_of(command if command != "cancel" else "modify")
        raise refusal(ParseCode.ACTION, "The alert's command is not one we know.", command=command)
    asked = fields.action("action") if command == "reverseposition" else None
    if asked is not None and asked.side is not None:
        values["market_position"] = _SIDES[asked.side]
    return read_fields(AlertFields(values | {"action": _COMMANDS[command]}), CROSSTRADE_DIALECT)


def _read_place(fields: AlertFields, values: dict[str, object]) -> Signal:
    word = fields.text("order_type", code=ParseCode.ORDER_TYPE)
    if word is not None and word.lower() == "stopmarket":
        values["order_type"] = "stop"
    signal = read_fields(AlertFields(_priced(values)), CROSSTRADE_DIALECT)
    if signal.kind is not SignalKind.ORDER:
        raise refusal(ParseCode.ACTION, "PLACE has the action buy or sell.")
    return _flat_first(signal) if fields.flag("flatten_first") else signal


def _priced(values: Mapping[str, object]) -> dict[str, object]:
    levels = {"take_profit", "stop_loss"}
    return {
        f"{key}_price" if key in levels and number_of(value) is not None else key: value
        for key, value in values.items()
    }


def _flat_first(signal: Signal) -> Signal:
    """Flat first and then so many is a position of so many, whatever was held."""
    if signal.order_type is not SignalOrderType.MARKET or not signal.quantity:
        raise refusal(
            ParseCode.UNSUPPORTED, "flatten_first is read with market orders of a given size."
        )
    long = signal.side is Side.BUY
    return replace(
        signal,
        kind=SignalKind.TARGET,
        side=None,
        sentiment=Sentiment.LONG if long else Sentiment.SHORT,
        target_position=signal.quantity if long else -signal.quantity,
    )
