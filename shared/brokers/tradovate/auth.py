"""The token of one login: taken over, obtained, renewed in time, and never lost to a failure.

    stored and valid -> held            no login
    none             -> login           a failure is followed by a pause, four an hour at most
    85 % of its life -> renewal         one at a time; a failure leaves the held token alone
      quota spent    -> login anew      nine minutes before its end, at once with risk open
    refused (401)    -> renewal, else login
    no password      -> renewal only    the token came by consent (`oauth`)
    captcha, 423                        CredentialsExpired for an hour
    wrong password                      CredentialsExpired for good: a person is needed

Every knock is counted at the door (`egress`), which all logins of an address share.
Sources: Tradovate partner OpenAPI (accesstokenrequest, renewaccesstoken), "Rate Limits".
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Final, NoReturn, Protocol

import msgspec

from shared.brokers.tradovate import limits
from shared.brokers.tradovate.egress import Door
from shared.brokers.tradovate.health import HealthBoard
from shared.brokers.tradovate.login import Login
from shared.brokers.tradovate.models import AuthAnswer
from shared.brokers.tradovate.outcomes import Answered, NeverLeft, Reply, ticket_of, words_of
from shared.brokers.tradovate.quota import Denied, Ending, Granted, Verb
from shared.brokers.tradovate.rest import Rest
from shared.brokers.tradovate.wire import Garbled, instant
from shared.domain.errors import (
    BrokerUnavailable,
    CredentialsExpired,
    TradeManagerError,
    Unavailable,
)
from shared.ports.broker import Token
from shared.ports.clock import Clock
from shared.runtime.logging import get_logger

log = get_logger(__name__)

_OK: Final = 200
_REFUSED: Final = frozenset({200, 401, 403})  # a wrong password is answered 200 with errorText
_LOCKED: Final = 423


class TokenStore(Protocol):
    """Where a token rests between processes: sealed, one for each login."""

    async def load(self) -> Token | None: ...
    async def save(self, token: Token) -> None: ...


class Auth:
    """The only place that signs in. Every other part asks here for the token of the moment."""

    def __init__(
        self,
        login: Login,
        rest: Rest,
        clock: Clock,
        store: TokenStore,
        door: Door,
        *,
        at_risk: Callable[[], bool] | None = None,
        board: HealthBoard | None = None,
    ) -> None:
        self._board = HealthBoard(clock) if board is None else board
        self._login = login
        self._door = door
        # Without a password there is no login anew: such a token goes first, as if at risk.
        self._at_risk: Callable[[], bool] = _always
        if at_risk is not None and login.password.get_secret_value():
            self._at_risk = at_risk
        self._rest = rest
        self._clock = clock
        self._store = store
        self._throttle = limits.LoginThrottle(clock)
        self._lock = asyncio.Lock()
        self._token: Token | None = None
        self._life_s = limits.ASSUMED_LIFE_S
        self._loaded = False
        self._stopped: tuple[str, str] | None = None
        self._no_renewal_before = float("-inf")
        self._renewal_undecided = False

    @property
    def held(self) -> Token | None:
        """The token in hand while it is valid; never waits."""
        return self._token if self._token is not None and self._left_s(self._token) > 0 else None

    async def token(self) -> Token:
        """A valid token. Raises BrokerUnavailable, CredentialsExpired."""
        held = self.held
        if held is not None:
            return held
        async with self._lock:
            await self._load()
            held = self.held
            return await self._sign_in() if held is None else held

    async def replace(self, refused: Token) -> Token:
        """Another token instead of one that the broker refused; raises as `token` does.

        A refusal can also mean a missing permission, which no renewal mends, and 15 renewals an
        hour are allowed to an address: within four minutes of the last one for this reason none
        is spent. If that one was left undecided, a login decides.
        """
        async with self._lock:
            held = self.held
            if held is not None and held.access != refused.access:
                return held
            if self._clock.monotonic() < self._no_renewal_before:
                if self._renewal_undecided:
                    return await self._sign_in()
                raise BrokerUnavailable("broker.unauthorized", "The broker refuses the session.")
            return await self._renew_or_sign_in(refused)

    async def keep(self) -> NoReturn:
        """Renew in time, for ever. Raises CredentialsExpired, but not while a token is held."""
        retry_s = limits.RENEW_RETRY_S
        while True:
            try:
                token = await self.token()
            except BrokerUnavailable as error:
                log.warning("broker_sign_in_failed", code=error.code)
                self._board.failed(error)
                await self._clock.sleep(min(1.0 + self._wait_s(error), limits.RENEW_RETRY_S))
                continue
            await self._clock.sleep(max(0.0, self._renew_in_s(token)))
            if self._token is not token:
                continue
            wait_s = await self._freshen(token)
            if wait_s is None:  # tried in vain
                # Doubling keeps the tries of one token far below the 15 an hour of an address.
                wait_s, retry_s = retry_s, retry_s * 2
            elif wait_s == 0.0:
                retry_s = limits.RENEW_RETRY_S
                continue
            await self._clock.sleep(max(1.0, min(wait_s, self._left_s(token))))

    # --- renewal ------------------------------------------------------------------------------
    async def _freshen(self, token: Token) -> float | None:
        """0 when another token is held now; None after a failure; else how long to wait."""
        async with self._lock:
            if self._token is not token:
                return 0.0
            try:
                if self._consented or self._left_s(token) > limits.GIVE_UP_RENEWING_BEFORE_S:
                    verdict = await self._door.take(Verb.RENEWAL, at_risk=self._at_risk())
                    if isinstance(verdict, Granted):
                        renewed = await self._renew_granted(token, verdict)
                        return None if renewed is None else 0.0
                    early_s = self._left_s(token) - limits.SIGN_IN_ANEW_BEFORE_S
                    if early_s > 0 and not self._at_risk():
                        return min(early_s, verdict.wait_s)
                    if self._consented:
                        raise _paused(verdict)
                await self._sign_in()
            except (BrokerUnavailable, CredentialsExpired) as error:
                log.warning("broker_renewal_failed", code=error.code)
                self._board.renewal_failed(error)
                return self._wait_s(error) or None
            else:
                return 0.0

    async def _renew_or_sign_in(self, token: Token) -> Token:
        self._no_renewal_before = self._clock.monotonic() + limits.RENEW_ON_REFUSAL_PAUSE_S
        self._renewal_undecided = True
        renewed = await self._renew(token)
        self._renewal_undecided = False
        if renewed is not None:
            return renewed
        self._no_renewal_before = float("-inf")  # that session is gone, the next is another
        if self._left_s(token) > 0:
            # It was refused before its time: a third session of the user ends the oldest.
            log.warning("broker_session_displaced")
            self._board.displaced()
            await self._keep(replace(token, expires_at=self._clock.now()))
        return await self._sign_in()

    async def _renew(self, token: Token) -> Token | None:
        """The renewed token; None when the broker refuses. Raises BrokerUnavailable."""
        verdict = await self._door.take(Verb.RENEWAL, at_risk=True)
        if isinstance(verdict, Denied):
            raise _paused(verdict)
        return await self._renew_granted(token, verdict)

    async def _renew_granted(self, token: Token, granted: Granted) -> Token | None:
        reply = await self._rest.get("auth/renewaccesstoken", token=token.access)
        renewed = _token_in(reply) if isinstance(reply, Answered) else None
        await self._door.settle(granted.attempt_id, _ending(reply, renewed))
        if renewed is not None:
            return await self._adopt(renewed)
        if isinstance(reply, Answered) and _is_refusal(reply):
            log.warning("broker_renewal_refused", status=reply.status)
            return None
        raise BrokerUnavailable("broker.renewal_failed", "The broker did not renew the session.")

    # --- login --------------------------------------------------------------------------------
    @property
    def _consented(self) -> bool:
        """Without a password: a consent's token lives by renewal alone, until its last second."""
        return not self._login.password.get_secret_value()

    async def _load(self) -> None:
        if self._loaded:
            return
        stored = await self._store.load()
        self._loaded = True
        if stored is not None and self._left_s(stored) > 0:
            # Its age is not known: as if it had the usual life, so that it is renewed in time.
            self._token = stored
            self._life_s = max(self._left_s(stored), limits.ASSUMED_LIFE_S)

    async def _sign_in(self) -> Token:
        if self._stopped is not None:
            raise CredentialsExpired(*self._stopped)
        if self._consented:  # and this token was not renewed in time
            raise CredentialsExpired("broker.consent_needed", "Consent at the broker again.")
        refusal = self._door.refusal
        if refusal is not None:
            raise CredentialsExpired(refusal, "The broker refused these secrets before.")
        wait_s = self._throttle.wait_s()
        if wait_s > 0:
            raise BrokerUnavailable(
                "broker.sign_in_paused", "Signing in is paused.", retry_after_s=wait_s
            )
        verdict = await self._door.take(Verb.LOGIN, at_risk=self._at_risk())
        if isinstance(verdict, Denied):
            raise _paused(verdict)
        reply = await self._request_token()
        token = _token_in(reply) if isinstance(reply, Answered) else None
        await self._door.settle(verdict.attempt_id, _ending(reply, token))
        if token is None:
            self._failed(reply)
        log.info("broker_signed_in", expires_at=token.expires_at.isoformat())
        return await self._adopt(token)

    async def _request_token(self) -> Reply:
        """Ask for a token; a penalty of at most a minute is waited for, once."""
        body = _credentials(self._login)
        reply = await self._rest.post("auth/accesstokenrequest", body)
        ticket = ticket_of(reply.body) if isinstance(reply, Answered) else None
        if ticket is None or ticket.captcha or ticket.wait_s > limits.PENALTY_WAIT_S_MAX:
            return reply
        log.warning("broker_sign_in_penalty", wait_s=ticket.wait_s)
        await self._clock.sleep(ticket.wait_s)
        return await self._rest.post("auth/accesstokenrequest", body | {"p-ticket": ticket.value})

    def _failed(self, reply: Reply) -> NoReturn:
        if isinstance(reply, NeverLeft):  # the broker has not seen an attempt
            raise BrokerUnavailable(reply.cause, "The broker cannot be reached.")
        self._throttle.failed()
        if isinstance(reply, Answered):
            ticket = ticket_of(reply.body)
            if ticket is not None and ticket.captcha:
                raise _only_a_person("broker.captcha", limits.HOUR_S)
            if reply.status == _LOCKED:
                raise _only_a_person("broker.locked", limits.HOUR_S)
            if ticket is None and reply.status in _REFUSED and words_of(reply.body):
                self._stop("broker.credentials_refused", "The broker refused the sign-in.")
        raise BrokerUnavailable("broker.sign_in_failed", "The broker did not sign us in.")

    def _stop(self, code: str, message: str) -> NoReturn:
        """No further attempt by this object: five failures in an hour lock the address."""
        self._stopped = (code, message)
        self._door.refuse(code)
        log.error("broker_sign_in_stopped", code=code)
        raise CredentialsExpired(code, message)

    async def _adopt(self, token: Token) -> Token:
        if self._left_s(token) <= 0:
            # Our clock and the broker's disagree. Believing ours would mean to sign in for ever,
            # each time ending the session before.
            log.error("broker_clock_disagrees", expires_at=token.expires_at.isoformat())
            life = timedelta(seconds=limits.SKEWED_LIFE_S)
            token = replace(token, expires_at=self._clock.now() + life)
        self._token = token
        self._life_s = self._left_s(token)
        self._board.renewed()
        await self._keep(token)
        return token

    async def _keep(self, token: Token) -> None:
        """For whoever comes after this process; one that is over, so that nobody tries it."""
        try:
            await self._store.save(token)
        except Unavailable as error:
            log.warning("broker_token_not_saved", code=error.code)

    def _wait_s(self, error: TradeManagerError) -> float:
        """How long the error says to wait; at least as long as our own pause after a failure."""
        told = error.context.get("retry_after_s")
        return max(told if isinstance(told, float) else 0.0, self._throttle.wait_s())

    def _renew_in_s(self, token: Token) -> float:
        return self._left_s(token) - (1 - limits.RENEW_AT_LIFE_SHARE) * self._life_s

    def _left_s(self, token: Token) -> float:
        return (token.expires_at - self._clock.now()) / timedelta(seconds=1)


def _always() -> bool:
    return True


def _is_refusal(reply: Answered) -> bool:
    if ticket_of(reply.body) is not None or reply.status not in _REFUSED:
        return False
    return reply.status != _OK or bool(words_of(reply.body))


_WORDS: Final = {
    "broker.captcha": "The broker demands a captcha; sign in there first.",
    "broker.locked": "The broker is about to lock the address; nothing is tried for an hour.",
}


def _only_a_person(code: str, wait_s: float) -> CredentialsExpired:
    log.error("broker_sign_in_stopped", code=code)
    return CredentialsExpired(code, _WORDS[code], retry_after_s=wait_s)


def _paused(verdict: Denied) -> BrokerUnavailable | CredentialsExpired:
    if verdict.code in _WORDS:
        return _only_a_person(verdict.code, verdict.wait_s)
    return BrokerUnavailable(verdict.code, "Signing in is paused.", retry_after_s=verdict.wait_s)


def _ending(reply: Reply, token: Token | None) -> Ending:
    """What an attempt counts as. One that never left was none."""
    if token is not None or isinstance(reply, NeverLeft):
        return Ending.GOOD
    if isinstance(reply, Answered):
        ticket = ticket_of(reply.body)
        if ticket is not None and ticket.captcha:
            return Ending.CAPTCHA
        if reply.status == _LOCKED:
            return Ending.LOCKED
    return Ending.FAILED


def _token_in(reply: Answered) -> Token | None:
    """A complete token; anything less is none, so that it can replace nothing."""
    if reply.status != _OK or not isinstance(reply.body, dict) or "p-ticket" in reply.body:
        return None
    try:
        answer = msgspec.convert(reply.body, AuthAnswer)
        if answer.error_text or not answer.access_token or answer.user_id <= 0:
            return None
        return Token(
            access=answer.access_token,
            market_data=answer.md_access_token,
            expires_at=instant(answer.expiration_time),
            user_id=answer.user_id,
        )
    except (msgspec.ValidationError, Garbled):
        return None


def _credentials(login: Login) -> dict[str, object]:
    body: dict[str, object] = {
        "name": login.name,
        "password": login.password.get_secret_value(),
        "appId": login.app_id,
        "appVersion": login.app_version,
        "deviceId": login.device_id,
    }
    if login.cid is not None:
        body["cid"] = int(login.cid) if login.cid.isdecimal() else login.cid
    if login.sec is not None:
        body["sec"] = login.sec.get_secret_value()
    return body
