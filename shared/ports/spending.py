"""Requests spent at a broker, as all processes of the installation count them together."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Spent:
    """So many requests of one user at one broker (`scope`), made about `age_s` ago."""

    scope: str
    age_s: int
    requests: int


class SpendBook(Protocol):
    async def add(self, spent: Sequence[Spent], scopes: Collection[str]) -> Mapping[str, int]:
        """Enter a batch; what each of `scopes` has spent in the last hour, this included.

        Raises Unavailable; then the batch may or may not have been entered.
        """
        ...
