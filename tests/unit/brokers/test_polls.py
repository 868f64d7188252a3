"""What a login without a stream asks for, and what that leaves of its budget."""

from __future__ import annotations

import asyncio
from collections import Counter
from itertools import pairwise
from random import Random

import httpx
import pytest

from shared.brokers.tradovate.adapter import TradovateBroker
from shared.brokers.tradovate.budget import RequestBudget
from shared.brokers.tradovate.egress import Egress
from shared.brokers.tradovate.limits import OUTAGE_PAUSE_S_MAX
from shared.brokers.tradovate.login import Urls
from shared.brokers.tradovate.polls import STIRRED_S
from shared.domain.errors import BrokerUnavailable
from shared.ports.broker import FeeFact, FillFact, PositionFact, Priority, Refused
from tests.unit.brokers import rows
from tests.unit.brokers.fake_clock import FakeClock
from tests.unit.brokers.venue import LOGIN, MemoryTokens, Venue, token_answer
from tests.unit.brokers.virtual_time import VirtualClock, run

HELD = {
    "order/list": [rows.order("Filled")],
    "orderVersion/list": [rows.version()],
    "command/list": [rows.command()],
    "fill/list": [rows.fill()],
    "position/list": [rows.position()],
    "contract/items": [rows.contract()],
}


class Desk:
    """A metered login without a stream, and what was asked of the broker, in order."""

    def __init__(self) -> None:
        self.clock, self.venue, self.asked = VirtualClock(), Venue(), list[str]()
        self.venue.http["auth/accesstokenrequest"] = token_answer(life_s=1e9)
        self.venue.http |= HELD
        rng = Random(1)  # noqa: S311 - jitter, no secret
        self.broker = TradovateBroker(
            LOGIN,
            Urls.of("https://demo.tradovateapi.com/v1"),
            self.clock,
            MemoryTokens(),
            rng,
            egress=Egress(self.clock, rng),
            transport=httpx.MockTransport(self._answer),
        )

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        await self.clock.sleep(0.001)  # on their way side by side
        self.asked.append(request.url.path.removeprefix("/v1/"))
        return self.venue.over_http(request)

    def since(self) -> list[str]:
        """What was asked since the last time."""
        said, self.asked = self.asked, []
        return said


def test_fills_are_read_after_the_orders_and_positions_that_know_of_them() -> None:
    async def scene() -> None:
        desk = Desk()
        await desk.broker.snapshot()
        read = desk.since()
        for list_ in ("fill/list", "orderVersion/list", "command/list"):
            assert read.index(list_) > max(read.index("order/list"), read.index("position/list"))

    run(scene())


def test_a_look_costs_two_requests_and_news_brings_everything() -> None:
    async def scene() -> None:
        desk = Desk()
        assert await desk.broker.news() is not None, "nobody has read anything yet"
        desk.since()
        assert await desk.broker.news() is None
        assert sorted(desk.since()) == ["order/list", "position/list"]
        desk.venue.http["position/list"] = [rows.position(3)]
        news = await desk.broker.news()
        assert news is not None
        assert [fact.net_qty for fact in news.facts if isinstance(fact, PositionFact)] == [3]
        assert any(isinstance(fact, FillFact) for fact in news.facts)
        assert await desk.broker.news() is None

    run(scene())


def test_what_the_stream_has_told_makes_the_last_read_old() -> None:
    async def scene() -> None:
        desk = Desk()
        await desk.broker.snapshot()
        assert await desk.broker.news() is None
        desk.broker._store.load("order", [rows.order("Working") | {"id": 99}])
        desk.since()
        assert await desk.broker.news() is not None
        assert "fill/list" in desk.since()

    run(scene())


def test_lists_that_prove_nothing_are_soon_asked_for_again_but_not_for_long() -> None:
    async def scene() -> None:
        desk = Desk()
        desk.venue.http["account/list"] = []
        began_s = desk.clock.monotonic()
        later = asyncio.create_task(desk.broker.snapshot())
        await desk.clock.sleep(0.4)
        del desk.venue.http["account/list"]
        assert (await later).facts
        assert desk.clock.monotonic() - began_s < 0.6
        desk.venue.http["account/list"] = []
        for tries in (4, 1, 1):
            desk.since()
            with pytest.raises(BrokerUnavailable):
                await desk.broker.snapshot()
            assert desk.since().count("account/list") == tries

    run(scene())


def test_a_corrected_fee_is_told_by_the_read_that_shows_it() -> None:
    async def scene() -> None:
        desk, fees = Desk(), list[FeeFact]()
        for commission in (1.58, 0):
            desk.venue.http["fillFee/list"] = [{"id": rows.FILL, "commission": commission}]
            facts = (await desk.broker.snapshot()).facts
            fees += [fact for fact in facts if isinstance(fact, FeeFact)]
        assert [str(fee.fee_usd) for fee in fees] == ["1.58", "0"]

    run(scene())


def test_a_read_does_not_put_back_a_fee_that_the_stream_told_meanwhile() -> None:
    async def scene() -> None:
        desk = Desk()
        desk.venue.http["fillFee/list"] = [{"id": rows.FILL, "commission": 1.58}]
        read = asyncio.create_task(desk.broker.snapshot())
        await desk.clock.sleep(0.0005)
        desk.broker._store.load("fillFee", [{"id": rows.FILL, "commission": 0}])
        fees = [str(fact.fee_usd) for fact in (await read).facts if isinstance(fact, FeeFact)]
        assert fees == ["0"]

    run(scene())


def test_what_a_command_brings_about_is_looked_for_in_all_lists() -> None:
    async def scene() -> None:
        desk = Desk()
        desk.venue.http["order/cancelorder"] = {"commandId": 3}
        await desk.broker.snapshot()
        await desk.broker.cancel(11, "x")
        assert await desk.broker.news() is not None
        await desk.clock.sleep(STIRRED_S / 2)
        assert await desk.broker.news() is not None
        await desk.clock.sleep(STIRRED_S)
        assert await desk.broker.news() is not None, "the last read may have come too early"
        assert await desk.broker.news() is None

    run(scene())


@pytest.mark.parametrize("accounts", [[], [{"id": rows.ACCOUNT + 1, "name": "DEMO2"}]])
def test_empty_lists_of_another_environment_are_not_believed(accounts: list[rows.Row]) -> None:
    async def scene() -> None:
        desk = Desk()
        await desk.broker.snapshot()
        for path in HELD:
            desk.venue.http[path] = []
        desk.venue.http["account/list"] = accounts
        for read in (desk.broker.news, desk.broker.snapshot):
            with pytest.raises(BrokerUnavailable) as caught:
                await read()
            assert caught.value.code in {"broker.no_accounts", "broker.account_missing"}

    run(scene())


def test_a_look_each_second_lasts_until_the_last_socket_is_up() -> None:
    async def scene() -> None:
        desk = Desk()
        await desk.broker.snapshot()
        for _ in range(60):  # twenty logins, three seconds apart
            await desk.clock.sleep(1)
            assert await desk.broker.news() is None

    run(scene())


def test_full_reads_each_second_grow_rare_and_never_stop() -> None:
    """Each try that finds too little for all lists spends nothing of what the next one needs."""

    async def scene() -> None:
        desk, read_s = Desk(), list[float]()
        for second in range(60):
            try:
                await desk.broker.snapshot(urgent=True)
            except BrokerUnavailable as error:
                assert error.code == "broker.budget_spent"  # noqa: PT017 - the others must pass
            else:
                read_s.append(second)
            await desk.clock.sleep(1)
        assert read_s[:5] == [0, 1, 2, 3, 4]
        assert max(later - one for one, later in pairwise(read_s)) <= 10
        counts = Counter(desk.since())
        assert {counts[path] for path in ("account/list", "order/list", "fill/list")} == {
            len(read_s)
        }

    run(scene())


def test_to_ask_what_is_lacking_draws_nothing() -> None:
    budget = RequestBudget(FakeClock(), metered=True)
    assert budget.lacks(Priority.RESOLUTION, 64) == 0
    assert budget.lacks(Priority.RESOLUTION, 65) > 0
    assert budget.hour_spent() == 0
    assert budget.draw(Priority.RESOLUTION, 64) == 0
    assert budget.lacks(Priority.RESOLUTION) == pytest.approx(0.8)
    assert budget.lacks(Priority.EXIT, 1_000) == 0


def test_while_nobody_is_signed_in_nothing_is_spent() -> None:
    async def scene() -> None:
        desk = Desk()
        signed_in = desk.venue.http["auth/accesstokenrequest"]
        desk.venue.http["auth/accesstokenrequest"] = httpx.ConnectError("away")
        for _ in range(100):  # at once: nothing comes back meanwhile
            with pytest.raises(BrokerUnavailable):
                await desk.broker.snapshot()
        desk.venue.http["auth/accesstokenrequest"] = signed_in
        await desk.clock.sleep(16)  # between two sign-ins of an address
        for _ in range(5):
            await desk.broker.snapshot(urgent=True)

    run(scene())


def test_a_broker_that_answers_nothing_is_asked_ever_more_rarely() -> None:
    """Hours of maintenance must not cost the requests that the open needs."""

    async def scene() -> None:
        desk = Desk()
        await desk.broker.snapshot()
        desk.venue.http |= {path: (503, {"message": "maintenance"}) for path in HELD}
        desk.since()
        for _ in range(600):
            with pytest.raises(BrokerUnavailable):
                await desk.broker.news()
            await desk.clock.sleep(1)
        assert len(desk.since()) <= 600 / OUTAGE_PAUSE_S_MAX * 2 + 10
        desk.venue.http |= HELD
        await desk.clock.sleep(OUTAGE_PAUSE_S_MAX)
        for _ in range(10):  # and with the first answer each second again
            await desk.broker.news()
            await desk.clock.sleep(1)

    run(scene())


def test_an_exit_that_has_to_read_does_not_wait_for_the_others() -> None:
    async def scene() -> None:
        desk = Desk()
        desk.venue.http["order/list"] = (503, {})
        for _ in range(5):
            with pytest.raises(BrokerUnavailable):
                await desk.broker.snapshot()
            await desk.clock.sleep(OUTAGE_PAUSE_S_MAX)
        desk.venue.http["order/cancelorder"] = (403, {})
        desk.venue.http["order/item"] = rows.order("Filled")
        with pytest.raises(BrokerUnavailable):
            await desk.broker.snapshot()
        desk.since()
        assert isinstance(await desk.broker.cancel(11, "x"), Refused)
        assert desk.since() == ["order/cancelorder", "order/item"]

    run(scene())
