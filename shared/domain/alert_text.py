"""The plain text dialect of the original product.

    NAME: buy, Price = 1.0, Ticker = NQ1!, Period = 1, Action = long, Amount = 1

Action decides, and Amount is the signed target position. The word after the name is what the
order did to get there; it is checked to be a known one and then left alone, since a strategy
that buys back part of a short says `buy`, `short`. Spacing, case and the order of the pairs are
free.
"""

from __future__ import annotations

from typing import Final

from shared.domain.alert_body import AlertBody, fold_names, refuse_field_count
from shared.domain.alert_codes import ParseCode, refusal
from shared.domain.alert_fields import AlertFields
from shared.domain.alert_signal import Sentiment, Signal, SignalKind
from shared.domain.alert_words import action_of, sentiment_of, signed_position

PLAIN_TEXT_DIALECT: Final = "plain_text"


def plain_text_fields(body: AlertBody) -> AlertFields | None:
    """The pairs, with `name` and `order` for the head; None when the text has another form."""
    if body.fields is not None:
        return None
    parts = body.text.split(",")
    refuse_field_count(len(parts))
    pairs_from = next((i for i, part in enumerate(parts) if "=" in part), len(parts))
    # A name may hold commas and colons: the head ends where the pairs begin.
    name, colon, order = ",".join(parts[:pairs_from]).rpartition(":")
    pairs = [part.partition("=") for part in parts[pairs_from:] if part.strip()]
    if not colon or not all(equals for _, equals, _ in pairs):
        return None
    fields = [(key, value.strip()) for key, _, value in pairs]
    folded = fold_names([("name", name.strip()), ("order", order.strip()), *fields])
    return AlertFields(folded) if "action" in folded else None


def read_plain_text(fields: AlertFields) -> Signal:
    """Raises `AlertRefused` with the code of the first pair that cannot be read."""
    action_of(fields.values["order"])
    position = _position(fields)
    return Signal(
        kind=SignalKind.TARGET,
        dialect=PLAIN_TEXT_DIALECT,
        target_position=_target(position, fields.signed_contracts("amount")),
        sentiment=position,
        symbol=fields.symbol(),
        price=fields.price("price"),
        strategy_name=fields.note("name"),
        timeframe=fields.note("period"),
        comment=fields.note("comment"),
        alert_time=fields.instant(),
    )


def _position(fields: AlertFields) -> Sentiment:
    return sentiment_of(str(fields.values["action"]), code=ParseCode.ACTION)


def _target(position: Sentiment, amount: int | None) -> int:
    if amount is not None:
        return signed_position(position, amount)
    if position is not Sentiment.FLAT:
        raise refusal(ParseCode.QUANTITY, "Amount is missing.", field="amount")
    return 0
