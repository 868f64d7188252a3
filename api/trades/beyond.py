"""What a list of trades can be asked beyond the dimensions it is counted by."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement


@dataclass(frozen=True, slots=True)
class Beyond:
    """Empty: not asked for. Amounts are net of fees, in US dollars, both within."""

    result: str = ""  # win | loss | even
    net_min_usd: Decimal | None = None
    net_max_usd: Decimal | None = None
    tag: str = ""
    words: str = ""  # in the note or among the tags

    @property
    def is_empty(self) -> bool:
        return self == Beyond()

    @property
    def is_of_notes(self) -> bool:
        """Of what was written on trades: then those are looked at, and no others."""
        return bool(self.tag or self.words)

    def conditions(self, table: Any) -> Iterator[ColumnElement[bool]]:
        """Of results and amounts; notes are looked up beforehand, see `notes.ids_of`."""
        net = table.c.net_usd
        if self.result:
            yield {"win": net > 0, "loss": net < 0, "even": net == 0}[self.result]
        if self.net_min_usd is not None:
            yield net >= self.net_min_usd
        if self.net_max_usd is not None:
            yield net <= self.net_max_usd
