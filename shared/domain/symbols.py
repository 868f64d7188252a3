"""Reading symbols as alerts, brokers and other vendors write them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import Final

from shared.domain.errors import AlertRefused, InvalidInput
from shared.domain.instruments import PRODUCTS

MONTH_LETTERS: Final = "FGHJKMNQUVXZ"  # January to December

_SYMBOL_LENGTH_MAX: Final = 64
_ROOTS_LONGEST_FIRST: Final = sorted(PRODUCTS, key=len, reverse=True)
# As vendors write the exchanges after a symbol.
_EXCHANGES: Final = "CME|CME_MINI|XCME|CBT|CBOT|XCBT|NYM|NYMEX|XNYM|CMX|COMEX|XCEC|ICEUS|CFE|CBOE"
# After the root: `1!`, `Z2026`, `Z26`, `Z6`, `12-26`, or nothing; then an exchange (`.CME`) or
# Yahoo's `=F`. Years are of this century.
_REST: Final = re.compile(
    rf"\s*(?:(?P<rank>[1-9])!"
    rf"|(?P<letter>[{MONTH_LETTERS}])(?P<year>20[0-9]{{2}}|[0-9]{{1,2}})"
    rf"|(?P<month>0[1-9]|1[0-2])-(?P<short>[0-9]{{2}}))?"
    rf"(?:\.(?:{_EXCHANGES})|=F)?"
)


@dataclass(frozen=True, slots=True, order=True)
class ContractMonth:
    """One delivery month of a product; ordered by root, then by time."""

    root: str
    year: int
    month: int

    @property
    def letter(self) -> str:
        return MONTH_LETTERS[self.month - 1]

    @property
    def name(self) -> str:
        """Tradovate's name, `NQZ6`: one year digit, so unique within ten years only."""
        return f"{self.root}{self.letter}{self.year % 10}"

    @property
    def key(self) -> str:
        """`NQZ2026`: unique for good, and TradingView's name of the contract."""
        return f"{self.root}{self.letter}{self.year}"


@dataclass(frozen=True, slots=True)
class Symbol:
    """What a text names: the `continuous`-th active contract (1 is front) or one `contract`.

    Exactly one of the two is given. `text` is what was read, trimmed and in capitals.
    """

    root: str
    continuous: int | None
    contract: ContractMonth | None
    text: str


def read_symbol(text: str, today: date) -> Symbol:
    """Read a symbol in any of the forms we know.

    `CME_MINI:NQ1!`, `NQZ6`, `NQZ26`, `NQZ2026`, `/NQ`, `@NQ`, `NQ` (the same as `NQ1!`),
    `NQ 12-26`, and with an exchange behind: `/NQZ26:XCME`, `NQZ26.CME`, `NQ=F`. The exchange is
    dropped unread, since vendors disagree on it; the root is the longest one that fits. Raises
    AlertRefused `symbol.unknown`.
    """
    symbol = _read(text, today)
    if symbol is None:
        raise AlertRefused("symbol.unknown", _complaint(text))
    return symbol


def parse_contract(name: str, today: date) -> ContractMonth:
    """Read the name of one contract (`NQZ6`); raises InvalidInput `symbol.not_a_contract`."""
    symbol = _read(name, today)
    if symbol is None or symbol.contract is None:
        raise InvalidInput("symbol.not_a_contract", _complaint(name))
    return symbol.contract


def root_of(name: str, today: date) -> str:
    """The root of a contract's name; the name itself when its product is not in our table.

    A person may hold anything in an account we watch, and it has to be recorded all the same.
    """
    symbol = _read(name, today)
    return name if symbol is None or symbol.contract is None else symbol.contract.root


def _read(text: str, today: date) -> Symbol | None:
    if len(text) > _SYMBOL_LENGTH_MAX:
        return None
    whole = text.strip().upper()
    before, _, last = whole.rpartition(":")
    for part in (last, before):  # an exchange's name stands before (TradingView) or after
        symbol = _read_bare(part, whole, today)
        if symbol is not None:
            return symbol
    return None


def _read_bare(part: str, whole: str, today: date) -> Symbol | None:
    bare = part.strip().removeprefix("/").removeprefix("@")
    root = next((root for root in _ROOTS_LONGEST_FIRST if bare.startswith(root)), None)
    if root is None:
        return None
    rest = _REST.fullmatch(bare, len(root))
    if rest is None:
        return None
    contract = _contract(root, rest, today)
    rank = None if contract is not None else int(rest["rank"] or 1)
    return Symbol(root=root, continuous=rank, contract=contract, text=whole)


def _contract(root: str, rest: re.Match[str], today: date) -> ContractMonth | None:
    if rest["letter"] is not None:
        month = MONTH_LETTERS.index(rest["letter"]) + 1
        return ContractMonth(root, _year(rest["year"], today), month)
    if rest["month"] is not None:
        return ContractMonth(root, _year(rest["short"], today), int(rest["month"]))
    return None


def _year(digits: str, today: date) -> int:
    """One digit: the first year from last year on that ends in it. Two: this century."""
    match len(digits):
        case 1:
            earliest = today.year - 1
            return earliest + (int(digits) - earliest) % 10
        case 2:
            return 2000 + int(digits)
        case _:
            return int(digits)


def _complaint(text: str) -> str:
    return f"{text[:_SYMBOL_LENGTH_MAX]!r} names no futures contract we know."
