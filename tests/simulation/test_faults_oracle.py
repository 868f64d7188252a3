"""The judge is judged: each of these bugs, put in on purpose, is found by some life.

A bug lives in a part of the executor that is swapped for the length of one test.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from uuid import uuid4

import pytest

from shared.brokers.tradovate.adapter import TradovateBroker
from shared.contracts.envelope import Envelope
from shared.domain.ids import ConnectionId, IntentId
from shared.ports.broker import Fact, FillFact, NotSent, Outcome, PlaceRequest, Unknown
from shared.ports.ledger import Lease, Naked
from tests.simulation.ledger import claims, protection
from tests.simulation.life import Exit, Moment
from tests.simulation.lives import Life, lived
from tests.simulation.strikes import STRIKES, Named
from tests.simulation.twin import TwinLedger

_BY_NAME = {named.name: named for named in STRIKES}


def life(name: str, moment: Moment, exit_: Exit, *more: str) -> Life:
    strikes: list[Named] = [_BY_NAME[each] for each in (name, *more)]
    return Life(tuple((moment, named) for named in strikes), exit_)


def test_what_is_unknown_is_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    record = TwinLedger.record

    async def again(self: TwinLedger, intent: IntentId, outcome: Outcome) -> list[Envelope]:
        resent = NotSent(outcome.cause) if isinstance(outcome, Unknown) else outcome
        return await record(self, intent, resent)

    monkeypatch.setattr(TwinLedger, "record", again)
    with pytest.raises(AssertionError, match="an order was sent twice"):
        lived(life("error_after_accept", Moment.ENTRY, Exit.STOP, "answer_before_event"))


def test_every_order_is_sent_twice_under_two_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    place = TradovateBroker.place

    async def twice(self: TradovateBroker, request: PlaceRequest) -> Outcome:
        await place(self, replace(request, client_id=str(uuid4())))
        return await place(self, request)

    monkeypatch.setattr(TradovateBroker, "place", twice)
    with pytest.raises(AssertionError, match=r"sent twice|no intent stands for"):
        lived(Life((), Exit.STOP))


def test_a_bust_is_not_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    apply = TwinLedger.apply

    async def deaf(self: TwinLedger, login: ConnectionId, told: Sequence[Fact]) -> list[Envelope]:
        heard = [fact for fact in told if not isinstance(fact, FillFact) or fact.active]
        return await apply(self, login, heard)

    monkeypatch.setattr(TwinLedger, "apply", deaf)
    with pytest.raises(AssertionError, match="fills:"):
        lived(life("bust_fill", Moment.OVER, Exit.STOP))


def test_a_fill_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    apply = TwinLedger.apply

    async def forgetful(
        self: TwinLedger, login: ConnectionId, told: Sequence[Fact]
    ) -> list[Envelope]:
        heard = [fact for fact in told if not isinstance(fact, FillFact) or fact.action == "Buy"]
        return await apply(self, login, heard)

    monkeypatch.setattr(TwinLedger, "apply", forgetful)
    with pytest.raises(AssertionError, match=r"fills:|without a stop|left open"):
        lived(Life((), Exit.STOP))


def test_nobody_watches_for_a_missing_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    async def none(self: TwinLedger, held: Sequence[Lease], older_than_s: float) -> list[Naked]:
        return []

    monkeypatch.setattr(TwinLedger, "naked", none)
    with pytest.raises(AssertionError, match="without a stop"):
        lived(life("bust_fill", Moment.OVER, Exit.STOP))


def test_the_watch_looks_too_late(monkeypatch: pytest.MonkeyPatch) -> None:
    naked = TwinLedger.naked

    async def late(self: TwinLedger, held: Sequence[Lease], older_than_s: float) -> list[Naked]:
        return await naked(self, held, older_than_s + 3)

    monkeypatch.setattr(TwinLedger, "naked", late)
    with pytest.raises(AssertionError, match="naked for"):
        lived(life("bust_fill", Moment.OVER, Exit.STOP))


def test_legs_of_nothing_go_on_working(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "orphans", lambda *_: [])
    with pytest.raises(AssertionError, match="orders for 2 work, and 0 are held"):
        lived(life("bust_fill", Moment.HELD, Exit.SIGNAL))


def test_an_exit_forgets_what_a_person_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then the guard sells what a person has sold already."""
    monkeypatch.setattr(protection, "held_of", lambda _, row: row.net_qty)
    monkeypatch.setattr(claims, "held_of", lambda _, row: row.net_qty)
    with pytest.raises(AssertionError, match="an exit took the account from 0 to -2"):
        lived(life("manual_flatten", Moment.HELD, Exit.TARGET))
