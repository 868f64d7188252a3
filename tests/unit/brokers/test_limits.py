"""Pauses, gates and queues, in fake time."""

from __future__ import annotations

import asyncio
import itertools
from datetime import UTC, datetime
from decimal import Decimal
from random import Random

import pytest

from shared.brokers.registry import BROKERS
from shared.brokers.tradovate import limits
from shared.brokers.tradovate.login import Environment, Urls, urls_for
from shared.brokers.tradovate.models import Quote, QuoteEntry
from shared.brokers.tradovate.outlet import FactOutlet, QuoteOutlet
from shared.brokers.tradovate.quotes import merged
from shared.brokers.tradovate.rows import Recent
from shared.domain.errors import InvalidInput
from shared.ports.broker import Fact, FeedLost, FeeFact, QuoteFact, Synced
from tests.unit.brokers.fake_clock import FakeClock

AT = datetime(2026, 3, 2, 15, tzinfo=UTC)


def rng() -> Random:
    return Random(3)  # noqa: S311 - jitter, no secret


def test_reconnects_are_quick_at_first_and_rare_at_last() -> None:
    backoff = limits.Backoff(rng(), 15.0)
    pauses = [backoff.next_s() for _ in range(14)]
    assert pauses[0] == pytest.approx(0.25, rel=0.11)
    assert all(pause <= 1.1 for pause in pauses[:8])
    assert sum(pauses[:8]) < 7.5
    assert pauses[8] == pytest.approx(2.0, rel=0.11)
    assert all(13.4 < pause <= 16.6 for pause in pauses[12:])
    backoff.reset()
    assert backoff.next_s() < 0.3


def test_a_backoff_outlives_any_number_of_tries() -> None:
    backoff = limits.Backoff(rng(), 15.0)
    pauses = [backoff.next_s() for _ in range(5_000)]  # the 1,025th power of two is no float
    assert 13.5 <= pauses[-1] <= 16.5


def test_a_local_venue_is_asked_each_second_for_ever() -> None:
    backoff = limits.Backoff(rng(), Urls.of("http://127.0.0.1:5010/v1").retry_s_max)
    assert max(backoff.next_s() for _ in range(500)) <= 1.1


def test_a_cool_down_doubles_but_counts_a_storm_once() -> None:
    clock = FakeClock()
    cooldown = limits.Cooldown(clock)
    for _ in range(16):
        cooldown.refused()
    assert cooldown.remaining_s == 30
    clock.advance(31)
    cooldown.refused()
    assert cooldown.remaining_s == 60
    clock.advance(60 + 3_601)
    cooldown.refused()
    assert cooldown.remaining_s == 30


async def test_the_gate_opens_two_at_a_time_and_spaced() -> None:
    clock = FakeClock()
    gate = limits.ConnectGate(clock, in_flight_max=2, spacing_s=3)
    inside, most, starts = 0, 0, []

    async def connect() -> None:
        nonlocal inside, most
        async with gate.turn():
            inside += 1
            most = max(most, inside)
            starts.append(clock.monotonic())
            await asyncio.sleep(0)
            inside -= 1

    await asyncio.gather(*(connect() for _ in range(5)))
    assert most <= 2
    assert all(b - a >= 3 for a, b in itertools.pairwise(starts))


async def test_the_gate_waits_for_the_end_of_a_cool_down() -> None:
    clock = FakeClock()
    gate = limits.ConnectGate(clock)
    gate.cooldown.refused()
    async with gate.turn():
        assert clock.monotonic() == 30


async def test_the_end_of_a_cool_down_lets_one_go_at_a_time() -> None:
    clock = FakeClock()
    gate = limits.ConnectGate(clock, spacing_s=3.0)
    gate.cooldown.refused()
    went_s = []

    async def go() -> None:
        async with gate.turn():
            went_s.append(clock.monotonic())

    await asyncio.gather(*(go() for _ in range(4)))
    assert all(after - before >= 3.0 for before, after in itertools.pairwise(went_s))


def test_a_bounded_mapping_forgets_the_oldest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.brokers.tradovate.rows.ROWS_MAX", 3)
    recent: Recent[int, str] = Recent()
    for key in range(5):
        recent[key] = str(key)
    assert list(recent) == [2, 3, 4]


# --- outlets ----------------------------------------------------------------------------------
def fee(number: int) -> FeeFact:
    return FeeFact(number, Decimal(1))


async def test_an_overflow_leads_to_a_snapshot_without_a_hole() -> None:
    everything: list[Fact] = []
    outlet = FactOutlet(lambda: list(everything), FakeClock(), queued_max=3)
    outlet.synced()
    stream = outlet.stream()
    assert isinstance(await anext(stream), Synced)
    for number in range(10):
        everything.append(fee(number))
        outlet.push([fee(number)])
    told = [await anext(stream) for _ in range(11)]
    assert set(told[:10]) == set(everything)
    assert isinstance(told[10], Synced)
    outlet.push([fee(99)])
    assert await anext(stream) == fee(99)


async def test_facts_before_the_first_sync_are_left_to_its_snapshot() -> None:
    outlet = FactOutlet(lambda: [fee(1)], FakeClock())
    outlet.push([fee(1)])
    outlet.synced()
    stream = outlet.stream()
    assert await anext(stream) == fee(1)
    assert isinstance(await anext(stream), Synced)


async def test_a_loss_is_told_once_and_after_what_came_before() -> None:
    outlet = FactOutlet(list, FakeClock())
    outlet.synced()
    stream = outlet.stream()
    assert isinstance(await anext(stream), Synced)
    outlet.push([fee(1)])
    outlet.lost("broker.silent")
    outlet.lost("broker.unreachable")
    assert [await anext(stream), await anext(stream)] == [fee(1), FeedLost("broker.silent")]
    outlet.synced()
    assert isinstance(await anext(stream), Synced)


async def test_only_the_newest_quote_of_a_contract_waits() -> None:
    outlet = QuoteOutlet()
    for price in range(1, 100):
        outlet.push(QuoteFact("MESH6", Decimal(price), None, None, AT))
    outlet.push(QuoteFact("MNQH6", None, None, None, AT))
    stream = outlet.stream()
    told = [await anext(stream), await anext(stream)]
    assert [(quote.contract, quote.bid) for quote in told] == [
        ("MESH6", Decimal(99)),
        ("MNQH6", None),
    ]


def test_what_is_absent_from_a_quote_has_not_changed() -> None:
    known = QuoteFact("MESH6", Decimal(1), Decimal(2), Decimal(3), AT)
    quote = Quote(
        7, "", {"Bid": QuoteEntry(Decimal(5)), "Offer": QuoteEntry(), "OpenInterest": QuoteEntry()}
    )
    assert merged(known, quote, AT) == QuoteFact("MESH6", Decimal(5), Decimal(2), Decimal(3), AT)


# --- addresses --------------------------------------------------------------------------------
def test_addresses_follow_from_one_base() -> None:
    assert Urls.of("http://127.0.0.1:5010/v1/") == Urls(
        "http://127.0.0.1:5010/v1",
        "ws://127.0.0.1:5010/v1/websocket",
        "ws://127.0.0.1:5010/v1/md/websocket",
        1.0,
    )
    assert Urls.of("https://venue.example/v1").socket == "wss://venue.example/v1/websocket"


def test_addresses_of_the_environments() -> None:
    demo, live = urls_for(Environment.DEMO), urls_for(Environment.LIVE)
    assert demo.rest == "https://demo.tradovateapi.com/v1"
    assert live.socket == "wss://live.tradovateapi.com/v1/websocket"
    assert demo.md_socket == live.md_socket == "wss://md.tradovateapi.com/v1/websocket"
    assert urls_for(Environment.DEMO, "https://demo.tradovateapi.com/v1/") == demo
    with pytest.raises(InvalidInput):
        urls_for(Environment.PAPER)
    paper = urls_for(Environment.PAPER, "http://paper:5010/v1")
    assert (paper.rest, paper.retry_s_max) == ("http://paper:5010/v1", 1.0)


@pytest.mark.parametrize("base", ["", "ftp://x/v1", "127.0.0.1:5010", "http:///v1"])
def test_other_addresses_are_refused(base: str) -> None:
    with pytest.raises(InvalidInput):
        Urls.of(base)


def test_the_registry_knows_tradovate() -> None:
    assert list(BROKERS) == ["tradovate"]


async def test_a_gate_says_how_long_one_who_came_now_would_wait() -> None:
    clock = FakeClock()
    gate = limits.ConnectGate(clock, spacing_s=3.0)
    assert gate.wait_s() == 0
    async with gate.turn():
        assert gate.wait_s() == 3
    clock.advance(2)
    assert gate.wait_s() == 1
    gate.cooldown.refused()
    assert gate.wait_s() == limits.RATE_LIMITED_REST_S
