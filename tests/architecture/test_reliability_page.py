"""The page of promises names files and commands that are there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`((?:[a-z_0-9]+/)+[a-z_0-9.]*)`", TEXT)))
TARGETS = sorted(set(re.findall(r"`make ([a-z-]+)", TEXT)))


def test_there_is_something_to_check() -> None:
    assert len(NAMED) > 40
    assert len(TARGETS) > 6


def test_every_file_it_names_is_there() -> None:
    assert [name for name in NAMED if not (ROOT / name).exists()] == []


def test_every_command_it_names_is_there() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert [each for each in TARGETS if f"\n{each}: ##" not in makefile] == []
