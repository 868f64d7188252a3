"""The alerts go out as TradingView sends them, and a ledger keeps what was sent and answered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

import httpx

from tests.chaos.layout import Alert
from tests.chaos.notebook import Notebook
from tests.fixtures.sender import RESENDS_AFTER_S, RESENDS_MAX, Sender, is_resent

PRICE_EVERY_S: Final = 0.5


class Deliveries:
    """Sends alerts on time, whatever became of the ones before; `begun` counts first tries."""

    def __init__(
        self, sender: Sender, notebook: Notebook, webhook: Callable[[str], str], control_url: str
    ) -> None:
        self.begun = 0
        self.answered = 0
        self._sender = sender
        self._notebook = notebook
        self._webhook = webhook
        self._control_url = control_url
        self._prices: dict[str, str] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, alert: Alert) -> None:
        """Deliver it, resends included, beside whatever else is under way."""
        self.begun += 1
        task = asyncio.create_task(self._deliver(alert))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def finished(self) -> None:
        while self._tasks:
            await asyncio.gather(*self._tasks)

    async def keep_prices(self, symbols: set[str]) -> None:
        """What a chart would fill in; at a price of long ago nobody would alert."""
        while True:
            await self.learn_prices(symbols)
            await asyncio.sleep(PRICE_EVERY_S)

    async def learn_prices(self, symbols: set[str]) -> None:
        """Once; what the venue does not tell now stays as it was."""
        async with httpx.AsyncClient(base_url=self._control_url, trust_env=False) as http:
            for symbol in symbols:
                try:
                    answer = await http.get("/quote", params={"root": symbol.removesuffix("1!")})
                    self._prices[symbol] = answer.json()["last"]
                except (httpx.TransportError, KeyError, ValueError):
                    continue

    async def _deliver(self, alert: Alert) -> None:
        message = alert.message(datetime.now(UTC), self._prices.get(alert.symbol, ""))
        url = self._webhook(alert.strategy)
        self._notebook.write(
            "alert",
            number=alert.number,
            strategy=alert.strategy,
            asks=alert.asks,
            proof=alert.proof,
            body=message.decode(),
        )
        for turn in range(1, RESENDS_MAX + 2):
            self._notebook.write("try", number=alert.number, turn=turn)
            status, body = await self._sender.post(url, message)
            self._notebook.write(
                "answer", number=alert.number, turn=turn, status=status,
                signal_id=body.get("signal_id"), said=body.get("status"),
            )  # fmt: skip
            if not is_resent(status):
                break
            await asyncio.sleep(RESENDS_AFTER_S)  # TradingView's own pause, not a hope
        self.answered += 1
