"""What a life leaves behind, taken out of its throw-away folder."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

LEDGERS: Final = ("sent.jsonl", "strikes.jsonl", "messages.jsonl", "database.json", "venue.json",
                  "about.json")  # fmt: skip


def keep(folder: Path, out: Path) -> None:
    """The ledgers and the logs of `folder`, as far as it came."""
    out.mkdir(parents=True, exist_ok=True)
    for name in LEDGERS:
        if (folder / name).exists():
            shutil.copy(folder / name, out / name)
    if (folder / "data" / "logs").is_dir():
        shutil.copytree(folder / "data" / "logs", out / "logs", dirs_exist_ok=True)
