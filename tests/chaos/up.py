"""`tm up` with two things more: links that go through the fault proxy, and further executions.

    python -m tests.chaos.up <flags of `tm up`>

`TM_CHAOS` holds one JSON object: `links` has by process name the variables that it is told
instead, `executions` how many execution processes there are.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from subprocess import DEVNULL, STDOUT, Popen
from typing import Any

from cli.up import options as command_line
from cli.up import plan as plans
from cli.up import ports, supervisor
from cli.up.account import server_account
from cli.up.command import say
from cli.up.data import DataDir
from cli.up.plan import Plan
from cli.up.program import Program, dying_with
from cli.up.stack import Stack

NAME = "TM_CHAOS_NAME"  # in the environment of each process, so that it can be found by it


def start_alone(program: Program) -> Popen[bytes]:
    """Like `cli.up.program.start`, in a session of its own.

    The kernel shares cores out by session: as one session the whole house would get as much as one
    busy loop of somebody else's. A deployment has its services in groups of their own, too.
    """
    account = program.account
    with program.log.open("ab") as log:
        return Popen(
            program.argv,
            stdin=DEVNULL,
            stdout=log,
            stderr=STDOUT,
            cwd=program.cwd,
            env=dict(program.environ),
            start_new_session=True,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
            preexec_fn=dying_with(os.getpid(), program.orphan_signal),  # noqa: PLW1509 - no threads
        )


def main() -> int:
    supervisor.start = start_alone  # type: ignore[attr-defined] # the name that its keepers call
    began_s = time.monotonic()
    changes = json.loads(os.environ["TM_CHAOS"])
    options = command_line.parse(sys.argv[1:])
    data = DataDir(options.data)
    data.create(server_account())
    with data.locked():
        try:
            plan = changed(plans.make(options, data, os.environ), changes)
            return asyncio.run(Stack(plan, say, began_s).serve())
        finally:
            data.forget()


def changed(plan: Plan, changes: Mapping[str, Any]) -> Plan:
    services = list(plan.services)
    health = dict(plan.addresses.health_ports)
    execution = next(program for program in services if program.name == "execution")
    for number in range(2, changes["executions"] + 1):
        name = f"execution{number}"
        health[name] = ports.any_free()
        told = {**execution.environ, "TM_HEALTH_PORT": str(health[name])}
        services.append(replace(execution, name=name, environ=told, log=plan.data.log(name)))
    return replace(
        plan,
        addresses=replace(plan.addresses, health_ports=health),
        services=tuple(_linked(program, changes["links"]) for program in services),
    )


def _linked(program: Program, links: Mapping[str, Mapping[str, str]]) -> Program:
    told = {**program.environ, NAME: program.name, **links.get(program.name, {})}
    return replace(program, environ={key: told[key] for key in told if key != "TM_CHAOS"})


if __name__ == "__main__":
    sys.exit(main())
