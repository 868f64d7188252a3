"""Strategies: create, change, list, show."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import Body, Request, status

from api import edits
from api.access import PERSON, SESSION, Router
from api.deps import Bells, CurrentUser, Person, ReadConn, Resources, WriteConn
from api.open_risk import OnOpen
from api.strategies import all_off, copies, queries, rotation, service, what_if
from api.strategies.schemas import (
    AllOffIn,
    AllOffOut,
    CopiedOut,
    CopyIn,
    CreateIn,
    DeletedOut,
    KeyEndedOut,
    NamesOut,
    PutIn,
    RotateIn,
    SavedOut,
    StrategiesOut,
    StrategyDetail,
    StrategyFull,
    StrategyItem,
    UpdateIn,
)
from api.strategies.what_if_schemas import (
    ExplainOut,
    PreviewIn,
    PreviewOut,
    Settings,
    ValidateOut,
)
from api.wire import ExactJson, PathId, QueryId, QueryText, invalid

router = Router(SESSION, prefix="/api/strategies", tags=["strategies"])
# Keys are the right to trade: no program gives itself a new one.
person = Router(PERSON, prefix="/api/strategies", tags=["strategies"])
ROUTERS: Final = (router, person)

SettingsBody = Annotated[Settings, Body()]


@router.post("/create/", status_code=status.HTTP_201_CREATED)
@router.post("/", status_code=status.HTTP_201_CREATED)
async def create(
    user: CurrentUser, connection: WriteConn, resources: Resources, bells: Bells, body: CreateIn
) -> SavedOut:
    """The key in the answer is the whole right to trade: treat it as a password."""
    saved = await service.create(connection, resources, user, body)
    bells.append(await edits.strategy(connection, user, saved.id, "created"))
    return saved


@router.post("/update/")
async def change(
    user: CurrentUser, connection: WriteConn, resources: Resources, bells: Bells, body: UpdateIn
) -> SavedOut:
    """Changes only what is named."""
    saved = await service.change(connection, resources, user, body.id, body)
    named = body.model_fields_set - {"id"}
    bells.append(await edits.strategy(connection, user, body.id, "changed", named))
    return saved


@router.put("/{strategy_id}/")
async def put(
    user: CurrentUser,
    connection: WriteConn,
    resources: Resources,
    bells: Bells,
    strategy_id: PathId,
    body: PutIn,
) -> SavedOut:
    """As update: changes only what is named."""
    if body.id not in (None, strategy_id):
        raise invalid("strategy.which", "Two different strategies are named.", "id")
    saved = await service.change(connection, resources, user, strategy_id, body)
    named = body.model_fields_set - {"id"}
    bells.append(await edits.strategy(connection, user, strategy_id, "changed", named))
    return saved


@router.delete("/{strategy_id}/")
async def remove(
    user: CurrentUser,
    connection: WriteConn,
    bells: Bells,
    strategy_id: PathId,
    force: OnOpen | None = None,
) -> DeletedOut:
    """Refused while something is open, unless `force=flatten` has it closed. Trades are kept."""
    gone = await service.remove(connection, user, strategy_id, force)
    bells.append(await edits.strategy(connection, user, strategy_id, "deleted"))
    return gone


@router.post("/{strategy_id}/duplicate/", status_code=status.HTTP_201_CREATED)
async def duplicate(
    user: CurrentUser,
    connection: WriteConn,
    resources: Resources,
    bells: Bells,
    strategy_id: PathId,
    body: CopyIn,
) -> CopiedOut:
    """All settings and accounts; accounts for real money are switched off in the copy."""
    copied = await copies.duplicate(connection, resources, user, strategy_id, body.name)
    bells.append(await edits.strategy(connection, user, copied.id, "created"))
    return copied


@router.post("/disable-all/")
async def disable_all(
    user: CurrentUser, connection: WriteConn, bells: Bells, body: AllOffIn
) -> AllOffOut:
    """Every strategy that is on, in one transaction; refused while something is open, unsaid."""
    done, rung = await all_off.disable_all(connection, user, body)
    bells.extend(rung)
    return done


@person.post("/{strategy_id}/rotate-key/")
async def rotate_key(
    request: Request, user: Person, resources: Resources, strategy_id: PathId, body: RotateIn
) -> SavedOut:
    """The new key is shown in the answer; who holds only the old one trades no more."""
    address = request.client.host if request.client else "unknown"
    return await rotation.rotate(resources, user, strategy_id, body, address)


@person.post("/{strategy_id}/end-previous-key/")
async def end_previous_key(
    user: Person, connection: WriteConn, bells: Bells, strategy_id: PathId
) -> KeyEndedOut:
    """Once every alert carries the new one."""
    bells.append(await rotation.end_previous(connection, user, strategy_id))
    return KeyEndedOut(message="The key before this one is worth nothing now.", id=strategy_id)


@router.post("/validate/")
async def validate(
    user: CurrentUser, connection: WriteConn, resources: Resources, settings: SettingsBody
) -> ValidateOut:
    """Every problem that saving these settings would meet, and nothing is saved.

    With an `id` as for an update, without one as for a new strategy.
    """
    return await what_if.validate(what_if.Request(connection, resources, user), settings)


@router.post("/explain/")
async def explain_settings(
    user: CurrentUser, connection: WriteConn, resources: Resources, settings: SettingsBody
) -> ExplainOut:
    """The truth table of settings that are not saved: every alert against every position."""
    return await what_if.explain(what_if.Request(connection, resources, user), None, settings)


@router.get("/{strategy_id}/explain/")
async def explain(
    user: CurrentUser, connection: ReadConn, resources: Resources, strategy_id: PathId
) -> ExplainOut:
    """What each alert would do now in each linked account, by the code that decides."""
    return await what_if.explain(what_if.Request(connection, resources, user), strategy_id, None)


@router.post("/preview/")
async def preview_settings(
    user: CurrentUser, connection: WriteConn, resources: Resources, body: PreviewIn
) -> PreviewOut:
    """What an alert would do under `settings`. Nothing is stored and no order is sent."""
    return await what_if.preview(what_if.Request(connection, resources, user), None, body)


@router.post("/{strategy_id}/preview/")
async def preview(
    user: CurrentUser,
    connection: WriteConn,
    resources: Resources,
    strategy_id: PathId,
    body: PreviewIn,
) -> PreviewOut:
    """What an alert would do now, account by account. Nothing is stored and no order is sent."""
    return await what_if.preview(what_if.Request(connection, resources, user), strategy_id, body)


@router.get("/", response_model=list[StrategyItem] | StrategiesOut | NamesOut)
async def list_strategies(
    user: CurrentUser,
    connection: ReadConn,
    style: QueryText = "",
    manual: bool = False,
    val: QueryText = "",
    wrap: bool = False,
) -> ExactJson:
    """A bare array; `wrap=1` an object; `val=DirStrat` names only."""
    if val == "DirStrat":
        return ExactJson(await queries.list_names(connection))
    items = await queries.list_items(connection, user, style=style, manual=manual)
    return ExactJson(StrategiesOut(strategies=items) if wrap else items)


@router.get("/get-strat/", response_model=StrategyFull)
async def show_full(
    user: CurrentUser,
    connection: ReadConn,
    resources: Resources,
    id: QueryId = None,  # noqa: A002 - the original's name
    strat: QueryText = "",
) -> ExactJson:
    """By `id`, or by name in `strat`; the original's `at` beside it changes nothing."""
    return ExactJson(await queries.full(connection, user, resources.settings, id, strat))


@router.get("/{strategy_id}/", response_model=StrategyDetail)
async def show(
    user: CurrentUser, connection: ReadConn, resources: Resources, strategy_id: PathId
) -> ExactJson:
    """With the latest decisions on its signals."""
    return ExactJson(await queries.detail(connection, user, resources.settings, strategy_id))
