"""Where each kind of line comes from: one query each, all of the same columns.

Nothing is written for the log: every line is read from the row that is the record itself, so none
can be missing and none can say otherwise.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    FromClause,
    Select,
    Text,
    case,
    cast,
    func,
    literal,
    null,
    select,
)

from api.logs.schemas import Kind, Level
from api.security.sessions import SignedIn
from api.security.throttle import username_key
from shared.db.tables.audit import audit_log
from shared.db.tables.drifts import drifts
from shared.db.tables.people import login_attempts, sessions
from shared.db.tables.signals import alerts, signal_decisions
from shared.db.tables.trading import fills, intents

Column = ColumnElement[Any]
_NO_NUMBER: Final = cast(null(), BigInteger)
_NO_TEXT: Final = cast(null(), Text)


def _line(
    kind: Kind,
    row_id: Column,
    at: Column,
    *,
    source: FromClause,
    message: Column,
    level: Column | Level = Level.INFO,
    code: Column = _NO_TEXT,
    strategy: Column = _NO_NUMBER,
    account: Column = _NO_NUMBER,
    signal: Column = _NO_NUMBER,
    **detail: Column,
) -> Select[Any]:
    """`detail`: what stands under the same name in the line's own detail."""
    named = [part for name, value in detail.items() for part in (literal(name), value)]
    line_id = (literal(f"{kind}-") + cast(row_id, Text)).collate("C")
    return select(
        line_id.label("id"),
        at.label("at"),
        literal(kind.value).label("kind"),
        (literal(level.value) if isinstance(level, Level) else level).label("level"),
        code.label("code"),
        func.coalesce(message, "").label("message"),
        strategy.label("strategy_id"),
        account.label("account_id"),
        signal.label("signal_id"),
        func.jsonb_build_object(*named).label("detail"),
    ).select_from(source)


def _alerts(_: SignedIn) -> Select[Any]:
    c = alerts.c
    level = case({"refused": Level.ERROR.value, "blocked": Level.WARNING.value},
                 value=c.verdict, else_=Level.INFO.value)  # fmt: skip
    message = func.coalesce(c.message, literal("The alert was ") + c.verdict + ".")
    return _line(
        Kind.ALERT, c.id, c.received_at, source=alerts, message=message, level=level, code=c.code,
        strategy=c.strategy_id, signal=c.signal_id,
        verdict=c.verdict, answered_status=c.answered_status,
    )  # fmt: skip


def _decisions(_: SignedIn) -> Select[Any]:
    c = signal_decisions.c
    not_done = dict.fromkeys(("SKIPPED", "STALE", "BLOCKED", "EXPIRED"), Level.WARNING.value)
    failed = dict.fromkeys(("REJECTED", "ABANDONED"), Level.ERROR.value)
    level = case(not_done | failed, value=c.disposition, else_=Level.INFO.value)
    return _line(
        Kind.DECISION, c.id, c.decided_at, source=signal_decisions, message=c.message, level=level,
        code=c.code, strategy=c.strategy_id, account=func.nullif(c.account_id, 0),
        signal=c.signal_id, disposition=c.disposition, compared=c.detail, ended_at=c.ended_at,
    )  # fmt: skip


def _orders(_: SignedIn) -> Select[Any]:
    c = intents.c
    levels = {"REJECTED": Level.ERROR, "UNKNOWN": Level.ERROR, "STALE": Level.WARNING}
    level = case(
        {state: level.value for state, level in levels.items()},
        value=c.state,
        else_=Level.INFO.value,
    )
    words = c.action + " " + cast(c.qty, Text) + " " + c.contract + ", " + c.role + ": " + c.state
    return _line(
        Kind.ORDER, c.id, c.created_at, source=intents, message=func.coalesce(c.message, words),
        level=level, code=c.code, strategy=func.nullif(c.strategy_id, 0), account=c.account_id,
        signal=c.signal_id, role=c.role, action=c.action, qty=c.qty, contract=c.contract,
        order_type=c.order_type, price=cast(c.price, Text), stop_price=cast(c.stop_price, Text),
        state=c.state, filled_qty=c.filled_qty, ended_at=c.ended_at,
    )  # fmt: skip


def _fills(_: SignedIn) -> Select[Any]:
    c = fills.c
    price = func.trim_scale(c.price).cast(Text)
    words = c.action + " " + cast(c.qty, Text) + " " + c.contract + " at " + price
    fill_id = cast(c.account_id, Text) + "-" + cast(c.broker_fill_id, Text)
    level = case((c.active, Level.INFO.value), else_=Level.WARNING.value)
    return _line(
        Kind.FILL, fill_id, c.filled_at, source=fills, message=words, level=level,
        code=case((~c.active, "drift.fill_busted")), strategy=func.nullif(c.strategy_id, 0),
        account=c.account_id, action=c.action, qty=c.qty, contract=c.contract, price=price,
        role=c.role, active=c.active,
    )  # fmt: skip


def _drifts(_: SignedIn) -> Select[Any]:
    c = drifts.c
    level = case((c.ended_at.is_(None), Level.ERROR.value), else_=Level.WARNING.value)
    return _line(
        Kind.DRIFT, c.id, c.found_at, source=drifts, message=c.message, level=level, code=c.code,
        strategy=func.nullif(c.strategy_id, 0), account=c.account_id, contract=c.contract,
        compared=c.compared, ended_at=c.ended_at, ending=c.ending,
    )  # fmt: skip


def _sign_ins(_: SignedIn) -> Select[Any]:
    c = sessions.c
    words = func.coalesce(literal("Signed in from ") + c.address + ".", "Signed in.")
    return _line(
        Kind.SIGN_IN, c.id, c.created_at, source=sessions, message=words,
        address=c.address, agent=c.agent, ended_at=c.ended_at,
    )  # fmt: skip


def _failed_sign_ins(user: SignedIn) -> Select[Any]:
    """A stranger's tries in the user's name too; the table has no owner, so the name decides."""
    c = login_attempts.c
    words = literal("A try to sign in from ") + c.address + " failed."
    line = _line(
        Kind.SIGN_IN, literal("failed-") + cast(c.id, Text), c.created_at, source=login_attempts,
        message=words, level=Level.WARNING, code=literal("auth.wrong_credentials"),
        address=c.address,
    )  # fmt: skip
    return line.where(c.username_key == username_key(user.username), ~c.succeeded)


def _edits(_: SignedIn) -> Select[Any]:
    c = audit_log.c
    strategy, account = c.detail["strategy_id"].as_integer(), c.detail["account_id"].as_integer()
    return _line(
        Kind.EDIT, c.id, c.created_at, source=audit_log, message=c.actor + ": " + c.action,
        code=c.action, strategy=cast(strategy, BigInteger), account=cast(account, BigInteger),
        actor=c.actor, action=c.action, about=c.detail,
    )  # fmt: skip


SOURCES: Final[tuple[tuple[Kind, Callable[[SignedIn], Select[Any]]], ...]] = (
    (Kind.ALERT, _alerts),
    (Kind.DECISION, _decisions),
    (Kind.ORDER, _orders),
    (Kind.FILL, _fills),
    (Kind.DRIFT, _drifts),
    (Kind.SIGN_IN, _sign_ins),
    (Kind.SIGN_IN, _failed_sign_ins),
    (Kind.EDIT, _edits),
)
