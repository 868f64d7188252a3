"""Every limit and pause of the adapter by name, and the small machines that keep them.

Figures: Tradovate partner pages "Rate Limits" and "Connection overview"; the connect gate
follows a public incident log (16 reconnects at once kept themselves throttled for hours).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random
from typing import Final

from shared.ports import broker
from shared.ports.clock import Clock

# --- the socket -------------------------------------------------------------------------------
HEARTBEAT_S: Final = 2.5
SILENCE_S: Final = 10.0
OPEN_TIMEOUT_S: Final = 5.0
FRAME_BYTES_MAX: Final = 16 * 1024 * 1024
FRAMES_QUEUED_MAX: Final = 64
REQUESTS_PENDING_MAX: Final = 1_000
SYNC_TIMEOUT_S: Final = 10.0
# No source tells how the last part of a split snapshot is marked; this long without another
# part counts as its end.
SYNC_QUIET_S: Final = 0.3
STABLE_S: Final = 10.0

# --- requests ---------------------------------------------------------------------------------
ORDER_TIMEOUT_S: Final = broker.ORDER_TIMEOUT_S
READ_TIMEOUT_S: Final = 10.0
CONNECT_TIMEOUT_S: Final = 2.0
POOL_TIMEOUT_S: Final = 1.0
CONNECTIONS_MAX: Final = 20
BODY_BYTES_MAX: Final = FRAME_BYTES_MAX

# --- sign-in ----------------------------------------------------------------------------------
HOUR_S: Final = 3_600.0
# After the n-th failure within an hour. The broker bans the address at the fifth; spread out, the
# four that are left to us outlive an outage of some minutes.
LOGIN_PAUSES_S: Final = (15.0, 60.0, 300.0, HOUR_S)
PENALTY_WAIT_S_MAX: Final = 60.0
CAPTCHA_REST_S: Final = HOUR_S
RATE_LIMITED_REST_S: Final = 30.0
# After a 429 entries and reads wait; exits and protective stops knock again this often, because
# a position may be without its stop for three seconds at most. What wants to leave asks each
# second, so at two seconds sharp it would come too early and go at three.
KNOCK_EVERY_S: Final = 1.75
RENEW_AT_LIFE_SHARE: Final = 0.85
ASSUMED_LIFE_S: Final = 80 * 60.0
SKEWED_LIFE_S: Final = 600.0  # of a token that is new and, by our clock, over
RENEW_RETRY_S: Final = 15.0
# A token that may not be renewed is replaced by a login this long before its end: nine minutes
# have room for 36 logins 15 s apart. One whose renewals only fail is given up later.
SIGN_IN_ANEW_BEFORE_S: Final = 540.0
GIVE_UP_RENEWING_BEFORE_S: Final = 240.0
RENEW_ON_REFUSAL_PAUSE_S: Final = HOUR_S / 15

# --- what is kept -----------------------------------------------------------------------------
FACTS_QUEUED_MAX: Final = 20_000
ROWS_MAX: Final = 100_000
TICKETS_MAX: Final = 1_000
CONTRACT_AGE_S_MAX: Final = 24 * HOUR_S
IDS_PER_READ_MAX: Final = 100
RESOLVE_EVERY_S: Final = 1.0
RESOLVE_PAUSE_S_MAX: Final = 30.0
# Rows of one instant come within this; then the broker is asked which of them stands.
DOUBT_GATHER_S: Final = 0.25
DOUBT_EVERY_S: Final = 1.0
DOUBT_RETRY_S: Final = 5.0
DOUBT_PAUSE_S_MAX: Final = 30.0

# Between two reads while none is answered: the first doubling to the last. An exit's own read, and
# what a socket needs to stand, go all the same.
OUTAGE_PAUSE_S: Final = 0.5
OUTAGE_PAUSE_S_MAX: Final = 5.0

# --- reconnecting -----------------------------------------------------------------------------
FIRST_RETRY_S: Final = 0.25
QUICK_RETRY_S: Final = 1.0
QUICK_RETRIES: Final = 8
_JITTER: Final = 0.1


class Backoff:
    """Pauses between tries: 0.25 s doubling to 1 s for eight tries, then doubling to the cap."""

    def __init__(self, rng: Random, longest_s: float) -> None:
        self._rng = rng
        self._longest_s = longest_s
        self._tries = 0

    def reset(self) -> None:
        self._tries = 0

    def next_s(self) -> float:
        """The pause before the next try, spread by a tenth so that logins do not march in step."""
        # Bounded: the power of an outage of a thousand tries is no float any more.
        base = min(FIRST_RETRY_S * 2.0 ** min(self._tries, QUICK_RETRIES), QUICK_RETRY_S)
        if self._tries >= QUICK_RETRIES:
            base = QUICK_RETRY_S * 2.0 ** min(self._tries - QUICK_RETRIES + 1, 10)
        self._tries += 1
        return min(base, self._longest_s) * self._rng.uniform(1 - _JITTER, 1 + _JITTER)


class Cooldown:
    """After a 429 nobody of this host knocks for a while; each further one doubles the while.

    With `rng` the while is up to a fifth longer, so that several processes do not come back at
    the same moment.
    """

    def __init__(self, clock: Clock, rng: Random | None = None) -> None:
        self._clock = clock
        self._rng = rng
        self._until = float("-inf")
        self._knock_at = float("-inf")
        self._rest_s = RATE_LIMITED_REST_S

    @property
    def remaining_s(self) -> float:
        return max(0.0, self._until - self._clock.monotonic())

    @property
    def until_knock_s(self) -> float:
        """The shorter wait of what an open position cannot do without."""
        return min(self.remaining_s, max(0.0, self._knock_at - self._clock.monotonic()))

    def let_in(self) -> None:
        """Somebody was answered: what an open position needs may be asked for at once."""
        self._knock_at = float("-inf")

    def refused(self) -> None:
        now = self._clock.monotonic()
        self._knock_at = now + KNOCK_EVERY_S
        if self.remaining_s > 0:
            return  # one storm counts once, however many requests were in flight
        quiet_s = now - self._until
        self._rest_s = RATE_LIMITED_REST_S if quiet_s > HOUR_S else min(self._rest_s * 2, HOUR_S)
        spread = 1.0 if self._rng is None else self._rng.uniform(1.0, 1.0 + 2 * _JITTER)
        self._until = now + self._rest_s * spread


class Outage:
    """While the broker answers no read the next one waits ever longer; one answer ends it.

    A login with something open and no stream is read each second. Through hours of maintenance
    that would spend the whole hour's requests on nothing, and leave few for the open.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until = float("-inf")
        self._pause_s = 0.0

    @property
    def remaining_s(self) -> float:
        return max(0.0, self._until - self._clock.monotonic())

    def unanswered(self) -> None:
        if self.remaining_s > 0:
            return  # reads of one moment count once
        self._pause_s = min(max(self._pause_s * 2, OUTAGE_PAUSE_S), OUTAGE_PAUSE_S_MAX)
        self._until = self._clock.monotonic() + self._pause_s

    def answered(self) -> None:
        self._pause_s, self._until = 0.0, float("-inf")


class ConnectGate:
    """Opens sockets a few at a time, spaced out, for all logins of one host in this process."""

    def __init__(
        self,
        clock: Clock,
        *,
        in_flight_max: int = 2,
        spacing_s: float = 0.0,
        cooldown: Cooldown | None = None,
    ) -> None:
        self._clock = clock
        self._slots = asyncio.Semaphore(in_flight_max)
        self._spacing_s = spacing_s
        self._next_at = float("-inf")
        self.cooldown = Cooldown(clock) if cooldown is None else cooldown

    def wait_s(self) -> float:
        """How long somebody who came now would wait for spacing and cool-down."""
        spacing_s = self._next_at - self._clock.monotonic()
        return max(0.0, spacing_s, self.cooldown.remaining_s)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a slot, for the spacing and for the end of a cool-down."""
        async with self._slots:
            # Looked at again after each wait: a cool-down that ends lets one go, not all at once.
            while (wait_s := self.wait_s()) > 0:
                await self._clock.sleep(wait_s)
            self._next_at = self._clock.monotonic() + self._spacing_s
            yield


class LoginThrottle:
    """Counts failed logins of the last hour; each is followed by a longer pause."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._failures: deque[float] = deque(maxlen=len(LOGIN_PAUSES_S))

    def failed(self) -> None:
        self._failures.append(self._clock.monotonic())

    def wait_s(self) -> float:
        """How long until another attempt is allowed."""
        now = self._clock.monotonic()
        recent = [at for at in self._failures if now - at < HOUR_S]
        if not recent:
            return 0.0
        if len(recent) == len(LOGIN_PAUSES_S):
            return recent[0] + HOUR_S - now
        return max(0.0, recent[-1] + LOGIN_PAUSES_S[len(recent) - 1] - now)
