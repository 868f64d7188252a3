"""Last quotes in memory, for placing brackets and for screens. Never a guess: old means none."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from shared.domain.order import Action
from shared.ports.broker import QuoteFact
from shared.ports.clock import Clock
from shared.streams.quotes import Quote, QuoteStream

FRESH_S: Final = 2.0
_PUBLISH_EVERY_S: Final = 0.25


class Prices:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._quotes: dict[str, tuple[float, QuoteFact]] = {}
        self._unpublished: dict[str, Quote] = {}

    def take(self, quote: QuoteFact) -> None:
        self._quotes[quote.contract] = (self._clock.monotonic(), quote)
        if quote.last is not None:
            self._unpublished[quote.contract] = Quote(quote.contract, quote.last, quote.at, "md")

    def reference(self, contract: str, action: Action) -> Decimal | None:
        """Where an order of this direction would fill now; None without a fresh quote."""
        at_s, quote = self._quotes.get(contract, (0.0, None))
        if quote is None or self._clock.monotonic() - at_s > FRESH_S:
            return None
        side = quote.ask if action is Action.BUY else quote.bid
        return side if side is not None else quote.last

    async def publish(self, stream: QuoteStream) -> None:
        """For ever: the newest price of each contract, four times a second at most."""
        while True:
            await self._clock.sleep(_PUBLISH_EVERY_S)
            if self._unpublished:
                quotes, self._unpublished = self._unpublished, {}
                await stream.publish(quotes.values())
