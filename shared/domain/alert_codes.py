"""Why an alert can never become a signal. The codes are public and stable."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from shared.domain.errors import AlertRefused


class ParseCode(StrEnum):
    TOO_LARGE = "parse.too_large"
    ENCODING = "parse.encoding"
    EMPTY = "parse.empty"
    PLACEHOLDER = "parse.placeholder"
    UNREADABLE = "parse.unreadable"
    NOT_OBJECT = "parse.not_object"
    TOO_DEEP = "parse.too_deep"
    TOO_MANY_FIELDS = "parse.too_many_fields"
    DUPLICATE_FIELD = "parse.duplicate_field"
    TEXT = "parse.text"
    NUMBER = "parse.number"
    ACTION = "parse.action"
    QUANTITY = "parse.quantity"
    PRICE = "parse.price"
    SENTIMENT = "parse.sentiment"
    ORDER_TYPE = "parse.order_type"
    CONTRADICTION = "parse.contradiction"
    BRACKET = "parse.bracket"
    CONFUSABLE = "parse.confusable"
    UNSUPPORTED = "parse.unsupported"


MEANINGS: Final = {
    ParseCode.TOO_LARGE: "The message is larger than 16 KB.",
    ParseCode.ENCODING: "The message is not UTF-8 text.",
    ParseCode.EMPTY: "The message is empty.",
    ParseCode.PLACEHOLDER: "TradingView left a `{{placeholder}}` unfilled; check its spelling.",
    ParseCode.UNREADABLE: "The message is neither JSON nor one of the text forms of this page.",
    ParseCode.NOT_OBJECT: "The message is JSON, but not `{...}` with named fields.",
    ParseCode.TOO_DEEP: "Values are nested more than 8 deep.",
    ParseCode.TOO_MANY_FIELDS: "There are more than 64 fields.",
    ParseCode.DUPLICATE_FIELD: "A field is given twice, so that we cannot know which one counts.",
    ParseCode.TEXT: "A name, such as the symbol, is empty, too long, or not plain ASCII text.",
    ParseCode.NUMBER: "A field holds NaN or Infinity, which JSON does not have.",
    ParseCode.ACTION: "What to do is missing, or a word that we do not know.",
    ParseCode.QUANTITY: "A size is not a whole number of contracts, 0 to 10,000, or not a percent.",
    ParseCode.PRICE: "A price is not a finite number, or `18,000` could be two numbers.",
    ParseCode.SENTIMENT: "A position is not long, short or flat.",
    ParseCode.ORDER_TYPE: "Not market, limit, stop or stop limit, or not with just its prices.",
    ParseCode.CONTRADICTION: "Two fields cannot both be true.",
    ParseCode.BRACKET: "A stop or target has no certain unit, is zero, negative or out of range.",
    ParseCode.CONFUSABLE: "A field's name has letters that only look like others.",
    ParseCode.UNSUPPORTED: "We know what this asks for, and do not do it.",
}


_SHOWN_CHARACTERS_MAX = 80


def shown(value: object) -> str:
    """A value of an alert, short and printable, for a message or a log."""
    text = str(value)
    cut = text[:_SHOWN_CHARACTERS_MAX]
    safe = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in cut)
    return safe if len(text) <= _SHOWN_CHARACTERS_MAX else f"{safe}..."


def refusal(code: ParseCode, message: str, **context: object) -> AlertRefused:
    """The error to raise; texts in `context` are made short and printable."""
    safe = {name: shown(v) if isinstance(v, str) else v for name, v in context.items()}
    return AlertRefused(code, message, **safe)
