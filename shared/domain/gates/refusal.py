"""Refusals as data: each says what it compares and what a trader reads.

A gate can refuse only with a refusal it declared, so the printed table is whole by construction.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from shared.domain.money import number_text, usd_text
from shared.domain.plan import Denied, blocked


@dataclass(frozen=True, slots=True)
class Refusal:
    """`code` is stable and public; `{}` in `says` are the compared values, by name."""

    code: str
    compares: str
    says: str

    def deny(self, **detail: object) -> Denied:
        """Blocked, in plain words. Raises KeyError when a value of the sentence is missing."""
        values = {name: _in_words(name, value) for name, value in detail.items()}
        return blocked(self.code, self.says.format(**values), **values)


def _in_words(name: str, value: object) -> str:
    if isinstance(value, Decimal):
        return usd_text(value) if name.endswith("_usd") else number_text(value)
    return str(value)
