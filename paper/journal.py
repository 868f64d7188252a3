"""The venue's memory: one JSON line for each transaction, on disk before anybody hears of it.

A line holds the last id given out, the rows as they are after the transaction, and the prices. A
restart reads the lines from the top, then writes one of each row instead of all its steps; a torn
last line is a transaction nobody heard of, and is cut off.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import BinaryIO, Final, Protocol

import msgspec

from paper.rows import KIND_OF, KINDS, Kind, Row, encode
from paper.store import Change

FILE_NAME: Final = "journal.jsonl"


class Line(msgspec.Struct, frozen=True, omit_defaults=True):
    """`rows` are (kind, account id, row); `prices` by root; `bar` is where a replay stands."""

    last_id: int
    rows: list[tuple[str, int, msgspec.Raw]]
    prices: dict[str, Decimal] = {}
    bar: int | None = None


class Journal(Protocol):
    """Where transactions go."""

    def append(self, line: Line) -> None: ...

    def after(self, tell: Callable[[], None]) -> None:
        """Call `tell` as soon as everything appended so far is durable, in the order asked."""

    async def run(self) -> None: ...


class NoJournal:
    """Forgets everything at its end; durable means nothing, so nobody waits."""

    def append(self, line: Line) -> None:
        pass

    def after(self, tell: Callable[[], None]) -> None:
        tell()

    async def run(self) -> None:
        await asyncio.Event().wait()


class FileJournal:
    """Writes and syncs in a thread; what arrives meanwhile goes out together in the next turn."""

    def __init__(self, path: Path) -> None:
        self._file: BinaryIO = path.open("ab", buffering=0)
        self._buffer: list[bytes] = []
        self._waiting: list[Callable[[], None]] = []
        self._work = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="journal")

    def append(self, line: Line) -> None:
        self._buffer.append(encode(line) + b"\n")
        self._work.set()

    def after(self, tell: Callable[[], None]) -> None:
        self._waiting.append(tell)
        self._work.set()

    async def run(self) -> None:
        """Until cancelled; a disk that fails ends the venue, since it could keep no promise."""
        loop = asyncio.get_running_loop()
        while True:
            await self._work.wait()
            self._work.clear()
            data, self._buffer = b"".join(self._buffer), []
            waiting, self._waiting = self._waiting, []
            if data:
                await loop.run_in_executor(self._thread, self._write, data)
            for tell in waiting:
                tell()

    def close(self) -> None:
        """Write what is left and let the file go."""
        self._thread.shutdown(wait=True)
        if self._buffer:
            self._write(b"".join(self._buffer))
        self._file.close()

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[self._file.write(view) :]
        os.fsync(self._file.fileno())


def line_of(last_id: int, changes: list[Change]) -> Line:
    """The line of a transaction: each row once, as it is at the end."""
    last = {(change.kind.name, change.row.id): change for change in changes}
    rows = [
        (change.kind.name, change.account_id, msgspec.Raw(encode(change.row)))
        for change in last.values()
    ]
    return Line(last_id, rows)


def open_file(folder: Path) -> Path:
    """The journal's path in its folder; cuts a torn last line off and makes both durable."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / FILE_NAME
    with path.open("ab+") as file:
        file.truncate(_whole_length(file))
        os.fsync(file.fileno())
    _sync_folder(folder)
    return path


def compact(path: Path, lines: Iterable[Line]) -> None:
    """Put a journal of these lines in the place of the one that stands there, all or nothing."""
    fresh = path.with_suffix(".new")
    with fresh.open("wb") as file:
        for line in lines:
            file.write(encode(line) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    directory = os.open(folder, os.O_RDONLY)
    os.fsync(directory)
    os.close(directory)


def read(path: Path) -> Iterator[Line]:
    with path.open("rb") as file:
        for text in file:
            yield _LINE.decode(text)


def read_row(kind_name: str, raw: msgspec.Raw) -> tuple[Kind, Row]:
    """Raises KeyError or msgspec's error for a journal that is not ours."""
    return KINDS[kind_name], _ROWS[kind_name].decode(raw)


def _whole_length(file: BinaryIO) -> int:
    """How many bytes stand before the end of the last whole line."""
    end = file.seek(0, os.SEEK_END)
    while end:
        start = max(0, end - _BLOCK_BYTES)
        file.seek(start)
        at = file.read(end - start).rfind(b"\n")
        if at >= 0:
            return start + at + 1
        end = start
    return 0


_BLOCK_BYTES: Final = 65_536
_LINE: Final = msgspec.json.Decoder(Line)
_ROWS: Final = {kind.name: msgspec.json.Decoder(row_type) for row_type, kind in KIND_OF.items()}
