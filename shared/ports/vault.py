"""Sealing and opening secrets, as ports. Whoever can seal need not be able to open."""

from __future__ import annotations

from typing import Protocol


class Sealing(Protocol):
    """Held by api and cli."""

    def seal(self, plain: bytes, *, table: str, row_id: int, column: str) -> bytes:
        """Opens again only for exactly this place."""
        ...


class Opening(Protocol):
    """Held by execution and recorder."""

    def open(self, sealed: bytes, *, table: str, row_id: int, column: str) -> bytes:
        """Raises `VaultError` unless it was sealed for exactly this place, and is whole."""
        ...


class Rekeying(Sealing, Opening, Protocol):
    """Opens what an earlier key sealed, and seals with the present one."""

    @property
    def head(self) -> bytes:
        """How every box begins that was sealed with the present key."""
        ...


class VaultError(Exception):
    """A sealed value that does not open here. Says nothing about why, and holds no secret."""
