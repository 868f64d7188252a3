"""What recorder may ask of a broker: what execution leaves of the budget both draw from."""

from __future__ import annotations

from collections.abc import Mapping

from shared.brokers.tradovate.login import Urls
from shared.brokers.tradovate.spend import Spending
from shared.domain.errors import BrokerUnavailable
from shared.ports.broker import Priority


class Allowance:
    """The lowest class of each login's budget; `urls` by environment."""

    def __init__(self, spending: Spending, urls: Mapping[str, Urls]) -> None:
        self._spending = spending
        self._urls = urls

    async def take(self, environment: str, login_name: str, requests: int) -> None:
        """Draw them together, entered in the record before the first is made.

        Raises BrokerUnavailable `broker.budget_spent` when trading needs what is left.
        """
        budget = self._spending.budget(self._urls[environment], login_name)
        if not budget.metered:
            return
        await self._spending.sync()  # execution may have spent most of the hour since
        wait_s = budget.draw(Priority.RECORDING, requests)
        if wait_s > 0:
            raise BrokerUnavailable(
                "broker.budget_spent", "Few requests are left.", retry_after_s=wait_s
            )
        await self._spending.sync()
