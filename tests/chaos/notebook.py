"""A ledger of what happened here: one JSON line at a time, on disk before anything follows it."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from types import TracebackType
from typing import Self


class Notebook:
    """Use as a context manager. Each line carries the wall clock and the monotonic one."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", encoding="utf-8")

    def write(self, event: str, **fields: object) -> None:
        line = {"event": event, "at": time.time(), "mono_s": time.monotonic(), **fields}
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()
        os.fsync(self._file.fileno())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._file.close()
