"""One look after the other; what two looks in a row show is believed, and somebody is stopped.

A breach is said once: whoever resumes afterwards has seen this evidence, and only another one
stops them again. Nothing is closed from here: the one who would carry that out is the one who has
just been caught. Entries are refused from the moment the row is committed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

import asyncpg

from sentinel.checks import CHECKS, Check
from shared.ports.clock import Clock
from shared.runtime.logging import get_logger
from shared.runtime.metrics import counter, gauge

_log = get_logger(__name__)

LOOK_EVERY_S: Final = 0.5
FIRST_LOOK_BACK_S: Final = 86_400.0
LOOK_BACK_S: Final = 3_600.0
STATEMENT_TIMEOUT_S: Final = 2.0
CONNECT_TIMEOUT_S: Final = 2.0
AGAIN_AFTER_S: Final = 1.0
# So many accounts in breach at once are no accident of one of them: the installation stops.
SYSTEM_FROM: Final = 3
ACTOR: Final = "sentinel"

# As claims understand them: they try this lock, and hear this bell.
_LOCK: Final = "SELECT pg_advisory_xact_lock(8, 0)"
_BELL: Final = "NOTIFY tm_controls"
_SAY: Final = """
    INSERT INTO controls (user_id, scope, scope_id, word, reason, said_by)
    SELECT $1::bigint, $2, $3, 'kill', $4, $5
    WHERE NOT EXISTS (SELECT 1 FROM controls c WHERE c.said_by = $5 AND c.scope = $2
      AND c.scope_id = $3 AND c.reason = $4)
    RETURNING id, created_at
"""
# As everybody hears of a word: messages, screens. Whoever relays finds it within a second.
_TELL: Final = """
    INSERT INTO outbox (event_id, stream, type, user_id, aggregate, correlation_id, body,
      occurred_at)
    VALUES (gen_random_uuid(), 'tm.events', 'control.said.v1', $1, $2, $2, $3, $4)
"""
_NOTE: Final = """
    INSERT INTO audit_log (user_id, actor, action, detail) VALUES (NULL, $1, 'control.kill', $2)
"""

_breaches = counter("tm_sentinel_breaches_total", "breaches that were believed", ("code",))
_looks = counter("tm_sentinel_looks_total", "looks at the books", ("outcome",))
_standing = gauge("tm_sentinel_breaches_count", "breaches that show now")


@dataclass(frozen=True, slots=True)
class Breach:
    """`evidence` is canonical JSON: equal text is the same breach."""

    check: Check
    account_id: int
    user_id: int
    evidence: str

    @property
    def reason(self) -> str:
        return f"{self.check.sentence} {self.check.code} {self.evidence}"


class Watch:
    """`url` of the watchman's own role."""

    def __init__(self, url: str, clock: Clock) -> None:
        self._url = url.replace("+asyncpg", "", 1)
        self._clock = clock
        self._seen: frozenset[Breach] = frozenset()
        self._said: frozenset[Breach] = frozenset()
        self._back_s = FIRST_LOOK_BACK_S
        self._looked_at_s: float | None = None

    async def look_age_s(self) -> float:
        """For readiness: seconds since the last look that came to an end."""
        if self._looked_at_s is None:
            return float("inf")
        return self._clock.monotonic() - self._looked_at_s

    async def run(self) -> None:
        """Until cancelled; a line that ends is begun again."""
        while True:
            try:
                await self._watch()
            except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
                _looks.labels("failed").inc()
                _log.warning("look_failed", error=type(error).__name__)
            await self._clock.sleep(AGAIN_AFTER_S)

    async def _watch(self) -> None:
        connection = await asyncpg.connect(
            self._url, timeout=CONNECT_TIMEOUT_S, command_timeout=STATEMENT_TIMEOUT_S
        )
        try:
            while True:
                await self.look(connection)
                await self._clock.sleep(LOOK_EVERY_S)
        finally:
            connection.terminate()

    async def look(self, connection: asyncpg.Connection[Any]) -> None:
        """Ask every question once; say what the look before this one has shown, too."""
        found = frozenset([each for check in CHECKS for each in await self._ask(connection, check)])
        sure = sorted((found & self._seen) - self._said, key=lambda each: each.reason)
        self._seen = found
        if sure:
            await _say(connection, sure)
            self._said |= frozenset(sure)
        self._said &= found
        self._back_s = LOOK_BACK_S
        self._looked_at_s = self._clock.monotonic()
        _standing.set(len(found))
        _looks.labels("breach" if found else "clean").inc()

    async def _ask(self, connection: asyncpg.Connection[Any], check: Check) -> list[Breach]:
        rows = await connection.fetch(check.query, self._back_s)
        return [
            Breach(
                check,
                row["account_id"],
                row["user_id"],
                json.dumps(json.loads(row["evidence"]), sort_keys=True),
            )
            for row in rows
        ]


async def _say(connection: asyncpg.Connection[Any], sure: list[Breach]) -> None:
    """Committed together; claims that are under way see it before they commit."""
    system = len({each.account_id for each in sure}) >= SYSTEM_FROM
    async with connection.transaction():
        await connection.execute(_LOCK)
        for each in sure:
            scope = (None, "system", 0) if system else (each.user_id, "account", each.account_id)
            said = await connection.fetchrow(_SAY, *scope, each.reason, ACTOR)
            if said is None:
                continue
            await _tell(connection, said, scope, each.reason)
            detail = {
                "scope": scope[1],
                "scope_id": scope[2],
                "account_id": each.account_id,
                "code": each.check.code,
                "evidence": json.loads(each.evidence),
            }
            await connection.execute(_NOTE, ACTOR, json.dumps(detail))
            _breaches.labels(each.check.code).inc()
            _log.error("kill_said", scope=scope[1], scope_id=scope[2], code=each.check.code)
        await connection.execute(_BELL)


async def _tell(
    connection: asyncpg.Connection[Any],
    said: asyncpg.Record,
    scope: tuple[int | None, str, int],
    reason: str,
) -> None:
    body = {
        "control_id": said["id"],
        "scope": scope[1],
        "scope_id": scope[2],
        "word": "kill",
        "reason": reason,
        "said_by": ACTOR,
        "at": said["created_at"].isoformat(),
    }
    about = f"control:{said['id']}"
    await connection.execute(_TELL, scope[0], about, json.dumps(body), said["created_at"])
