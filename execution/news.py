"""The installation's news windows: read once, at start, so that a bad line is seen at once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from shared.domain.claim import Candidate
from shared.domain.decision.decide import decide
from shared.domain.decision.scene import Scene
from shared.domain.plan import Denied, Plan
from shared.domain.rules.news_file import read_news
from shared.domain.rules.prop import NewsWindow
from shared.domain.signal import Signal
from shared.domain.strategy import AccountLink, Strategy
from shared.ports.ledger import Decide


def load_news(path: Path | None) -> tuple[NewsWindow, ...]:
    """Raises `NewsFileRefused` naming the bad line, `OSError` where the file cannot be read."""
    return () if path is None else read_news(path.read_text(encoding="utf-8"))


def with_news(news: tuple[NewsWindow, ...]) -> Decide:
    """`decide`, with these windows in every scene."""

    def decide_with_news(
        signal: Signal, strategy: Strategy, link: AccountLink, scene: Scene
    ) -> Plan | Denied:
        return decide(signal, strategy, link, replace(scene, news=news))

    return decide_with_news if news else decide


def told(candidate: Candidate, news: tuple[NewsWindow, ...]) -> Candidate:
    """The candidate, its scene with these windows if it is an entry."""
    facts = candidate.facts
    if facts is None or not news:
        return candidate
    return replace(candidate, facts=replace(facts, scene=replace(facts.scene, news=news)))
