"""The logins a process drives: how to sign in, the sealed token, and what to watch."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from shared.contracts.accounts import ConnectionChanged
from shared.contracts.envelope import Envelope
from shared.domain.ids import ConnectionId
from shared.domain.login_health import says_nothing_new
from shared.ports.broker import LoginHealth, Token
from shared.ports.ledger import LoginRow
from tests.simulation.ledger.journal import tell_user
from tests.simulation.rows import LinkRow, SessionRow
from tests.simulation.store import Store


def load(store: Store, login: ConnectionId) -> LoginRow:
    row = store.connections.one(login)
    session = store.sessions.get(login)
    return LoginRow(
        connection_id=login,
        user_id=row.user_id,
        broker=row.broker,
        environment=row.environment,
        login_name=row.login_name,
        password_sealed=row.password_sealed,
        client_id=row.client_id,
        client_secret_sealed=row.client_secret_sealed,
        device_id=row.device_id,
        token_sealed=None if session is None else session.token_sealed,
        rests_until=None if session is None else session.rests_until,
    )


def rest(store: Store, login: ConnectionId, until: datetime) -> None:
    """It places nothing before."""
    session = store.sessions.get(login) or SessionRow(login)
    known = session.rests_until
    later = until if known is None else max(known, until)
    store.sessions.put(login, replace(session, rests_until=later))


def rests(store: Store, login: ConnectionId, now: datetime) -> bool:
    session = store.sessions.get(login)
    return session is not None and session.rests_until is not None and session.rests_until > now


def save_token(store: Store, login: LoginRow, sealed: bytes, token: Token) -> None:
    session = store.sessions.get(login.connection_id) or SessionRow(login.connection_id)
    kept = replace(session, token_sealed=sealed, token_expires_at=token.expires_at)
    store.sessions.put(login.connection_id, kept)


def save_state(store: Store, login: LoginRow, health: LoginHealth, now: datetime) -> list[Envelope]:
    """Told only when it changed."""
    key = login.connection_id
    state, reason = health.state.value, health.code
    known = store.sessions.get(key)
    if known is not None and says_nothing_new(known.state, state, reason):
        return []
    if known is not None and (known.state, known.reason) == (state, reason):
        return []
    session = SessionRow(key) if known is None else known
    store.sessions.put(key, replace(session, state=state, reason=reason))
    body = ConnectionChanged(connection_id=key, state=state, reason=reason)
    about = f"connection:{key}"
    return tell_user(store, login.user_id, body, f"{key}:{now.isoformat()}", about, now)


def wanted(store: Store, login: ConnectionId) -> tuple[set[str], set[str]]:
    """(contracts held or worked, symbols active strategies may trade)."""
    worked = {
        row.intent.contract
        for row in store.intents.open()
        if store.connection_of(row.account_id) == login
    }
    held = {
        row.contract
        for row in store.positions.rows()
        if row.net_qty != 0 and store.connection_of(row.account_id) == login
    }
    symbols = {
        _symbol(store, row)
        for row in store.links.rows()
        if row.enabled and store.connection_of(row.account_id) == login and _trades(store, row)
    }
    return worked | held, {symbol for symbol in symbols if symbol is not None}


def _trades(store: Store, link: LinkRow) -> bool:
    row = store.strategies.one(link.strategy_id)
    return row.strategy.active and not row.deleted


def _symbol(store: Store, link: LinkRow) -> str | None:
    account = store.accounts.one(link.account_id)
    own = store.strategies.one(link.strategy_id).strategy.symbol
    custom = account.custom_ticker if link.custom_ticker is None else link.custom_ticker
    return own if custom is None else custom
