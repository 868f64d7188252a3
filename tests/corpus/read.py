"""The corpus of alerts: one TOML file for each product's way of writing, with what it must mean.

A row has `body` (or `hex`, and `times` to repeat it) and either `reads`, the signal as stored
without its dialect and a market order's type, or `refused`, a code.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "alerts"


@dataclass(frozen=True, slots=True)
class Row:
    file: str
    number: int
    dialect: str
    body: bytes
    reads: dict[str, Any] | None
    refused: str | None

    @property
    def name(self) -> str:
        return f"{self.file}-{self.number}"


def rows() -> Iterator[Row]:
    for path in sorted(FOLDER.glob("*.toml")):
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        for number, row in enumerate(content["alert"], start=1):
            yield Row(
                file=path.stem,
                number=number,
                dialect=content["dialect"],
                body=_body(row),
                reads=row.get("reads"),
                refused=row.get("refused"),
            )


def _body(row: dict[str, Any]) -> bytes:
    once = bytes.fromhex(row["hex"]) if "hex" in row else row["body"].encode()
    times: int = row.get("times", 1)
    return once * times
