"""Trades as text: one row out, one row in, in the same columns. Pure."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from api.wire import Line, as_text
from shared.domain.calendar import trade_date
from shared.domain.errors import AlertRefused, InvalidInput
from shared.domain.instruments import PRODUCTS
from shared.domain.money import EXACT
from shared.domain.symbols import read_symbol

ROWS_MAX: Final = 50_000
COLUMNS: Final = (
    "id", "strategy", "account", "ticker", "contract", "timeframe", "side", "qty", "entry_price",
    "exit_price", "entry_at", "exit_at", "trade_date", "exit_reason", "gross_usd", "fees_usd",
    "net_usd",
)  # fmt: skip
# A cell that begins like this is a formula to a spreadsheet: it is written behind an apostrophe.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
_WORDS: Final = frozenset({"strategy", "account", "ticker", "timeframe", "exit_reason"})


def _said(value: object) -> object:
    """An empty cell says nothing; an apostrophe that guards a formula is not part of it."""
    if not isinstance(value, str):
        return value
    text = value.strip()
    if text[:1] == "'" and text[1:].startswith(_FORMULA):
        text = text[1:]
    return text or None


_Price = Annotated[
    Decimal, Field(max_digits=24, decimal_places=10, allow_inf_nan=False, gt=-(10**9), lt=10**9)
]
_Name = Annotated[Line, Field(max_length=200)]


class TradeRow(BaseModel):
    """One row of an import; columns it does not know are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    strategy: Annotated[_Name | None, BeforeValidator(_said)] = None
    ticker: Annotated[Line, Field(min_length=1, max_length=60), BeforeValidator(_said)]
    timeframe: Annotated[_Name | None, BeforeValidator(_said)] = None
    side: Annotated[Literal["BUY", "SELL"], BeforeValidator(_said)]
    qty: Annotated[int, Field(ge=1, le=1_000_000)]
    entry_price: _Price
    exit_price: _Price
    entry_at: AwareDatetime
    exit_at: AwareDatetime
    exit_reason: Annotated[_Name | None, BeforeValidator(_said)] = None
    gross_usd: Annotated[_Price | None, BeforeValidator(_said)] = None
    fees_usd: Annotated[_Price | None, BeforeValidator(_said)] = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        """It ended after it began, within years that a calendar of ours can name."""
        if self.exit_at < self.entry_at:
            raise ValueError("exit_at lies before entry_at")
        if not 1970 <= self.entry_at.year <= self.exit_at.year <= 2200:  # noqa: PLR2004 - as said
            raise ValueError("the years 1970 to 2200 are known")
        return self


@dataclass(frozen=True, slots=True)
class Read:
    """A row as it is stored, without whose it is. `strategy` None: none was named."""

    strategy: str | None
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Bad:
    """A row that cannot be read; `line` counts from 1, without the heading."""

    line: int
    message: str


def read_rows(text: str, kind: Literal["csv", "json"]) -> list[Read | Bad]:
    """Every row. Raises InvalidInput `import.unreadable` and `import.too_many`."""
    found: list[Read | Bad] = []
    for line, fields in enumerate(_split(text, kind), start=1):
        if line > ROWS_MAX:
            raise InvalidInput("import.too_many", f"At most {ROWS_MAX} rows at once.")
        found.append(_read(line, fields))
    return found


def _split(text: str, kind: str) -> Iterable[Mapping[str, Any]]:
    if kind == "csv":
        return _csv(text)
    try:
        found = json.loads(text, parse_float=Decimal)
    except (ValueError, RecursionError) as error:
        raise InvalidInput("import.unreadable", "This is not JSON.") from error
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise InvalidInput("import.unreadable", "An array of objects is wanted.")
    return found


def _csv(text: str) -> Iterator[Mapping[str, Any]]:
    rows = csv.DictReader(io.StringIO(text.lstrip("\ufeff"), newline=""))
    try:
        names = [name.strip().lower() for name in rows.fieldnames or ()]
        if not {"side", "qty", "entry_price", "exit_price"} <= set(names):
            raise InvalidInput("import.unreadable", "The heading does not name the columns.")
        rows.fieldnames = names
        for row in rows:
            yield {name: value for name, value in row.items() if name is not None}
    except csv.Error as error:
        raise InvalidInput("import.unreadable", f"This is not CSV: {error}.") from error


def _read(line: int, fields: Mapping[str, Any]) -> Read | Bad:
    try:
        row = TradeRow.model_validate(fields)
        return _stored(row)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        return Bad(line, f"{where}: {first['msg']}".removeprefix(": "))
    except (AlertRefused, InvalidInput) as error:
        return Bad(line, error.message)


def _stored(row: TradeRow) -> Read:
    on: date = trade_date(row.exit_at)
    symbol = read_symbol(row.ticker, on)
    gross, fees = _gross(row, symbol.root), row.fees_usd or Decimal(0)
    values = row.model_dump(exclude={"strategy"}) | {
        "contract": symbol.text if symbol.contract is None else symbol.contract.name,
        "root": symbol.root,
        "exit_reason": row.exit_reason or IMPORT_REASON,
        "gross_usd": gross,
        "fees_usd": fees,
        "net_usd": EXACT.subtract(gross, fees),
        "trade_date": on,
    }
    return Read(row.strategy, values)


IMPORT_REASON: Final = "Imported"


def _gross(row: TradeRow, root: str) -> Decimal:
    """As told, else what the prices come to. Raises InvalidInput for a point of unknown value."""
    if row.gross_usd is not None:
        return row.gross_usd
    product = PRODUCTS.get(root)
    if product is None:
        raise InvalidInput("import.gross", f"gross_usd is needed: a point of {root} is unknown.")
    moved = EXACT.subtract(row.exit_price, row.entry_price)
    signed = row.qty if row.side == "BUY" else -row.qty
    return EXACT.multiply(EXACT.multiply(moved, product.point_value), Decimal(signed))


def fingerprint(strategy_id: int, values: Mapping[str, Any], nth: int) -> bytes:
    """The same for the same trade. `nth`: of equal rows in one file each is a trade of its own."""
    told = [f"{strategy_id}", f"{nth}"]
    for name in sorted(values):
        value = values[name]
        told.append(f"{name}={as_text(value) if isinstance(value, Decimal) else value}")
    return hashlib.sha256("\x1f".join(told).encode()).digest()


def write_csv(rows: Sequence[Mapping[str, Any]], *, heading: bool) -> str:
    """Rows of an export, as a spreadsheet and `read_rows` take them."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    if heading:
        writer.writerow(COLUMNS)
    for row in rows:
        writer.writerow([_cell(name, row[name]) for name in COLUMNS])
    return out.getvalue()


def guarded(word: str) -> str:
    """As a spreadsheet takes it for a word, whatever it begins with."""
    return f"'{word}" if word.startswith(_FORMULA) else word


def _cell(name: str, value: object) -> object:
    if name in _WORDS and isinstance(value, str):
        return guarded(value)
    return "" if value is None else value


def write_json(rows: Sequence[Mapping[str, Any]], *, first: bool) -> str:
    """Rows of an array that `[` begins and `]` ends."""
    told = [json.dumps({name: row[name] for name in COLUMNS}, ensure_ascii=False) for row in rows]
    return "".join(f"{'' if first and not no else ','}\n{each}" for no, each in enumerate(told))
