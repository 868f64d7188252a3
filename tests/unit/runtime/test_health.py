"""The health page over a real socket."""

from __future__ import annotations

import asyncio
import contextlib
import json

import pytest

from shared.runtime.clock import SystemClock
from shared.runtime.health import REQUEST_BYTES_MAX, health_server
from shared.runtime.metrics import counter
from shared.runtime.readiness import Readiness

_seen = counter("tm_testing_seen_total", "for the test below")


class Hands:
    """A clock that goes only when told."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def monotonic(self) -> float:
        return self.now_s


@pytest.fixture
def readiness() -> Readiness:
    return Readiness(SystemClock())


async def _ask(port: int, request: str) -> tuple[int, str]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request.encode())
    await writer.drain()
    answer = (await reader.read()).decode()
    writer.close()
    head, _, body = answer.partition("\r\n\r\n")
    return int(head.split()[1]) if head else 0, body


async def _get(readiness: Readiness, path: str, method: str = "GET") -> tuple[int, str]:
    async with health_server("127.0.0.1", 0, readiness) as port:
        return await _ask(port, f"{method} {path} HTTP/1.1\r\nHost: x\r\n\r\n")


async def test_alive_whatever_is_wrong(readiness: Readiness) -> None:
    async def broken() -> None:
        raise OSError("away")

    readiness.add("postgresql", broken)
    assert await _get(readiness, "/healthz") == (200, "alive\n")


async def test_ready_within_limits(readiness: Readiness) -> None:
    async def age_s() -> float:
        return 3.0

    readiness.add("outbox_age_s", age_s, at_most=3.0)
    status, body = await _get(readiness, "/readyz?x=1")
    assert (status, json.loads(body)["checks"]["outbox_age_s"]["ok"]) == (200, True)


async def test_not_ready_beyond_a_limit(readiness: Readiness) -> None:
    async def dead_letters() -> float:
        return 1

    readiness.add("dead_letters", dead_letters, at_most=0)
    status, body = await _get(readiness, "/readyz")
    assert status == 503
    assert json.loads(body)["checks"] == {"dead_letters": {"ok": False, "detail": "1 (limit 0)"}}


async def test_not_ready_when_a_check_fails_and_no_secret_is_told(readiness: Readiness) -> None:
    async def broken() -> None:
        raise OSError("postgresql://u:hunter2@h is away")

    readiness.add("postgresql", broken)
    status, body = await _get(readiness, "/readyz")
    assert status == 503
    assert "hunter2" not in body
    assert "OSError" in body


async def test_a_check_that_hangs_is_not_waited_for(
    readiness: Readiness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.runtime.readiness.CHECK_TIMEOUT_S", 0.01)

    async def hangs() -> None:
        await asyncio.Event().wait()

    readiness.add("redis", hangs)
    assert not await readiness.is_ready()


async def test_one_answer_serves_many_probes_for_a_second() -> None:
    hands, asked = Hands(), 0

    async def count() -> None:
        nonlocal asked
        asked += 1

    readiness = Readiness(hands)  # type: ignore[arg-type] # only `monotonic` is asked for
    readiness.add("count", count)
    for _ in range(10):
        await readiness.verdicts()
    assert asked == 1
    hands.now_s += 1.0
    await readiness.verdicts()
    assert asked == 2


async def test_metrics(readiness: Readiness) -> None:
    _seen.inc()
    status, body = await _get(readiness, "/metrics")
    assert status == 200
    assert "tm_testing_seen_total 1.0" in body


async def test_other_paths_and_methods(readiness: Readiness) -> None:
    assert (await _get(readiness, "/"))[0] == 404
    assert (await _get(readiness, "/healthz", "POST"))[0] == 405


async def test_an_oversized_request_is_dropped(readiness: Readiness) -> None:
    async with health_server("127.0.0.1", 0, readiness) as port:
        endless = "GET /healthz HTTP/1.1\r\nX: " + "y" * REQUEST_BYTES_MAX
        # Closed politely or with a reset, as the unread rest decides: no answer either way.
        with contextlib.suppress(ConnectionResetError):
            assert await _ask(port, endless) == (0, "")
        assert (await _ask(port, "GET /healthz HTTP/1.1\r\n\r\n"))[0] == 200


@pytest.mark.parametrize("name", ["requests_total", "tm_Room_x_total", "tm_room_thing", "tm_a_ms"])
def test_a_metric_without_unit_or_prefix_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="is not like"):
        counter(name, "x")
