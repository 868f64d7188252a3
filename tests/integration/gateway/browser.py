"""A client that keeps the rules of `shared.contracts.ws` and fails when the gateway breaks them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.integration.gateway.house import User

WITHIN_S = 10.0
STATE = {"ORDER", "FILL", "POSITION", "BALANCE", "RECORD", "DECISION", "CONNECTION", "ACCOUNT"}
STATE |= {"CONTROL", "NOTICE", "STRATEGY"}
_FINAL = {"Canceled", "Completed", "Expired", "Filled", "Rejected"}


class Browser:
    """Folds frames into what a screen would show, checking every number on the way."""

    def __init__(self, ws: ClientConnection) -> None:
        self.ws = ws
        self.frames: list[dict[str, Any]] = []
        self.seq: int | None = None
        self.positions: dict[tuple[int, str], int] = {}
        self.orders: dict[tuple[int, str], str] = {}
        self.records: dict[int, int] = {}
        self.versions: dict[object, int] = {}

    async def send(self, **fields: object) -> None:
        await self.ws.send(json.dumps(fields))

    async def sign_in(self, user: User, name: str | None = None) -> None:
        await self.send(type="AUTH", user=name or user.name, token=user.token)

    async def until(
        self, wanted: Callable[[dict[str, Any]], bool], what: str = "a frame"
    ) -> dict[str, Any]:
        try:
            async with asyncio.timeout(WITHIN_S):
                while True:
                    frame = await self.next()
                    if wanted(frame):
                        return frame
        except TimeoutError:
            raise AssertionError(f"{what} did not come within {WITHIN_S} s") from None

    async def until_type(self, kind: str) -> dict[str, Any]:
        return await self.until(lambda frame: frame["type"] == kind, kind)

    async def next(self) -> dict[str, Any]:
        frame: dict[str, Any] = json.loads(await self.ws.recv())
        self.frames.append(frame)
        self._fold(frame)
        return frame

    async def closed(self) -> int:
        """Read on until the server closes; its code."""
        with pytest.raises(ConnectionClosed) as ended:
            await self.until(lambda _: False, "the close")
        assert ended.value.rcvd is not None, "cut without a code"
        return int(ended.value.rcvd.code)

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [frame for frame in self.frames if frame["type"] == kind]

    def _fold(self, frame: dict[str, Any]) -> None:
        kind = frame["type"]
        if kind == "SNAPSHOT":
            assert self.seq is None or frame["seq"] >= self.seq, "a step back"
            self.seq = frame["seq"]
            self._start_from(frame["data"])
        elif kind in STATE:
            assert self.seq is not None, "a delta before the snapshot"
            assert frame["seq"] == self.seq + 1, f"a gap: {self.seq} then {frame['seq']}"
            self.seq = frame["seq"]
            self._apply(kind, frame["data"])
        elif kind in {"PNL", "DATA", "HEARTBEAT"}:
            assert frame["seq"] == self.seq, f"a lost frame: {self.seq} and {frame['seq']}"

    def _start_from(self, data: dict[str, Any]) -> None:
        self.positions = {(p["account_id"], p["contract"]): p["net_qty"] for p in data["positions"]}
        self.orders = {(o["account_id"], o["order_id"]): o["status"] for o in data["orders"]}
        self.records = {r["recorded_position_id"]: r["version"] for r in data["records"]}
        self.versions = {
            ("o", o["account_id"], o["order_id"]): o["version"] for o in data["orders"]
        }
        self.versions |= {
            ("p", p["account_id"], p["contract"]): p["version"] for p in data["positions"]
        }

    def _apply(self, kind: str, data: dict[str, Any]) -> None:
        match kind:
            case "POSITION":
                key = data["account_id"], data["contract"]
                self._forward(("p", *key), data["version"])
                self.positions[key] = data["net_qty"]
                if data["net_qty"] == 0:
                    del self.positions[key]
            case "ORDER":
                order = data["account_id"], data["order_id"]
                self._forward(("o", *order), data["version"])
                self.orders[order] = data["status"]
                if data["status"] in _FINAL:
                    del self.orders[order]
            case "RECORD":
                self._forward(("r", data["recorded_position_id"]), data["version"])
                self.records[data["recorded_position_id"]] = data["version"]
                if data["event"] == "closed":
                    del self.records[data["recorded_position_id"]]
            case _:
                pass

    def _forward(self, key: object, version: int) -> None:
        assert version > self.versions.get(key, 0), f"{key} stepped back to {version}"
        self.versions[key] = version


@asynccontextmanager
async def browser(url: str, *, path: str = "/ws", **options: Any) -> AsyncIterator[Browser]:
    async with connect(url + path, proxy=None, compression=None, max_size=None, **options) as ws:
        yield Browser(ws)


@asynccontextmanager
async def signed_in(url: str, user: User, **options: Any) -> AsyncIterator[Browser]:
    """Up to and including its first snapshot."""
    async with browser(url, **options) as client:
        await client.sign_in(user)
        await client.until_type("SNAPSHOT")
        yield client
