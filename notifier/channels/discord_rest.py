"""hikari's REST client with two of its edges made safe. Imported late: hikari takes 0.7 s.

Both were read in hikari 2.7.0 (`impl/buckets.py`, `impl/rest.py`) and seen against our stand-in:

- A global rate limit is not waited for on a route whose bucket is not known yet: the request is
  repeated at once, for as long as the limit lasts. So we end the request and keep quiet ourselves.
- A request cancelled while it waits for its bucket never leaves it: after a few the bucket is full
  for ever. So a client on which a request was cancelled is used no more.
"""

from __future__ import annotations

from hikari.impl import RESTApp
from hikari.impl.buckets import RESTBucketManager


class GloballyLimitedError(Exception):
    """Discord wants nothing from us, on any route, for `retry_after_s`."""

    def __init__(self, retry_after_s: float) -> None:
        super().__init__(f"globally limited for {retry_after_s} s")
        self.retry_after_s = retry_after_s


class _Buckets(RESTBucketManager):
    def throttle(self, retry_after: float) -> None:
        raise GloballyLimitedError(retry_after)


class _App(RESTApp):
    def __init__(self, url: str, max_rate_limit_s: float) -> None:
        # Repeating what failed is ours: it must survive a restart.
        super().__init__(url=url, max_rate_limit=max_rate_limit_s, max_retries=0)
        self._bucket_manager = _Buckets(max_rate_limit_s)


class Rest:
    """One client with its connection pool. Counts who uses it, so that it closes after the last."""

    def __init__(self, url: str, token: str, max_rate_limit_s: float) -> None:
        self._app = _App(url, max_rate_limit_s)
        self._token = token
        self._users = 0
        self._is_retired = False

    async def open(self) -> None:
        await self._app.start()
        self._client = self._app.acquire(self._token, "Bot")
        self._client.start()

    async def __aenter__(self) -> None:
        self._users += 1

    async def __aexit__(self, *_: object) -> None:
        self._users -= 1
        await self._close_if_over()

    async def retire(self) -> None:
        """No new requests on it; it closes when the last one has ended."""
        self._is_retired = True
        await self._close_if_over()

    async def open_dm(self, user_id: int) -> int:
        """The channel to this person. Raises `hikari.HikariError`, `GloballyLimitedError`."""
        return int((await self._client.create_dm_channel(user_id)).id)

    async def create_message(self, channel_id: int, content: str, nonce: str) -> None:
        """Hikari asks Discord to enforce the nonce. Raises as `open_dm`."""
        await self._client.create_message(channel_id, content, nonce=nonce)

    async def _close_if_over(self) -> None:
        if self._is_retired and self._users == 0:
            await self._client.close()
            await self._app.close()
