"""A session made anew under an open socket: the socket stays, and no event is missed.

A socket stays authorised when the token it was opened with is over (education site); what ends
it is the broker's word, and then the feed dials with the token of the moment.
"""

from __future__ import annotations

from shared.brokers.tradovate.adapter import TradovateBroker
from shared.ports.broker import FeedLost, OrderFact, Synced, Token
from tests.unit.brokers import rows
from tests.unit.brokers.test_adapter import held, venue  # noqa: F401 - the fixture by its name
from tests.unit.brokers.venue import Venue, token_answer


async def signed_in_anew(venue: Venue, broker: TradovateBroker) -> Token:  # noqa: F811 - a parameter
    """Renewal is refused, so that only a login gives the next token."""
    auth = broker._auth
    venue.http["auth/renewaccesstoken"] = (401, {"errorText": "Access is denied"})
    venue.http["auth/accesstokenrequest"] = token_answer(access="access-2")
    assert auth.held is not None
    return await auth.replace(auth.held)  # as after a 401


async def test_the_socket_is_kept_and_events_go_on(venue: Venue) -> None:  # noqa: F811 - the fixture
    async with held(venue) as (broker, facts):
        await facts.synced()
        (line,) = venue.lines
        assert (await signed_in_anew(venue, broker)).access == "access-2"
        await line.event("contract", rows.contract())
        for kind, row in rows.filled_order():
            await line.event(kind, row)
        await facts.until(lambda seen: any(isinstance(fact, OrderFact) for fact in seen))
        assert venue.lines == [line]
        assert not any(isinstance(fact, FeedLost) for fact in facts.seen)
        assert broker.ready


async def test_a_socket_that_the_broker_ends_is_dialled_with_the_new_token(
    venue: Venue,  # noqa: F811 - the fixture
) -> None:
    async with held(venue) as (broker, facts):
        await facts.synced()
        await signed_in_anew(venue, broker)
        await venue.lines[0].connection.close()
        await facts.synced(2)
        assert venue.asked["authorize"] == ["access-1", "access-2"]
        lost = [type(fact) for fact in facts.seen if isinstance(fact, FeedLost | Synced)]
        assert lost == [Synced, FeedLost, Synced]
