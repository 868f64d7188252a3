"""The trader's guide has a chapter for each topic, and names only what is there."""

from __future__ import annotations

import re
from typing import Final

from fastapi.routing import APIRoute

from api.app import ROUTERS
from cli.paths import ROOT

TEXT: Final = (ROOT / "docs" / "guide.md").read_text(encoding="utf-8")
CHAPTERS: Final = (
    *("Registration", "Connecting accounts", "Creating a strategy", "Recording", "The dashboard"),
    *("Discord", "Settings", "What an alert does", "Matching", "Figures"),
    "When something is odd",
)


def test_m190_the_guide_has_a_chapter_for_each_topic() -> None:
    assert tuple(re.findall(r"^## (.+)$", TEXT, re.MULTILINE)) == CHAPTERS


def test_m190_whatever_the_guide_names_is_there() -> None:
    named = set(re.findall(r"`([A-Z]+) (/[^`]+)`", TEXT))
    there = {
        (method, route.path)
        for router in ROUTERS
        for route in router.routes
        if isinstance(route, APIRoute)
        for method in route.methods or ()
    }
    assert len(named) > 20
    assert named - there == set()
    linked = re.findall(r"\]\(([a-z-]+\.md)\)", TEXT)
    assert [page for page in linked if not (ROOT / "docs" / page).exists()] == []
