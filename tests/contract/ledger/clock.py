"""One time for a test: its own clock, and the clock of its database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import asyncpg


class StandingClock:
    """Stands still until it is told to go on."""

    def __init__(self) -> None:
        self._now = datetime(2026, 11, 2, 15, tzinfo=UTC)

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._now.timestamp()

    async def sleep(self, delay_s: float) -> None:
        self.advance(delay_s)

    def advance(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)


# `now()` is found before the built-in one once pg_catalog is named after another schema; defaults
# of columns were bound when the tables were made and are bound again.
_SET_UP: Final = """
CREATE SCHEMA test_clock;
CREATE TABLE test_clock.stands_at (instant timestamptz NOT NULL);
INSERT INTO test_clock.stands_at VALUES (pg_catalog.now());
CREATE FUNCTION test_clock.now() RETURNS timestamptz LANGUAGE sql STABLE
  AS 'SELECT instant FROM test_clock.stands_at';
CREATE FUNCTION test_clock.clock_timestamp() RETURNS timestamptz LANGUAGE sql STABLE
  AS 'SELECT instant FROM test_clock.stands_at';
GRANT USAGE ON SCHEMA test_clock TO PUBLIC;
GRANT SELECT ON test_clock.stands_at TO PUBLIC;
DO $$
DECLARE found record;
BEGIN
  FOR found IN SELECT table_name, column_name FROM information_schema.columns
    WHERE table_schema = 'public' AND column_default IN ('now()', 'clock_timestamp()')
  LOOP
    EXECUTE format('ALTER TABLE public.%I ALTER COLUMN %I SET DEFAULT test_clock.now()',
                   found.table_name, found.column_name);
  END LOOP;
  EXECUTE format('ALTER DATABASE %I SET search_path = test_clock, pg_catalog, public',
                 current_database());
END $$;
"""


async def stop_clock(owner: asyncpg.Connection[Any]) -> None:
    """From the next connection on, this database tells the time it was last told."""
    await owner.execute(_SET_UP)


async def set_clock(owner: asyncpg.Connection[Any], now: datetime) -> None:
    await owner.execute("UPDATE test_clock.stands_at SET instant = $1", now)
