"""Direct messages by a Discord bot, over hikari's REST client; no gateway connection.

hikari keeps Discord's rate limits. It repeats a 429 without end and sleeps between tries, so our
caller bounds the time of a send, and repeating is left to our own persisted back-off.

The nonce comes from the delivery: Discord answers a repeat within some minutes with the message it
already has (Discord API docs, Create Message, `enforce_nonce`, seen 2026-08; hikari 2.7.0 sets
`enforce_nonce` whenever a nonce is given).
"""

from __future__ import annotations

import asyncio
import importlib
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from pydantic import SecretStr

from notifier.channels.base import Delivered, Message, NotYet, Outcome, Undeliverable
from notifier.rules import Person
from shared.ports.clock import Clock

if TYPE_CHECKING:
    from notifier.channels.discord_rest import Rest

NOT_CONFIGURED: Final = "discord.not_configured"
RATE_LIMITED: Final = "discord.rate_limited"
UNKNOWN_USER: Final = "discord.unknown_user"
# Discord wants us to wait longer than this: come back later instead of holding a sender.
RATE_LIMIT_WAIT_S_MAX: Final = 5.0
CHANNELS_KEPT_MAX: Final = 10_000
NONCE_LENGTH_MAX: Final = 25

# JSON error codes of Discord's API documentation.
_DMS_CLOSED: Final = frozenset({50007, 50278})  # closed; no server in common
_UNKNOWN_USER: Final = frozenset({10013, 50033})  # unknown user; invalid recipient


class DiscordChannel:
    name = "discord"

    def __init__(self, url: str, token: SecretStr, clock: Clock) -> None:
        self._url = url
        self._token = token
        self._clock = clock
        self.waits_for: str | None = None if token.get_secret_value() else NOT_CONFIGURED
        self._rest: Rest | None = None
        self._opening = asyncio.Lock()
        self._quiet_until_s = 0.0
        # A person's DM channel never changes, and asking for it has a limit of its own.
        self._channels: OrderedDict[str, int] = OrderedDict()

    def address(self, person: Person) -> str | None:
        return person.discord_user_id if person.discord_dms_enabled else None

    async def open(self) -> None:
        """Imports hikari beside the running loop, then opens its connection pool."""
        await asyncio.to_thread(importlib.import_module, "notifier.channels.discord_rest")
        await self._current()

    async def send(self, message: Message) -> Outcome:
        """Raises nothing that Discord can cause."""
        quiet_s = self._quiet_until_s - self._clock.monotonic()
        if quiet_s > 0:
            return NotYet(RATE_LIMITED, quiet_s)
        if not message.address.isdecimal():
            return Undeliverable(UNKNOWN_USER)
        rest = await self._current()
        async with rest:
            try:
                return await self._send(rest, message)
            except asyncio.CancelledError:
                await self._retire(rest)
                raise

    async def close(self) -> None:
        if self._rest is not None:
            await self._retire(self._rest)

    async def _send(self, rest: Rest, message: Message) -> Outcome:
        from hikari import errors

        from notifier.channels.discord_rest import GloballyLimitedError

        try:
            channel_id = await self._channel(rest, message.address)
            await rest.create_message(channel_id, message.content, nonce(message.delivery_id))
        except GloballyLimitedError as error:
            self._quiet_until_s = self._clock.monotonic() + error.retry_after_s
            return NotYet(RATE_LIMITED, error.retry_after_s)
        except errors.RateLimitTooLongError as error:
            return NotYet(RATE_LIMITED, error.retry_after)
        except errors.HTTPResponseError as error:
            return _refusal(int(error.status), error.code)
        except errors.HTTPError:
            return NotYet("discord.unreachable")
        return Delivered()

    async def _channel(self, rest: Rest, address: str) -> int:
        known = self._channels.get(address)
        if known is None:
            known = await rest.open_dm(int(address))
        self._channels[address] = known
        self._channels.move_to_end(address)
        if len(self._channels) > CHANNELS_KEPT_MAX:
            self._channels.popitem(last=False)
        return known

    async def _current(self) -> Rest:
        from notifier.channels.discord_rest import Rest

        async with self._opening:
            if self._rest is None:
                rest = Rest(self._url, self._token.get_secret_value(), RATE_LIMIT_WAIT_S_MAX)
                await rest.open()
                self._rest = rest
            return self._rest

    async def _retire(self, rest: Rest) -> None:
        if self._rest is rest:
            self._rest = None
        await rest.retire()


def nonce(delivery_id: int) -> str:
    """At most 25 characters: 19 digits of a bigint and our mark."""
    return f"tm-{delivery_id}"


def _refusal(status: int, code: int) -> Outcome:
    if status == 429:  # noqa: PLR2004 - Too Many Requests
        return NotYet(RATE_LIMITED)
    if status >= 500:  # noqa: PLR2004 - their trouble, not ours
        return NotYet("discord.server_error")
    if status == 401:  # noqa: PLR2004 - the bot's token is not (or no longer) good
        return Undeliverable("discord.unauthorized")
    if code in _DMS_CLOSED:
        return Undeliverable("discord.dms_closed")
    if code in _UNKNOWN_USER:
        return Undeliverable(UNKNOWN_USER)
    return Undeliverable("discord.refused")
