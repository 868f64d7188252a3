"""The judge judged: brokers that lie are caught, and what a venue cannot do is not asked of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shared.brokers.tradovate.adapter import TradovateBroker
from shared.ports.broker import Accepted, Outcome, PlaceRequest, Refused, Unknown
from tests.contract.broker import paper_stage
from tests.contract.broker.cases import CASES
from tests.contract.broker.stage import NotHere, Trouble
from tests.contract.broker.test_broker import played

_HONEST = TradovateBroker.place


async def _says_refused(broker: TradovateBroker, request: PlaceRequest) -> Outcome:
    outcome = await _HONEST(broker, request)
    is_unknown = isinstance(outcome, Unknown)
    return Refused("broker.refused.guess", "surely not") if is_unknown else outcome


async def _sends_again(broker: TradovateBroker, request: PlaceRequest) -> Outcome:
    outcome = await _HONEST(broker, request)
    if isinstance(outcome, Accepted):
        await _HONEST(broker, request)
    return outcome


@pytest.mark.parametrize(
    ("lie", "number"),
    [(_says_refused, "TC-U05"), (_sends_again, "TC-E01"), (_sends_again, "TC-E03")],
)
def test_a_broker_that_lies_is_caught(
    monkeypatch: pytest.MonkeyPatch, lie: object, number: str
) -> None:
    monkeypatch.setattr(TradovateBroker, "place", lie)
    with pytest.raises(AssertionError):
        paper_stage.HOUSE.run(played(paper_stage.HOUSE, CASES[number]))


def test_what_the_venue_cannot_do_is_not_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    poor = replace(paper_stage.HOUSE, cannot=frozenset({Trouble.LOSE_ANSWER}))
    monkeypatch.setattr(paper_stage, "HOUSE", poor)
    with pytest.raises(NotHere):
        poor.run(played(poor, CASES["TC-U05"]))
