"""The page for the trader: how an alert may be written, from the reader's own tables.

The examples are those of the corpus that the reader is tested with.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from typing import Any, Final

from cli.paths import ROOT
from shared.domain.alert_body import MAX_BODY_BYTES, MAX_DEPTH, MAX_FIELDS
from shared.domain.alert_bracket import UNIT_WORDS
from shared.domain.alert_codes import MEANINGS
from shared.domain.alert_synonyms import AMBIGUOUS_SIZE, FIELDS
from shared.domain.alert_words import ACTION_WORDS, UNSUPPORTED_WORDS

_CORPUS: Final = ROOT / "tests" / "corpus" / "alerts"
_EXAMPLES_MAX: Final = 6

_DIALECTS: Final = {
    "json": (
        "JSON",
        (
            "An object with the fields below, in any order and case. Curly quotes (where there are"
            " no straight ones) and a comma before a closing bracket are mended."
        ),
    ),
    "plain_text": (
        "Plain text of the original",
        (
            "`NAME: order, Key = value, ...`. `Action` decides, and `Amount` is the signed"
            " **position** to hold, not a size to trade."
        ),
    ),
    "traderspost": (
        "TradersPost",
        "Its JSON, with `stopLoss` and `takeProfit` as objects; `amount` counts points there.",
    ),
    "pickmytrade": (
        "PickMyTrade",
        (
            "Its JSON, known by `data` beside fields such as `token`. A level of 0 means none, a"
            " close ends the whole position, and `dollar_` levels are refused because their unit is"
            " not certain. Accounts and multipliers in the alert are not used."
        ),
    ),
    "crosstrade": (
        "CrossTrade",
        (
            "Its commands. Bare `take_profit` and `stop_loss` are prices, `flatten_first` with a"
            " market order asks for exactly that position."
        ),
    ),
    "key_value": (
        "Lines of key=value",
        (
            "The fields below, split by semicolons or new lines. Commas will do where there is a"
            " `side`; only there is `amount` a size."
        ),
    ),
}


def page(note: str) -> str:
    """The whole page in Markdown."""
    return "\n".join([*_head(note), *_shapes(), *_fields(), *_words(), *_refusals(), ""])


def _head(note: str) -> list[str]:
    return [
        *("# How to write an alert", "", note, ""),
        "A message is read in the first of these forms that it has; the content type does not",
        "matter. What is uncertain is refused with a code and never guessed: no direction, no",
        (
            f"size, no symbol. A message has at most {MAX_BODY_BYTES // 1024} KB, {MAX_FIELDS}"
            f" fields and {MAX_DEPTH} levels."
        ),
        "",
        "Recommended for strategies, because a target survives lost and repeated alerts:",
        "",
        "```json",
        '{"symbol": "{{ticker}}", "market_position": "{{strategy.market_position}}",',
        ' "market_position_size": "{{strategy.market_position_size}}", "price": "{{close}}",',
        ' "order_id": "{{strategy.order.id}}", "timenow": "{{timenow}}"}',
        "```",
        "",
    ]


def _shapes() -> list[str]:
    lines = ["## Forms", ""]
    for name, (title, text) in _DIALECTS.items():
        lines += [f"### {title}", "", text, "", "| message | read as |", "|---|---|"]
        lines += [f"| `{_cell(row['body'])}` | {_reading(row['reads'])} |" for row in _rows(name)]
        lines.append("")
    return lines


def _rows(name: str) -> list[dict[str, Any]]:
    content = tomllib.loads((_CORPUS / f"{name}.toml").read_text(encoding="utf-8"))
    return [row for row in content["alert"] if "reads" in row and "body" in row][:_EXAMPLES_MAX]


def _cell(text: str) -> str:
    return " ⏎ ".join(text.strip().splitlines()).replace("|", "\\|")


def _reading(reads: dict[str, Any]) -> str:
    kind, *rest = reads.items()
    return ", ".join([f"**{kind[1]}**", *(f"{key} {_value(value)}" for key, value in rest)])


def _value(value: object) -> str:
    match value:
        case {"at": at, "unit": unit}:
            return f"{at} {unit}"
        case list():
            return " and ".join(_value(each) for each in value)
        case _:
            return _cell(str(value))


def _fields() -> list[str]:
    rows = [
        f"| {meaning} | {', '.join(f'`{name}`' for name in synonyms)} |"
        for meaning, synonyms in FIELDS.items()
    ]
    return [
        *("## Fields", "", "Two names of one field may both be there when they agree."),
        *("Fields of other names are not used, and do no harm.", ""),
        *("| meaning | names |", "|---|---|", *rows, ""),
        "Numbers may be text. `18,000.25` and `1,234,567` are read, `18,000` is refused: to some",
        "it is eighteen. Zero is a value, `null` is the same as no field. A stop, target or trail",
        "has its unit behind the number (`20 ticks`, `0.5%`), in the field's name (`sl_ticks`,",
        f"`tp_price`) or beside it (`units`): {_code(UNIT_WORDS)}.",
        f"Alone, {_code(AMBIGUOUS_SIZE)} are refused: products mean different things by them.",
        "",
    ]


def _words() -> list[str]:
    return [
        *("## Actions", "", "Case, spaces, `_` and `-` do not matter.", ""),
        f"Read: {_code(ACTION_WORDS)}.",
        "",
        *("Refused with `parse.unsupported`:", "", "| action | why |", "|---|---|"),
        *(f"| `{word}` | {why} |" for word, why in UNSUPPORTED_WORDS.items()),
        "",
        "A stop limit order (`stop_limit`, with `stop_price` and `limit_price`) waits for its",
        "trigger and is a limit order from then on; its stop and targets are measured from the",
        "limit, and a stop that lies between the two is refused.",
        "",
        "Refused too, because what it would trade is not certain or not offered: a protective stop",
        "with a limit and PickMyTrade's `dollar_` levels (`parse.bracket`: its own pages call them",
        "dollars without saying of what: a contract, the position, or the price), sizes in money",
        "(`parse.unsupported`).",
        "",
        "Without an action, `market_position` with a size asks for that position, and `sentiment`",
        "alone asks to be on that side.",
        "",
    ]


def _refusals() -> list[str]:
    rows = [f"| `{code}` | {meaning} |" for code, meaning in MEANINGS.items()]
    return [
        *("## Refusals", "", "A refused alert is answered 400 and kept, with its code, where its"),
        *("owner sees it.", "", "| code | meaning |", "|---|---|", *rows),
        "| `symbol.unknown` | The symbol is none of those in [instruments](instruments.md). |",
    ]


def _code(words: Iterable[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)
