"""What settings would mean and what an alert would do: the live code path, and nothing is stored.

Settings that are not saved yet are saved as always and taken back at once, so that they meet the
same checks, and are read by the loader that execution decides from.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import msgspec
from pydantic import ValidationError
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from api.resources import Resources
from api.security.sessions import SignedIn
from api.strategies import service
from api.strategies.plans import plan_out
from api.strategies.schemas import CreateIn, UpdateIn
from api.strategies.what_if_schemas import (
    ExplainOut,
    LineOut,
    PreviewIn,
    PreviewOut,
    Problem,
    ReadOut,
    Reason,
    TableOut,
    ValidateOut,
)
from shared.db.scenes import Setup, load_scenes, load_setup
from shared.db.standings import load_standings
from shared.db.tables.accounts import accounts
from shared.domain.average_down import doubts
from shared.domain.calendar import trade_date
from shared.domain.decision.decide import decide
from shared.domain.decision.explain import truth_table
from shared.domain.decision.scene import Scene
from shared.domain.decision.standings import in_scene, with_plan
from shared.domain.errors import AlertRefused, InvalidInput, TradeManagerError
from shared.domain.ids import AccountId, SignalId, StrategyId
from shared.domain.names import name_key
from shared.domain.plan import Book, Denied, Plan, skipped
from shared.domain.risk.scope import Standings
from shared.domain.signal import Signal, read_alert
from shared.domain.signal_json import signal_from_json, signal_to_json
from shared.domain.strategy import AccountLink
from shared.domain.symbols import read_symbol

_FIELDS_MAX: Final = 20
_NOBODY: Final = AccountId(0)
_EXAMPLE: Final = AccountLink(_NOBODY, True, Decimal(1), 0, None, False)
_UNSTORED: Final = SignalId(0)
_NO_ACCOUNTS: Final = "No account is linked."


@dataclass(frozen=True, slots=True)
class _Known:
    """What is decided from: the settings, and how their money rules stand."""

    setup: Setup
    standings: Standings

    def of(self, scene: Scene, account: AccountId) -> Scene:
        return in_scene(scene, self.standings, account, self.setup.strategy)


@dataclass(frozen=True, slots=True)
class Request:
    """Who asks, and with what at hand."""

    connection: AsyncConnection
    resources: Resources
    user: SignedIn

    @property
    def now(self) -> datetime:
        return self.resources.clock.now()


async def validate(request: Request, settings: Mapping[str, Any]) -> ValidateOut:
    """Every problem that saving would meet; warnings for what would refuse a plain entry now."""
    try:
        known = await _tried(request, settings)
    except InvalidInput as error:
        return ValidateOut(errors=list(_problems(error)), warnings=[])
    except TradeManagerError as error:
        problem = Problem(field="", code=error.code, message=error.message)
        return ValidateOut(errors=[problem], warnings=[])
    scenes = await _scenes(request, known)
    return ValidateOut(errors=[], warnings=list(_warnings(known.setup, scenes)))


async def explain(
    request: Request, strategy_id: int | None, settings: Mapping[str, Any] | None
) -> ExplainOut:
    """Raises NotFound, and what saving the settings would be refused with."""
    known = await _known(request, strategy_id, settings)
    setup = known.setup
    scenes, names = await _scenes(request, known), await _names(request, setup)
    links = setup.links or (_EXAMPLE,)
    return ExplainOut(
        accounts=[
            TableOut(
                account_id=link.account_id,
                account=names.get(link.account_id),
                lines=[
                    LineOut(
                        alert=line.alert,
                        position=line.position,
                        code=line.code,
                        says=line.says,
                        orders=list(line.orders),
                    )
                    for line in truth_table(setup.strategy, link, scenes[link.account_id])
                ],
            )
            for link in links
        ]
    )


async def preview(request: Request, strategy_id: int | None, body: PreviewIn) -> PreviewOut:
    """Raises as `explain` does. An alert that cannot be read is an answer, no error."""
    known = await _known(request, strategy_id, body.settings)
    try:
        signal = _signal(body.alert, request.now)
    except AlertRefused as error:
        refused = Reason(code=error.code, message=error.message)
        return PreviewOut(read=None, refused=refused, accounts=[])
    return await _planned(request, known, signal)


async def replay(request: Request, strategy_id: int, content: Mapping[str, Any]) -> PreviewOut:
    """What a stored signal would do now. Raises NotFound once its strategy was deleted."""
    known = await _known(request, strategy_id, None)
    return await _planned(request, known, signal_from_json(content))


async def _planned(request: Request, known: _Known, signal: Signal) -> PreviewOut:
    setup = known.setup
    scenes, names = await _scenes(request, known), await _names(request, setup)
    plans = [
        plan_out(setup.strategy, link, names.get(link.account_id), verdict)
        for link, verdict in _verdicts(known, signal, scenes)
    ]
    return PreviewOut(read=_read_out(signal, setup), refused=None, accounts=plans)


def _verdicts(
    known: _Known, signal: Signal, scenes: Mapping[AccountId, Scene]
) -> Iterator[tuple[AccountLink, Plan | Denied]]:
    """Account by account, as execution decides: what one will enter, the next is told of."""
    setup = known.setup
    if not setup.links:
        yield _EXAMPLE, skipped("strategy.no_accounts", _NO_ACCOUNTS)
    for link in setup.links:
        account = link.account_id
        scene = known.of(scenes[account], account)
        verdict = decide(signal, setup.strategy, link, scene)
        yield link, verdict
        if isinstance(verdict, Plan):
            planned = with_plan(
                known.standings, verdict, setup.strategy, _UNSTORED, account, scene.now
            )
            known = replace(known, standings=planned)


async def _known(
    request: Request, strategy_id: int | None, settings: Mapping[str, Any] | None
) -> _Known:
    if settings is not None:
        named = {} if strategy_id is None else {"id": strategy_id}
        return await _tried(request, {**settings, **named})
    if strategy_id is None:
        raise InvalidInput("strategy.which", "Say which strategy, or with which settings.")
    await service.require(request.connection, strategy_id)
    return await _loaded(request, StrategyId(strategy_id))


async def _loaded(request: Request, strategy: StrategyId) -> _Known:
    setup = await load_setup(request.connection, strategy)
    accounts = [link.account_id for link in setup.links]
    return _Known(
        setup, await load_standings(request.connection, accounts, [strategy], request.now)
    )


async def _tried(request: Request, settings: Mapping[str, Any]) -> _Known:
    body, connection = _body_of(settings), request.connection
    savepoint = await connection.begin_nested()
    try:
        if isinstance(body, UpdateIn):
            resources, user = request.resources, request.user
            saved = await service.change(connection, resources, user, body.id, body)
        else:
            saved = await service.create(connection, request.resources, request.user, body)
        return await _loaded(request, StrategyId(saved.id))
    finally:
        await savepoint.rollback()


def _body_of(settings: Mapping[str, Any]) -> CreateIn | UpdateIn:
    """Raises InvalidInput `request.invalid`, and what single settings are refused with."""
    model = UpdateIn if "id" in settings else CreateIn
    try:
        return model.model_validate(settings)
    except ValidationError as error:
        found = [
            {"field": ".".join(map(str, one["loc"])), "message": one["msg"]}
            for one in error.errors()[:_FIELDS_MAX]
        ]
        raise InvalidInput("request.invalid", "Some fields are not right.", fields=found) from error


def _problems(error: InvalidInput) -> Iterator[Problem]:
    fields = error.context.get("fields")
    for one in fields if isinstance(fields, list) else [{"field": "", "message": error.message}]:
        yield Problem(field=one["field"], code=error.code, message=one["message"])


def _warnings(setup: Setup, scenes: Mapping[AccountId, Scene]) -> Iterator[Problem]:
    """What a plain buy or sell from flat would be refused with, once each."""
    if setup.strategy.rules.bracket.stop is None:
        message = "Entries leave without a stop unless the alert names one."
        yield Problem(field="rules.bracket.stop", code="bracket.no_stop", message=message)
    for code, message in doubts(setup.strategy.rules):
        yield Problem(field="rules.bracket.average_down", code=code, message=message)
    if not setup.links:
        yield Problem(field="accounts", code="strategy.no_accounts", message=_NO_ACCOUNTS)
    seen = set()
    for link in setup.links:
        for line in truth_table(setup.strategy, link, scenes[link.account_id]):
            plain = line.position == 0 and line.alert in {"buy", "sell"}
            if plain and not line.orders and (line.code, line.says) not in seen:
                seen.add((line.code, line.says))
                yield Problem(field="", code=line.code, message=line.says)


async def _scenes(request: Request, known: _Known) -> Mapping[AccountId, Scene]:
    """Of each account now, before anything is decided."""
    now, setup = request.now, known.setup
    if not setup.links:
        return {_NOBODY: Scene(Book(), now, trade_date(now))}
    scenes = await load_scenes(request.connection, setup, now)
    news = request.resources.news
    return {
        account: replace(known.of(scene, account), news=news) for account, scene in scenes.items()
    }


async def _names(request: Request, setup: Setup) -> dict[AccountId, str]:
    ids = [link.account_id for link in setup.links]
    query = select(accounts.c.id, accounts.c.name).where(accounts.c.id.in_(ids))
    return {AccountId(row.id): row.name for row in await request.connection.execute(query)}


def _signal(alert: str | Mapping[str, Any], now: datetime) -> Signal:
    """As a delivery is read. Raises AlertRefused."""
    body = alert.encode() if isinstance(alert, str) else msgspec.json.encode(alert)
    signal = read_alert(body, None)
    if signal.symbol is not None:
        read_symbol(signal.symbol, now.date())
    return signal


def _read_out(signal: Signal, setup: Setup) -> ReadOut:
    named = signal.strategy_name
    mine = named is None or name_key(named) == name_key(setup.strategy.name)
    says = {
        name: value
        for name, value in signal_to_json(signal).items()
        if name not in {"dialect", "kind", "strategy_name"}
    }
    return ReadOut(
        dialect=signal.dialect,
        kind=signal.kind,
        says=says,
        other_strategy=None if mine else named,
    )
