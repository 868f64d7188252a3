"""Logins and tokens. Two sessions for each user; a third login ends the oldest.

Only digests of tokens are kept, so that the journal holds nothing to log in with.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

from msgspec.structs import replace

from paper.calls import Refusal
from paper.clock import Clock
from paper.rows import Session, User, stamp
from paper.settings import Login
from paper.store import Store

SESSIONS_MAX: Final = 2
_TOKEN_BYTES: Final = 48


@dataclass(frozen=True, slots=True)
class Tokens:
    access: str
    market_data: str
    session: Session


class Sessions:
    """Opens, renews and checks sessions. `on_ended` hears of a displaced one, with its id."""

    def __init__(self, store: Store, clock: Clock, life_s: float) -> None:
        self.new_token: Callable[[], str] = partial(secrets.token_urlsafe, _TOKEN_BYTES)
        self.on_ended: Callable[[int], None] = lambda _session_id: None
        self._store = store
        self._clock = clock
        self._life = timedelta(seconds=life_s)
        self._passwords: dict[int, str] = {}
        self._by_digest: dict[str, int] = {}
        self._by_md_digest: dict[str, int] = {}

    def know(self, user: User, login: Login) -> None:
        self._passwords[user.id] = login.password.get_secret_value()

    def restore(self) -> None:
        for session in self._store.all(Session):
            self._index(session)

    def user(self, name: str, password: str) -> User | None:
        """The user whose password this is."""
        user = self._store.named(User, name)
        known = None if user is None else self._passwords.get(user.id)
        right = hmac.compare_digest((known or "").encode(), password.encode())
        return user if right and known is not None else None

    def open(self, user_id: int) -> Tokens:
        """A new session; the oldest one ends when there are too many."""
        live = sorted(self._live(user_id), key=lambda session: session.id)
        for session in live[: len(live) - SESSIONS_MAX + 1]:
            self._put(replace(session, ended=True))
            self.on_ended(session.id)
        return self._issue(self._store.next_id(), user_id)

    def expire(self, user_id: int | None) -> int:
        """The tokens of a user (or of all) are over now; how many sessions that ended."""
        users = {x.user_id for x in self._store.all(Session)} if user_id is None else {user_id}
        live = [session for user in users for session in self._live(user)]
        for session in live:
            self._put(replace(session, expires_at=stamp(self._clock.now())))
        return len(live)

    def renew(self, session: Session) -> Tokens:
        """New tokens for the same session; the old ones are void at once."""
        session = self._store.must(Session, session.id)  # a socket may hold an older row of it
        self._by_digest.pop(session.token_digest, None)
        self._by_md_digest.pop(session.md_token_digest, None)
        return self._issue(session.id, session.user_id)

    def check(self, token: str) -> Session:
        """The live session of an access token.

        Raises Refusal: 401 for a token that is unknown or over; for a displaced session 408 at
        the first call and 401 from then on.
        """
        return self._checked(self._by_digest.get(_digest(token)))

    def check_md(self, token: str) -> Session:
        """The same for market data, where both tokens are good."""
        digest = _digest(token)
        return self._checked(self._by_md_digest.get(digest) or self._by_digest.get(digest))

    def _checked(self, session_id: int | None) -> Session:
        session = None if session_id is None else self._store.get(Session, session_id)
        if session is None:
            raise Refusal(401, "Access is denied")
        if session.ended:
            if session.told_ended:
                raise Refusal(401, "Access is denied")
            self._put(replace(session, told_ended=True))
            raise Refusal(408, "Request Timeout")
        if self._is_over(session):
            raise Refusal(401, "Expired Access Token")
        return session

    def is_done(self, session: Session) -> bool:
        """Whether nothing can be done with it any more."""
        return session.ended or self._is_over(session)

    def _live(self, user_id: int) -> list[Session]:
        return [
            session
            for session in self._store.all(Session)
            if session.user_id == user_id and not session.ended and not self._is_over(session)
        ]

    def _is_over(self, session: Session) -> bool:
        # Both sides are written alike, so that their order as text is their order in time.
        return stamp(self._clock.now()) >= session.expires_at

    def _issue(self, session_id: int, user_id: int) -> Tokens:
        access, market_data = self.new_token(), self.new_token()
        session = Session(
            id=session_id,
            user_id=user_id,
            token_digest=_digest(access),
            md_token_digest=_digest(market_data),
            expires_at=stamp(_next_milli(self._clock.now() + self._life)),
            ended=False,
        )
        self._put(session)
        self._index(session)
        return Tokens(access, market_data, session)

    def _put(self, session: Session) -> None:
        self._store.put(session)

    def _index(self, session: Session) -> None:
        self._by_digest[session.token_digest] = session.id
        self._by_md_digest[session.md_token_digest] = session.id


def _next_milli(at: datetime) -> datetime:
    return (at + timedelta(milliseconds=1)).astimezone(UTC)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
