"""One slice, lived through: alerts go out, blows fall, all comes to rest, and is written down."""

from __future__ import annotations

import asyncio
import json
import os
import platform
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from tests.chaos import layout
from tests.chaos.delivery import Deliveries
from tests.chaos.house import House, Plan, running_house
from tests.chaos.layout import Size
from tests.chaos.notebook import Notebook
from tests.chaos.striker import Calls, Striker
from tests.chaos.watch import Watch
from tests.chaos.witness import write_down
from tests.fixtures.sender import Sender

RESTS_WITHIN_S: Final = 180.0
SLOW_S: Final = 2.5  # between alerts, while the house takes longer to recover than was planned
_LOOK_EVERY_S: Final = 0.05


@dataclass(frozen=True, slots=True)
class Lived:
    began: str
    seconds: float
    rested_after_s: float | None
    waited_for: str


async def live(folder: Path, size: Size, plan: Plan) -> Lived:
    """Leaves its ledgers in `folder`, which is there; the house stands in a folder below it."""
    began, began_s = datetime.now(UTC), time.monotonic()
    calls = Calls()
    async with running_house(folder, plan, calls.heard) as house:
        rested = await _through(folder, house, size, calls)
        await write_down(folder, house.database_url, house.control_url)
    seconds = time.monotonic() - began_s
    lived = Lived(began.isoformat(timespec="seconds"), round(seconds, 1), *rested)
    about = {"size": asdict(size), "plan": asdict(plan), "lived": asdict(lived), **_machine()}
    about["strategies"] = [asdict(strategy) for strategy in house.strategies]
    about["broker_calls"] = calls.count
    (folder / "about.json").write_text(json.dumps(about, indent=1), encoding="utf-8")
    return lived


async def _through(
    folder: Path, house: House, size: Size, calls: Calls
) -> tuple[float | None, str]:
    with Notebook(folder / "sent.jsonl") as sent, Notebook(folder / "strikes.jsonl") as blows:
        async with Sender() as sender:
            deliveries = Deliveries(sender, sent, house.webhook, house.control_url)
            watch = Watch(house)
            striker = Striker(house, watch, blows, calls)
            symbols = {strategy.symbol for strategy in house.strategies}
            await deliveries.learn_prices(symbols)
            pricing = asyncio.create_task(deliveries.keep_prices(symbols))
            await watch.until_streaming(RESTS_WITHIN_S)
            striking = asyncio.create_task(_strike_all(striker, deliveries, size))
            owed = size.alerts - len(house.strategies)
            for alert in layout.alerts(size, house.strategies):
                if alert.number > owed and striking.done():
                    break
                waits_s = SLOW_S if striker.is_behind(deliveries.begun) else alert.pause_s
                await asyncio.sleep(waits_s)  # the pace of the market
                deliveries.begin(alert)
            await striking
            await deliveries.finished()  # one that is being resent would come after its closing
            for alert in layout.closings(deliveries.begun + 1, house.strategies):
                deliveries.begin(alert)
            await deliveries.finished()
            rested = await watch.until_rest(RESTS_WITHIN_S)
            pricing.cancel()
            watch.close()
    return rested


async def _strike_all(striker: Striker, deliveries: Deliveries, size: Size) -> None:
    for strike in layout.strikes(size):
        while deliveries.begun < strike.after:  # noqa: ASYNC110 - a count, seen often enough
            await asyncio.sleep(_LOOK_EVERY_S)
        await striker.strike(strike)


def _machine() -> dict[str, Any]:
    """What figures depend on; no names."""
    return {"cores": os.cpu_count(), "load": os.getloadavg(), "python": platform.python_version()}
