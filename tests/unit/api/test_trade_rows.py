"""Trades as text: what goes out comes in again, and what cannot be read is told by its line."""

from __future__ import annotations

import csv
import io
import json
from decimal import Decimal
from typing import Any

import pytest

from api.jobs.trade_rows import (
    COLUMNS,
    Bad,
    Read,
    fingerprint,
    read_rows,
    write_csv,
    write_json,
)
from shared.domain.errors import InvalidInput

GOOD = {
    "id": 1, "strategy": "=cmd()", "account": "PAPER1", "ticker": "NQ1!", "contract": "NQH6",
    "timeframe": "5", "side": "SELL", "qty": 2, "entry_price": "21000.25",
    "exit_price": "20990.00", "entry_at": "2026-03-02T15:30:00+00:00",
    "exit_at": "2026-03-02T23:30:00+00:00", "trade_date": "2026-03-03",
    "exit_reason": "Take Profit", "gross_usd": "410", "fees_usd": "4.20", "net_usd": "405.80",
}  # fmt: skip


def row_of(**changed: Any) -> str:
    return json.dumps([GOOD | changed])


def one(text: str, kind: Any = "json") -> Read | Bad:
    [found] = read_rows(text, kind)
    return found


def test_what_goes_out_comes_in_again_the_same() -> None:
    as_csv = one(write_csv([GOOD], heading=True), "csv")
    as_json = one(f"[{write_json([GOOD], first=True)}\n]")
    assert as_csv == as_json
    assert isinstance(as_csv, Read)
    assert as_csv.strategy == "=cmd()"
    assert as_csv.values["net_usd"] == Decimal("405.80")
    # 23:30 UTC is after five in Chicago: the trading day that ends on the third.
    assert str(as_csv.values["trade_date"]) == "2026-03-03"


def test_a_cell_is_never_a_formula() -> None:
    [_, row] = csv.reader(io.StringIO(write_csv([GOOD], heading=True)))
    assert dict(zip(COLUMNS, row, strict=True))["strategy"] == "'=cmd()"


def test_gross_is_what_the_prices_come_to_where_it_is_not_told() -> None:
    found = one(row_of(gross_usd=None, fees_usd=""))
    assert isinstance(found, Read)
    # Sold at 21,000.25 and bought back 10.25 lower: twice that at 20 dollars a point.
    assert (found.values["gross_usd"], found.values["net_usd"]) == (Decimal(410), Decimal(410))


@pytest.mark.parametrize(
    "changed",
    [
        {"side": "LONG"}, {"qty": 0}, {"qty": "1.5"}, {"entry_price": "NaN"}, {"exit_price": ""},
        {"exit_price": "1e400"}, {"entry_at": "2026-03-02T15:30:00"}, {"entry_at": "yesterday"},
        {"exit_at": "2026-03-02T15:29:59Z"}, {"ticker": ""}, {"ticker": "NOTHING"},
        {"strategy": "a\u0000b"}, {"exit_at": "9999-01-01T00:00:00Z"},
    ],
    ids=str,
)  # fmt: skip
def test_a_bad_row_is_told_and_takes_no_other_with_it(changed: dict[str, Any]) -> None:
    rows = read_rows(json.dumps([GOOD, GOOD | changed, GOOD]), "json")
    first, bad, last = rows
    assert isinstance(bad, Bad)
    assert bad.line == 2
    assert bad.message
    assert isinstance(first, Read)
    assert first == last


@pytest.mark.parametrize(
    ("text", "kind"),
    [("{", "json"), ("{}", "json"), ("[1]", "json"), ("[" * 100_000, "json"), ("a,b\n1,2\n", "csv"),
     ("", "csv"), ('"', "csv")],
)  # fmt: skip
def test_what_is_no_file_of_trades_is_refused(text: str, kind: Any) -> None:
    with pytest.raises(InvalidInput):
        read_rows(text, kind)


def test_a_ragged_csv_row_is_bad_and_no_crash() -> None:
    text = write_csv([GOOD], heading=True) + "1,2\n" + "x," * 40 + "\n"
    good, short, long = read_rows(text, "csv")
    assert isinstance(good, Read)
    assert isinstance(short, Bad)
    assert isinstance(long, Bad)


def test_equal_rows_are_the_same_trade_and_any_difference_another() -> None:
    [read] = read_rows(row_of(), "json")
    [other] = read_rows(row_of(qty=3), "json")
    [spelled] = read_rows(row_of(entry_price="21000.250", id=99, net_usd="1"), "json")
    assert isinstance(read, Read)
    assert isinstance(other, Read)
    assert isinstance(spelled, Read)
    mine = fingerprint(7, read.values, 0)
    assert mine == fingerprint(7, spelled.values, 0)
    assert len({mine, fingerprint(8, read.values, 0), fingerprint(7, read.values, 1),
                fingerprint(7, other.values, 0)}) == 4  # fmt: skip
