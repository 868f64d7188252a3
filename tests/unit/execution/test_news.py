"""The installation's news windows reach every decision, and a bad file stops the start."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from execution.news import load_news, told, with_news
from shared.domain.alert_signal import Side, Signal, SignalKind
from shared.domain.claim import End, judge
from shared.domain.claim_gates import EntryFacts
from shared.domain.decision.decide import decide
from shared.domain.decision.scene import Scene
from shared.domain.plan import Book
from shared.domain.rules import AccountRules
from shared.domain.rules.news_file import NewsFileRefused
from shared.domain.rules.prop import PropRules
from tests.unit.domain.gates.builders import LINK, NOW, STRATEGY
from tests.unit.domain.test_claim import ENTRY, candidate

BUY = Signal(kind=SignalKind.ORDER, dialect="test", side=Side.BUY, price=Decimal(20000))
FIRM = PropRules(name="50K", start_balance_usd=Decimal(50000), drawdown_usd=Decimal(2000))


def test_a_window_of_the_file_stops_entries_of_prop_accounts(tmp_path: Path) -> None:
    file = tmp_path / "news"
    file.write_text("2026-11-03, 09:55, 10:05, America/New_York, Jobs\n")
    decided = with_news(load_news(file))
    scene = Scene(Book(), NOW, NOW.date())
    account = replace(LINK, rules=AccountRules(prop=FIRM))
    assert decided(BUY, STRATEGY, account, scene).code == "prop.news"
    assert decided(BUY, STRATEGY, LINK, scene).code == "plan.entry"


def test_an_entry_that_leaves_is_judged_by_the_file_too(tmp_path: Path) -> None:
    file = tmp_path / "news"
    file.write_text("2026-11-03, 09:55, 10:05, America/New_York, Jobs\n")
    account = replace(LINK, rules=AccountRules(prop=FIRM))
    facts = EntryFacts("NQ", STRATEGY, account, Scene(Book(), NOW, NOW.date()))
    entry = replace(candidate(replace(ENTRY, expires_at=None)), facts=facts)
    verdict = judge(told(entry, load_news(file)), NOW, None)
    assert isinstance(verdict, End)
    assert verdict.code == "prop.news"
    assert told(entry, ()) is entry


def test_a_bad_file_is_refused_and_none_means_none(tmp_path: Path) -> None:
    file = tmp_path / "news"
    file.write_text("# jobs\nsoon\n")
    with pytest.raises(NewsFileRefused, match="line 2"):
        load_news(file)
    assert with_news(load_news(None)) is decide
