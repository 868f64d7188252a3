"""Passwords: argon2id, hashed in a thread, a few at a time.

A hash takes about 0.1 s of CPU and 64 MiB: unbounded, a handful of sign-ins would stop the loop
that takes alerts.
"""

from __future__ import annotations

import asyncio
from typing import Final

from passlib.context import CryptContext

PASSWORD_LENGTH_MIN: Final = 12
# Longer input only costs us time.
PASSWORD_LENGTH_MAX: Final = 256


def make_context() -> CryptContext:
    """argon2id with the library's own (OWASP-conforming) costs."""
    return CryptContext(schemes=["argon2"], argon2__type="ID")


class Passwords:
    """Hash and verify; safe to share between requests."""

    def __init__(self, at_once: int, context: CryptContext | None = None) -> None:
        self._context = context or make_context()
        self._slots = asyncio.Semaphore(at_once)
        # Verified when the user is unknown, so that both cases cost the same.
        self._nobody = self._context.hash("nobody has this password")

    async def hash(self, password: str) -> str:
        async with self._slots:
            return await asyncio.to_thread(self._context.hash, password)

    async def verify(self, password: str, stored: str | None) -> bool:
        """Whether it matches. With no stored hash: the same work, and False."""
        async with self._slots:
            matches = await asyncio.to_thread(self._verify, password, stored or self._nobody)
        return matches and stored is not None

    def needs_update(self, stored: str) -> bool:
        """Made with older costs: hash the password again while it is known."""
        return bool(self._context.needs_update(stored))

    def _verify(self, password: str, stored: str) -> bool:
        try:
            return bool(self._context.verify(password, stored))
        except ValueError:
            return False  # the stored text is no hash of ours: nobody can sign in with it
