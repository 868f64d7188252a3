"""Reads the body of an alert into one `Signal`, or says why it never can be one.

    bytes --alert_body--> text, or the fields of a JSON object
          --first dialect that knows the shape--> Signal and its fields

The order of `DIALECTS` is part of the promise: a special shape comes before a general one, and
a dialect that knows a shape as its own answers for it, with a signal or a refusal.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from shared.domain.alert_body import MAX_BODY_BYTES, AlertBody, open_body
from shared.domain.alert_codes import ParseCode, refusal
from shared.domain.alert_fields import AlertFields
from shared.domain.alert_json import JSON_DIALECT, json_fields, read_json
from shared.domain.alert_pairs import PAIRS_DIALECT, pairs_fields, read_pairs
from shared.domain.alert_pickmytrade import (
    PICKMYTRADE_DIALECT,
    pickmytrade_fields,
    read_pickmytrade,
)
from shared.domain.alert_signal import Level, Sentiment, Side, Signal, SignalKind, SignalOrderType
from shared.domain.alert_text import PLAIN_TEXT_DIALECT, plain_text_fields, read_plain_text

__all__ = [
    "DIALECTS",
    "MAX_BODY_BYTES",
    "Dialect",
    "Level",
    "ParseCode",
    "ReadAlert",
    "Sentiment",
    "Side",
    "Signal",
    "SignalKind",
    "SignalOrderType",
    "read",
    "read_alert",
]


@dataclass(frozen=True, slots=True)
class Dialect:
    """One way of writing alerts.

    `fields_of` answers None when the body has another shape, or refuses a shape that is its own
    but broken; `signal_of` then reads the fields or raises `AlertRefused`.
    """

    name: str
    fields_of: Callable[[AlertBody], AlertFields | None]
    signal_of: Callable[[AlertFields], Signal]


DIALECTS: Final = (
    Dialect(PICKMYTRADE_DIALECT, pickmytrade_fields, read_pickmytrade),
    Dialect(JSON_DIALECT, json_fields, read_json),
    Dialect(PLAIN_TEXT_DIALECT, plain_text_fields, read_plain_text),
    Dialect(PAIRS_DIALECT, pairs_fields, read_pairs),
)


@dataclass(frozen=True, slots=True)
class ReadAlert:
    """A signal, and the alert's fields by lower-case name, as `dedupe.evidence_of` wants them."""

    signal: Signal
    fields: Mapping[str, object]


def read(body: bytes, content_type: str | None) -> ReadAlert:
    """The signal and the fields of an alert.

    Raises `AlertRefused` with a `ParseCode`, and nothing else, whatever the bytes. The content
    type decides nothing: it only words the refusal of a body that is no dialect of ours.
    """
    opened = open_body(body)
    for dialect in DIALECTS:
        fields = dialect.fields_of(opened)
        if fields is not None:
            return ReadAlert(dialect.signal_of(fields), fields.values)
    raise refusal(
        ParseCode.UNREADABLE,
        "The alert is neither a JSON object nor one of the plain text forms.",
        content_type=content_type,
    )


def read_alert(body: bytes, content_type: str | None) -> Signal:
    """The signal of an alert; raises as `read` does."""
    return read(body, content_type).signal
