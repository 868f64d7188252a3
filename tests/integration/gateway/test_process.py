"""`python -m gateway` as it is deployed: a process, on uvloop, ended by a signal."""

from __future__ import annotations

import asyncio
import os
import signal
import sys

from cli.paths import ROOT
from gateway.settings import GatewaySettings
from tests.integration.gateway.browser import signed_in
from tests.integration.gateway.house import Account, House, User
from tests.integration.streams.helpers import eventually


async def test_the_process_serves_and_says_goodbye(
    settings: GatewaySettings, house: House, alice: User, account: Account
) -> None:
    port = settings.gateway_port
    environ = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "TM_ENV": "test",
        "TM_DATABASE_URL": settings.database_url.get_secret_value(),
        "TM_REDIS_URL": settings.redis_url.get_secret_value(),
        "TM_GATEWAY_PORT": str(port),
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", "gateway", env=environ, cwd=ROOT
    )
    try:
        await eventually(lambda: _is_ready(port), "the gateway is ready", within_s=30)
        async with signed_in(f"ws://127.0.0.1:{port}", alice) as client:
            await house.position(account, 1)
            await client.until_type("POSITION")
            process.send_signal(signal.SIGTERM)
            assert await client.closed() == 1012
        assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _is_ready(port: int) -> bool:
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.write(b"GET /readyz HTTP/1.1\r\nHost: gateway\r\n\r\n")
    status = await reader.readline()
    writer.close()
    return b" 200 " in status
