"""The audit log as a chain: each row carries the hash of the one before it.

    content = sha256(salt, actor, detail)                  what a person may have forgotten
    hash    = sha256(prev_hash, seq, id, user, action, at, content)

Every field is written as its length, a colon and itself, so that none can run into the next. The
first row's `prev_hash` is 32 zero bytes. Who is forgotten is renamed and loses the salt: `content`
stays, so the chain holds, and what it was made of can no longer be guessed and tried.

Rows taken off the end leave a whole chain behind: whoever noted an earlier head finds that out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
GENESIS: Final = bytes(32)


@dataclass(frozen=True, slots=True)
class Link:
    """A linked row as stored. `detail` is the text PostgreSQL gives for it, letter by letter.

    `is_forgotten`: its user was deleted, which alone explains an absent `salt`.
    """

    id: int
    user_id: int | None
    actor: str
    action: str
    detail: str
    at: datetime
    salt: bytes | None
    seq: int
    prev_hash: bytes
    content: bytes
    hash: bytes
    is_forgotten: bool


@dataclass(frozen=True, slots=True)
class Head:
    """The newest link so far; `seq` 0 is an empty chain."""

    seq: int = 0
    hash: bytes = GENESIS


@dataclass(frozen=True, slots=True)
class Broken:
    """The first row that does not hold, and why."""

    row_id: int
    seq: int
    why: str


def follow(head: Head, links: Iterable[Link]) -> Head | Broken:
    """The head after these links, which come in order, or the first that is broken."""
    for link in links:
        why = _fault(head, link)
        if why is not None:
            return Broken(link.id, link.seq, why)
        head = Head(link.seq, link.hash)
    return head


def _fault(head: Head, link: Link) -> str | None:
    if link.seq != head.seq + 1:
        return f"link {head.seq + 1} is missing before it"
    if link.prev_hash != head.hash:
        return "it does not carry the hash of the row before it"
    if link.salt is None and not link.is_forgotten:
        return "its salt is gone, and its user was not deleted"
    if link.salt is not None and link.content != content_of(link):
        return "who did it, or what was done, is not what was written"
    if link.hash != hash_of(link):
        return "its number, user, action or time is not what was written"
    return None


def content_of(link: Link) -> bytes:
    return hashlib.sha256(_fields(link.salt or b"", link.actor, link.detail)).digest()


def hash_of(link: Link) -> bytes:
    user = "" if link.user_id is None else str(link.user_id)
    at_us = str((link.at - _EPOCH) // _MICROSECOND)
    told = (str(link.seq), str(link.id), user, link.action, at_us)
    return hashlib.sha256(_fields(link.prev_hash, *told, link.content)).digest()


def _fields(*fields: bytes | str) -> bytes:
    raw = (each.encode() if isinstance(each, str) else each for each in fields)
    return b"".join(b"%d:%b" % (len(each), each) for each in raw)
