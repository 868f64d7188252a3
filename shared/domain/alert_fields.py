"""Typed reading of an alert's fields: each read answers, or refuses under the field's code.

A field that decides what is traded is refused when it cannot be read. A field that only informs
(a comment, Pine's order name) is cleaned instead: no exit may be lost to a long comment.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Final, TypeVar

from shared.domain.alert_body import JsonConstant
from shared.domain.alert_codes import ParseCode, refusal, shown
from shared.domain.alert_signal import Sentiment
from shared.domain.alert_synonyms import SYMBOL
from shared.domain.alert_words import Action, action_of, mood_of, sentiment_of
from shared.domain.instants import TIME_FIELDS, instants_in

MAX_CONTRACTS: Final = 10_000
PRICE_LIMIT: Final = Decimal(10**12)
MAX_TEXT_CHARACTERS: Final = 128
MAX_NOTE_CHARACTERS: Final = 500

_T = TypeVar("_T")

# Small enough that no conversion of the value can be slow; `[0-9]` because `\d` takes any script.
_NUMBER = re.compile(r"[+-]?(?:[0-9]{1,15}\.?[0-9]{0,12}|\.[0-9]{1,12})(?:[eE][+-]?[0-9]{1,2})?")
# 18,000.25 and 1,234,567 are certain; 18,000 may be eighteen to somebody, and is refused.
_GROUPED = re.compile(r"[+-]?[0-9]{1,3}(?:(?:,[0-9]{3}){1,4}\.[0-9]{1,12}|(?:,[0-9]{3}){2,4})")
_PERCENT_MAX: Final = Decimal(100)
_CONTRACTS = re.compile(r"[+-]?[0-9]{1,9}(?:\.0{0,12})?")


class AlertFields:
    """The fields of one alert by lower-case name. JSON null is the same as absent."""

    __slots__ = ("values",)

    def __init__(self, values: Mapping[str, object]) -> None:
        self.values = values

    def text(self, *names: str, code: ParseCode = ParseCode.TEXT) -> str | None:
        """A name that decides; empty, long or unprintable text is refused."""
        return agreed(
            {name: _deciding_text(name, value, code) for name, value in self._present(names)}
        )

    def sentiment(self, *names: str) -> Sentiment | None:
        """Long, short or flat."""
        return agreed(
            {
                name: sentiment_of(_deciding_text(name, value, ParseCode.SENTIMENT))
                for name, value in self._present(names)
            }
        )

    def mood(self, *names: str) -> Sentiment | None:
        """Long, short or flat, or TradersPost's bullish and bearish."""
        return agreed(
            {
                name: mood_of(_deciding_text(name, value, ParseCode.SENTIMENT))
                for name, value in self._present(names)
            }
        )

    def action(self, *names: str) -> Action | None:
        """What all of these words mean together."""
        return agreed({name: action_of(value) for name, value in self._present(names)})

    def symbol(self) -> str | None:
        """A symbol, of ASCII letters: others only look like it."""
        text = self.text(*SYMBOL)
        if text is not None and not text.isascii():
            raise refusal(ParseCode.TEXT, "A symbol is plain ASCII text.", value=text)
        return text

    def percent(self, *names: str) -> Decimal | None:
        """Above 0 and up to 100, with or without the sign."""
        return agreed({name: _percent(name, value) for name, value in self._present(names)})

    def flag(self, name: str) -> bool:
        """True or false, also as text; absent is false. Refused under `parse.text`."""
        value = self.values.get(name)
        word = value.strip().lower() if isinstance(value, str) else value
        if word in (None, False, "false"):
            return False
        if word in (True, "true"):
            return True
        raise refusal(ParseCode.TEXT, "A flag is true or false.", field=name, value=shown(value))

    def has(self, *names: str) -> bool:
        return bool(self._present(names))

    def items(self, *names: str) -> list[tuple[str, object]]:
        """The fields of these names that hold something."""
        return self._present(names)

    def note(self, *names: str) -> str | None:
        """Text that only informs: cut and cleaned, None when there is nothing to show."""
        for _, value in self._present(names):
            if isinstance(value, str) and value.strip():
                return _cleaned(value.strip()[:MAX_NOTE_CHARACTERS])
        return None

    def contracts(self, *names: str) -> int | None:
        """A whole number of contracts, 0 to 10,000."""
        count = self.signed_contracts(*names)
        if count is not None and count < 0:
            raise refusal(
                ParseCode.QUANTITY, "A quantity is never negative.", field=names[0], value=count
            )
        return count

    def signed_contracts(self, *names: str) -> int | None:
        """A position in contracts, -10,000 to 10,000."""
        return agreed({name: _contracts(name, value) for name, value in self._present(names)})

    def price(self, *names: str) -> Decimal | None:
        """A finite price, exact; negative prices exist (crude oil, 20 April 2020)."""
        return agreed({name: _price(name, value) for name, value in self._present(names)})

    def instant(self, *others: str) -> datetime | None:
        """The instant with seconds in the most telling time field."""
        for name in (*TIME_FIELDS, *others):
            for instant in instants_in(name, self.values.get(name)):
                return instant
        return None

    def refuse_constants(self) -> None:
        """NaN in a field that nobody reads still makes the body something other than JSON."""
        for name, value in self.values.items():
            if isinstance(value, JsonConstant):
                raise refusal(
                    ParseCode.NUMBER,
                    "JSON has no NaN and no Infinity.",
                    field=name,
                    value=str(value),
                )

    def _present(self, names: tuple[str, ...]) -> list[tuple[str, object]]:
        values = self.values
        return [(name, values[name]) for name in names if values.get(name) is not None]


def agreed(found: dict[str, _T]) -> _T | None:
    """The one value that all aliases of a field give; None when there is none."""
    values = list(found.values())
    if any(value != values[0] for value in values):
        raise refusal(
            ParseCode.CONTRADICTION,
            "Two fields that mean the same differ.",
            **{name: str(value) for name, value in found.items()},
        )
    return values[0] if values else None


def _deciding_text(name: str, value: object, code: ParseCode) -> str:
    text = value.strip() if isinstance(value, str) else ""
    if not 0 < len(text) <= MAX_TEXT_CHARACTERS or not text.isprintable():
        raise refusal(code, "A field is not short, printable text.", field=name, value=shown(value))
    return text


def _cleaned(text: str) -> str:
    """Without what a database or a screen cannot hold: NUL, controls, lone surrogates."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def _number_text(value: object) -> str:
    """A number as text, without the commas that group its thousands for certain."""
    text = value.strip() if isinstance(value, str) else ""
    return text.replace(",", "") if _GROUPED.fullmatch(text) else text


def number_of(value: object) -> Decimal | None:
    """A finite, exact number of bounded size, or None."""
    text = _number_text(value)
    return Decimal(text) if _NUMBER.fullmatch(text) else None


def _percent(name: str, value: object) -> Decimal:
    text = value.strip().removesuffix("%") if isinstance(value, str) else ""
    percent = number_of(text)
    if percent is None or not 0 < percent <= _PERCENT_MAX:
        raise refusal(
            ParseCode.QUANTITY,
            "A part of a position is above 0 and up to 100 percent.",
            field=name,
            value=shown(value),
        )
    return percent


def _contracts(name: str, value: object) -> int:
    text = _number_text(value)
    count = int(text.partition(".")[0]) if _CONTRACTS.fullmatch(text) else None
    if count is None or abs(count) > MAX_CONTRACTS:
        raise refusal(
            ParseCode.QUANTITY,
            f"A quantity is a whole number of contracts up to {MAX_CONTRACTS}.",
            field=name,
            value=shown(value),
        )
    return count


def _price(name: str, value: object) -> Decimal:
    price = number_of(value)
    if price is None or abs(price) >= PRICE_LIMIT:
        raise refusal(
            ParseCode.PRICE, "A price is a finite number.", field=name, value=shown(value)
        )
    return price
