"""From the bytes of an alert to text, or to the fields of a JSON object.

TradingView sends JSON as `text/plain` whenever the message is not valid JSON, and people paste
templates into any box, so the content type decides nothing here. Everything is bounded before
it is looked at closely, and the time taken is linear in the size.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from shared.domain.alert_codes import ParseCode, refusal, shown
from shared.domain.alert_lookalikes import is_lookalike

MAX_BODY_BYTES: Final = 16 * 1024
MAX_DEPTH: Final = 8
MAX_FIELDS: Final = 64

_PLACEHOLDER = re.compile(r"\{\{([^{}]*)\}\}")
_SMART_QUOTES = str.maketrans(dict.fromkeys("\u201c\u201d\u201e\u201f", '"'))
_TRAILING_COMMA = re.compile(r"\\.|\"|,\s*(?=[}\]])", re.DOTALL)
_STRUCTURE = re.compile(r"\\.|[\"{}\[\]]", re.DOTALL)


class JsonNumber(str):
    """A number as the alert wrote it, not yet converted: exact, and harmless however long.

    The words NaN, Infinity and -Infinity come as this too, so that the field holding one can
    refuse it under its own code.
    """

    __slots__ = ()


class JsonConstant(JsonNumber):
    """NaN, Infinity or -Infinity, which JSON does not have."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class AlertBody:
    """`fields` is None when the text is not JSON; their names are lower case and stripped."""

    text: str
    fields: Mapping[str, object] | None


def open_body(body: bytes) -> AlertBody:
    """Decode, bound and, where it is JSON, take apart.

    Raises `AlertRefused`: `parse.too_large`, `.encoding`, `.empty`, `.placeholder`,
    `.not_object`, `.too_deep`, `.too_many_fields`, `.duplicate_field`.
    """
    if len(body) > MAX_BODY_BYTES:
        raise refusal(
            ParseCode.TOO_LARGE,
            f"The alert is larger than {MAX_BODY_BYTES} bytes.",
            size_bytes=len(body),
        )
    text = _text(body)
    _refuse_placeholder(text)
    return AlertBody(text=text, fields=_json_fields(text))


def _text(body: bytes) -> str:
    try:
        text = body.decode("utf-8-sig").strip()
    except UnicodeDecodeError as error:
        raise refusal(
            ParseCode.ENCODING, "The alert is not UTF-8 text.", at_byte=error.start
        ) from None
    if not text:
        raise refusal(ParseCode.EMPTY, "The alert has no text.")
    return text


def _refuse_placeholder(text: str) -> None:
    found = _PLACEHOLDER.search(text)
    if found is not None:
        name = shown(found.group(1).strip())
        raise refusal(
            ParseCode.PLACEHOLDER,
            f"TradingView did not fill in the placeholder {{{{{name}}}}}.",
            placeholder=name,
        )


def _json_fields(text: str) -> Mapping[str, object] | None:
    value = _parsed(text)
    if value is _BROKEN and text.startswith("{"):
        value = _parsed(_mended(text))
    if value is _BROKEN:
        return None
    if not isinstance(value, dict):
        raise refusal(
            ParseCode.NOT_OBJECT, "The alert is JSON, but not an object with named fields."
        )
    return fold_names(list(value.items()))


_BROKEN: Final = object()


def _parsed(text: str) -> object:
    _refuse_depth(text)
    objects = _Objects()
    try:
        return json.loads(
            text,
            object_pairs_hook=objects.build,
            parse_int=JsonNumber,
            parse_float=JsonNumber,
            parse_constant=JsonConstant,
        )
    except json.JSONDecodeError:
        return _BROKEN


def _mended(text: str) -> str:
    """The two slips of a pasted template whose meaning is certain.

    Curly quotes, where there is not one straight quote that they could stand inside of; and a
    comma before a closing bracket. TradersPost lists both as what people send most:
    https://docs.traderspost.io/docs/core-concepts/signals/webhooks.
    """
    if '"' not in text:
        text = text.translate(_SMART_QUOTES)
    quoted = False

    def kept(found: re.Match[str]) -> str:
        nonlocal quoted
        mark = found.group()
        if mark == '"':
            quoted = not quoted
        return "" if mark[0] == "," and not quoted else mark

    return _TRAILING_COMMA.sub(kept, text)


def _refuse_depth(text: str) -> None:
    """Look before the parser does: its own guard depends on how deep our caller stands."""
    depth = 0
    quoted = False
    for found in _STRUCTURE.finditer(text):
        mark = found.group()
        if mark == '"':
            quoted = not quoted
        elif not quoted and mark in "{[":
            depth += 1
        elif not quoted and mark in "}]":
            depth -= 1
        if depth > MAX_DEPTH:
            raise refusal(
                ParseCode.TOO_DEEP, "The alert nests values too deeply.", depth_max=MAX_DEPTH
            )


class _Objects:
    """Builds the objects of one body, counting the fields of all of them together."""

    __slots__ = ("_fields",)

    def __init__(self) -> None:
        self._fields = 0

    def build(self, pairs: list[tuple[str, object]]) -> dict[str, object]:
        self._fields += len(pairs)
        refuse_field_count(self._fields)
        built: dict[str, object] = {}
        for name, value in pairs:
            _add(built, name, value)
            for text in (name, value):
                if isinstance(text, str):
                    _refuse_placeholder(text)  # one written with escapes is seen only now
        return built


def refuse_field_count(count: int) -> None:
    if count > MAX_FIELDS:
        raise refusal(
            ParseCode.TOO_MANY_FIELDS, "The alert has too many fields.", fields_max=MAX_FIELDS
        )


def fold_names(pairs: list[tuple[str, object]]) -> Mapping[str, object]:
    """Fields by lower-case, stripped name; the same name twice is refused, not chosen from."""
    folded: dict[str, object] = {}
    for name, value in pairs:
        folded_name = name.strip().lower()
        if is_lookalike(folded_name):
            raise refusal(
                ParseCode.CONFUSABLE, "A field's name only looks like a known one.", field=name
            )
        _add(folded, folded_name, value)
    return MappingProxyType(folded)


def _add(fields: dict[str, object], name: str, value: object) -> None:
    if name in fields:
        raise refusal(ParseCode.DUPLICATE_FIELD, "The alert gives a field twice.", field=name)
    fields[name] = value
