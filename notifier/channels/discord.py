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
from typing import TYPE_CHECKING, Any, Final

from pydantic import SecretStr

from notifier.channels.base import Delivered, Message, NotYet, Outcome, Undeliverable
from notifier.rules import Person

if TYPE_CHECKING:
    from hikari.impl import RESTApp
    from hikari.impl.rest import RESTClientImpl

NOT_CONFIGURED: Final = "discord.not_configured"
# Discord wants us to wait longer than this: come back later instead of holding a sender.
RATE_LIMIT_WAIT_S_MAX: Final = 5.0
CHANNELS_KEPT_MAX: Final = 10_000
NONCE_LENGTH_MAX: Final = 25

# JSON error codes of Discord's API documentation.
_DMS_CLOSED: Final = frozenset({50007, 50278})  # closed; no server in common
_UNKNOWN_USER: Final = frozenset({10013, 50033})  # unknown user; invalid recipient


class DiscordChannel:
    name = "discord"

    def __init__(self, url: str, token: SecretStr) -> None:
        self._url = url
        self._token = token
        self.waits_for: str | None = None if token.get_secret_value() else NOT_CONFIGURED
        self._app: RESTApp | None = None
        self._client: RESTClientImpl | None = None
        # A person's DM channel never changes, and asking for it has a limit of its own.
        self._channels: OrderedDict[str, int] = OrderedDict()

    def address(self, person: Person) -> str | None:
        return person.discord_user_id if person.discord_dms_enabled else None

    async def open(self) -> None:
        """Imports hikari (0.7 s) beside the running loop, then opens its connection pool."""
        if self.waits_for is not None:
            return
        await asyncio.to_thread(importlib.import_module, "hikari.impl.rest")
        from hikari.impl import RESTApp

        self._app = RESTApp(url=self._url, max_rate_limit=RATE_LIMIT_WAIT_S_MAX, max_retries=0)
        await self._app.start()
        self._client = self._app.acquire(self._token.get_secret_value(), "Bot")
        self._client.start()

    async def send(self, message: Message) -> Outcome:
        """Raises nothing that Discord can cause. `open` has to come first."""
        from hikari import errors

        if self._client is None:
            return NotYet("discord.not_open")
        try:
            recipient = int(message.address)
        except ValueError:
            return Undeliverable("discord.unknown_user")
        try:
            channel_id = await self._channel(self._client, message.address, recipient)
            await self._client.create_message(
                channel_id, message.content, nonce=nonce(message.delivery_id)
            )
        except errors.RateLimitTooLongError as error:
            return NotYet("discord.rate_limited", error.retry_after)
        except errors.HTTPResponseError as error:
            return _refusal(int(error.status), error.code)
        except errors.HTTPError:
            return NotYet("discord.unreachable")
        return Delivered()

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()
        if self._app is not None:
            await self._app.close()

    async def _channel(self, client: Any, address: str, recipient: int) -> int:
        known = self._channels.get(address)
        if known is None:
            known = int((await client.create_dm_channel(recipient)).id)
        self._channels[address] = known
        self._channels.move_to_end(address)
        if len(self._channels) > CHANNELS_KEPT_MAX:
            self._channels.popitem(last=False)
        return known


def nonce(delivery_id: int) -> str:
    """At most 25 characters: 19 digits of a bigint and our mark."""
    return f"tm-{delivery_id}"


def _refusal(status: int, code: int) -> Outcome:
    if status == 429:  # noqa: PLR2004 - Too Many Requests
        return NotYet("discord.rate_limited")
    if status >= 500:  # noqa: PLR2004 - their trouble, not ours
        return NotYet("discord.server_error")
    if status == 401:  # noqa: PLR2004 - the bot's token is not (or no longer) good
        return Undeliverable("discord.unauthorized")
    if code in _DMS_CLOSED:
        return Undeliverable("discord.dms_closed")
    if code in _UNKNOWN_USER:
        return Undeliverable("discord.unknown_user")
    return Undeliverable("discord.refused")
