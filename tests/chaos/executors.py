"""Two execution processes on many logins: one stands still and comes back, then one is killed.

    python -m tests.chaos.executors --logins 20 --pause 30 [--out FOLDER]

Each blow falls while orders are on their way. Right after it every account gets one more alert:
the hand-over of a login has taken as long as until that alert was filled. Then the ledgers are
judged like a slice's: nothing was sent twice.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import asyncpg

from tests.chaos import checker
from tests.chaos.delivery import Deliveries
from tests.chaos.house import House, Plan, running_house
from tests.chaos.layout import Alert, Size, Strategy
from tests.chaos.ledgers import keep
from tests.chaos.notebook import Notebook
from tests.chaos.striker import Calls
from tests.chaos.watch import Watch
from tests.chaos.witness import write_down
from tests.fixtures.sender import Sender
from tests.fixtures.servers import private_folder

HAND_OVER_S: Final = 10.0
GIVEN_UP_AFTER_S: Final = 60.0
STREAMS_WITHIN_S: Final = 240.0  # sockets open one after the other, some seconds apart
_LOOK_EVERY_S: Final = 0.05
_FILLED: Final = """
    SELECT a.connection_id, max(d.ended_at) AS at, bool_or(d.ended_at IS NULL) AS open
    FROM signals s JOIN signal_decisions d ON d.signal_id = s.id
    JOIN accounts a ON a.id = d.account_id WHERE s.received_at > $1 GROUP BY a.connection_id
"""


@dataclass(slots=True)
class Duel:
    """The house with what sends to it. `hand_overs_s` is by blow, one figure for each login."""

    house: House
    deliveries: Deliveries
    watch: Watch
    calls: Calls
    notebook: Notebook
    database: asyncpg.Connection
    hand_overs_s: dict[str, list[float]] = field(default_factory=dict)
    _numbers: int = 0

    def alert_all(self, asks: dict[str, Any]) -> None:
        for strategy in self.house.strategies:
            self._numbers += 1
            self.deliveries.begin(_alert(self._numbers, strategy, asks))

    async def blow(self, name: str, asks: tuple[dict[str, Any], dict[str, Any]]) -> str:
        """Stop the process that drives most while it sends; the process it was."""
        before = await self.leases()
        self.alert_all(asks[0])
        assert await self.calls.next(), "no order was sent"
        victim = self.calls.caller
        pid = self.house.pid(victim)
        assert pid is not None, f"{victim} does not run"
        os.kill(pid, signal.SIGKILL if name == "kill" else signal.SIGSTOP)
        at = datetime.now(UTC)
        self.notebook.write("strike", number=len(self.hand_overs_s) + 1, kind=name, hit=victim)
        self.alert_all(asks[1])
        took = await self._until_filled(at)
        after = await self.leases()
        moved = [took[login] for login in took if before.get(login) != after.get(login)]
        self.hand_overs_s[name] = sorted(moved)
        self.notebook.write(
            "right", number=len(self.hand_overs_s), kind=name, hit=victim, did="hit",
            took_s=max(moved, default=None), near_call=True, waited_for="",
            load=round(os.getloadavg()[0], 2),
        )  # fmt: skip
        return victim

    async def leases(self) -> dict[int, str]:
        rows = await self.database.fetch("SELECT connection_id, holder FROM leases")
        return {row["connection_id"]: row["holder"] for row in rows}

    async def _until_filled(self, since: datetime) -> dict[int, float]:
        """Seconds by login until its last account filled what was alerted after `since`."""
        began_s, rows = time.monotonic(), []
        while time.monotonic() - began_s < GIVEN_UP_AFTER_S:
            rows = await self.database.fetch(_FILLED, since)
            if len(rows) == len(await self.leases()) - 1 and not any(row["open"] for row in rows):
                break
            await asyncio.sleep(_LOOK_EVERY_S)
        return {
            row["connection_id"]: (row["at"] - since).total_seconds() for row in rows if row["at"]
        }


def _alert(number: int, strategy: Strategy, asks: dict[str, Any]) -> Alert:
    return Alert(number, strategy.name, strategy.symbol, asks, "time", 0.0)


_BUY, _SELL = {"action": "buy", "quantity": 1}, {"action": "sell", "quantity": 1}
_CLOSE: Final = {"action": "close"}


async def live(folder: Path, logins: int, pause_s: float) -> dict[str, list[float]]:
    calls, plan = Calls(), Plan(logins, logins)
    began = time.monotonic()
    async with running_house(folder, plan, calls.heard) as house:
        with Notebook(folder / "sent.jsonl") as sent, Notebook(folder / "strikes.jsonl") as blows:
            async with Sender() as sender:
                database = await asyncpg.connect(house.database_url)
                deliveries = Deliveries(sender, sent, house.webhook, house.control_url)
                duel = Duel(house, deliveries, Watch(house), calls, blows, database)
                await _fight(duel, pause_s)
                duel.watch.close()
                await database.close()
        await write_down(folder, house.database_url, house.control_url)
    size = Size(f"executors:{logins}", 1, duel.deliveries.begun, logins, 0.0)
    about = {"size": asdict(size), "plan": asdict(plan), "cores": os.cpu_count(),
             "strategies": [asdict(strategy) for strategy in house.strategies],
             "seconds": round(time.monotonic() - began, 1)}  # fmt: skip
    (folder / "about.json").write_text(json.dumps(about), encoding="utf-8")
    return duel.hand_overs_s


async def _fight(duel: Duel, pause_s: float) -> None:
    await duel.deliveries.learn_prices({each.symbol for each in duel.house.strategies})
    await duel.watch.until_streaming(STREAMS_WITHIN_S)
    began_s = time.monotonic()
    victim = await duel.blow("pause", (_BUY, _BUY))
    await asyncio.sleep(max(0.0, pause_s - (time.monotonic() - began_s)))  # how long it stands
    with suppress(ProcessLookupError):
        os.kill(duel.house.pid(victim) or 0, signal.SIGCONT)
    await _rest(duel)
    await duel.blow("kill", (_SELL, _SELL))
    await _rest(duel)
    duel.alert_all(_CLOSE)
    await duel.deliveries.finished()
    took_s, missing = await duel.watch.until_rest(120.0)
    assert took_s is not None, missing


async def _rest(duel: Duel) -> None:
    await duel.deliveries.finished()
    took_s, missing = await duel.watch.until_right(datetime.now(UTC), 120.0, fresh=False)
    assert took_s is not None, missing


def judged(folder: Path, hand_overs_s: dict[str, list[float]]) -> list[str]:
    """What is wrong, in words; the time is told apart from what was done."""
    found = checker.violations(checker.read(folder))
    wrong = [f"{violation.kind}: {violation.what}" for violation in found]
    for name, times in hand_overs_s.items():
        if not times:
            wrong.append(f"{name}: no login changed hands")
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(description="Two executions share logins and lose one.")
    parser.add_argument("--logins", type=int, default=20)
    parser.add_argument("--pause", type=float, default=30.0)
    parser.add_argument("--out", type=Path, help="keep what was written down here")
    given = parser.parse_args()
    with private_folder() as folder:
        try:
            with asyncio.Runner() as runner:
                took = runner.run(live(folder, given.logins, given.pause))
        finally:
            if given.out is not None:
                keep(folder, given.out)
        wrong = judged(folder, took)
    for name, times in took.items():
        middle = times[len(times) // 2] if times else 0.0
        slowest = times[-1] if times else 0.0
        print(
            f"{name}: {len(times)} logins handed over, median {middle:.1f} s, max {slowest:.1f} s"
        )
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    print("\n".join(wrong) or "nothing was sent twice, nothing is wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
