"""Start everything, say when it is ready, stop it in order."""

import asyncio
import json
import os
import signal
import time
from collections.abc import Awaitable, Sequence
from contextlib import suppress
from dataclasses import replace
from signal import Signals

from cli.up import credentials as credential_store
from cli.up import postgres, probe, ready, steps, valkey
from cli.up.environment import SERVICES
from cli.up.errors import UpError
from cli.up.plan import Plan
from cli.up.ports import HOST
from cli.up.program import Program, signal_group
from cli.up.supervisor import Keeper, Say, Supervisor, tail

START_LIMIT_S = 90.0
START_FAILURES = 8  # deaths in a row after which a program is not waited for any longer
PROBE_EVERY_S = 0.02
SERVICE_GRACE_S = 15.0  # longer than a service's own drain
SERVER_GRACE_S = 30.0
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stack:
    """One run. `serve` returns the exit code of the command."""

    def __init__(self, plan: Plan, say: Say, began_s: float) -> None:
        self._plan = plan
        self._say = say
        self._began_s = began_s
        self._known = plan.credentials
        self._stop = asyncio.Event()
        self._supervisor = Supervisor(say)
        self._timed = bool(os.environ.get("TM_UP_TIMINGS"))

    async def serve(self) -> int:
        loop = asyncio.get_running_loop()
        for number in STOP_SIGNALS:
            loop.add_signal_handler(number, self._told_to_stop)
        async with self._supervisor:
            try:
                return await self._unless_stopped(self._run())
            finally:
                await self._stop_in_order()

    def _told_to_stop(self) -> None:
        if self._stop.is_set():  # a second Ctrl-C: the services get no more time
            for name in SERVICES:
                if name in self._supervisor.keepers:
                    signal_group(self._supervisor.keepers[name].process, Signals.SIGKILL)
        self._stop.set()

    async def _unless_stopped(self, work: Awaitable[int]) -> int:
        """The work's exit code, or 0 once told to stop."""
        task = asyncio.ensure_future(work)
        stopped = asyncio.create_task(self._stop.wait())
        await asyncio.wait((task, stopped), return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if task.done():
            return task.result()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        return 0

    async def _run(self) -> int:
        await self._start()
        info = ready.information(self._plan.addresses, self._known, self._supervisor.pids())
        took_s = time.monotonic() - self._began_s
        as_json = self._plan.options.json
        print(json.dumps(info) if as_json else ready.as_text(info, took_s), flush=True)
        if self._plan.options.check:
            return await steps.check(info)
        await asyncio.Event().wait()  # until told to stop
        return 0

    async def _start(self) -> None:
        """Everything at once, so that a start takes as long as the slowest import.

        Only the first start waits with the services that need a schema: there is none yet. The
        venue needs none, and the sample data asks it for its accounts.
        """
        plan = self._plan
        servers = [server for server in (plan.postgres, plan.valkey) if server is not None]
        venue = [program for program in plan.services if program.name == "paper"]
        services = [program for program in plan.services if program.name != "paper"]
        first = not self._known.webhook_key
        self._add(servers + venue if first else servers + venue + services)
        await self._all_ready(servers)
        await asyncio.gather(self._prepare(), self._all_ready(venue))
        if first:
            self._add(services)
        await self._all_ready(services)

    def _add(self, programs: Sequence[Program]) -> None:
        for program in programs:
            self._supervisor.add(program)
        self._note("started " + ", ".join(program.name for program in programs))

    async def _all_ready(self, programs: Sequence[Program]) -> None:
        keepers = (self._supervisor.keepers[program.name] for program in programs)
        await asyncio.gather(*(self._until_ready(keeper) for keeper in keepers))

    async def _prepare(self) -> None:
        plan = self._plan
        done = await steps.prepare(
            steps.Work(
                owner_url=plan.addresses.database_url,
                paper_url=plan.addresses.paper_url,
                role_password=plan.role_password,
                credentials=self._known,
            )
        )
        self._known = replace(self._known, webhook_key=done.webhook_key, strategy=done.strategy)
        credential_store.store(plan.data, self._known)
        self._note("schema and sample data ready")

    async def _until_ready(self, keeper: Keeper) -> None:
        name = keeper.program.name
        try:
            async with asyncio.timeout(START_LIMIT_S):
                while not await self._is_ready(keeper):
                    if keeper.failures >= START_FAILURES:
                        raise UpError(f"{name} does not start:\n{tail(keeper.program.log)}")
                    await asyncio.sleep(PROBE_EVERY_S)
        except TimeoutError:
            raise UpError(
                f"{name} is not ready after {START_LIMIT_S:g} s:\n{tail(keeper.program.log)}"
            ) from None
        self._note(f"{name} ready")

    async def _is_ready(self, keeper: Keeper) -> bool:
        match keeper.program.name:
            case "postgres":
                return postgres.is_ready(self._plan.cluster, keeper.process)
            case "valkey":
                return valkey.is_ready(self._plan.sockets)
            case service:
                return await probe.http_ok(HOST, *self._plan.addresses.probe(service))

    async def _stop_in_order(self) -> None:
        """Services first: what they finish in their grace still reaches the databases."""
        await self._supervisor.stop(SERVICES, SERVICE_GRACE_S)
        await self._supervisor.stop(("postgres", "valkey"), SERVER_GRACE_S)
        self._note("stopped")

    def _note(self, what: str) -> None:
        if self._timed:
            self._say(f"[{time.monotonic() - self._began_s:6.3f} s] {what}")
