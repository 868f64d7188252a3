"""Order strategies of type 2, on REST and socket alike."""

from __future__ import annotations

from typing import Final

from paper.book_values import Side
from paper.brackets import BadParamsError, Params, read_params
from paper.calls import Call, Refusal, endpoint
from paper.checks import Refused, Violation, missing, terms_of, violations_of
from paper.endpoints.asked import (
    Asked,
    accept,
    account_of,
    check_own,
    failed,
    instrument_of,
    sender_of,
    violated,
)
from paper.reference import Instrument
from paper.rows import OrderStrategy, stamp
from paper.scribe import NewOrder
from paper.strategy_rows import BRACKET_TYPE, LIVE_STATUS

_PARAMS_LENGTH_MAX: Final = 8192
_UUID_LENGTH_MAX: Final = 64


class _Started(Asked, rename="camel"):
    order_strategy_type_id: int | None = None
    params: object = None
    uuid: str | None = None


@endpoint("orderStrategy/startorderstrategy", is_action=True)
def start_order_strategy(call: Call) -> object:
    """An entry with brackets whose distances count from its fill."""
    asked = call.read(_Started)
    account_id = account_of(call, asked)
    violations = _violations(asked, account_id)
    if violations or account_id is None:
        return violated(violations)
    check_own(call, account_id)
    if asked.order_strategy_type_id != BRACKET_TYPE:
        return {"errorText": "Order strategy type is not supported"}
    try:
        instrument = instrument_of(call.venue, asked.symbol or "")
        side = Side(asked.action or "")
        params = read_params(asked.params, side, instrument.product.tick_size)
        return _start(call, asked, account_id, instrument, params)
    except BadParamsError as error:
        return {"errorText": str(error)}
    except Refused as refused:
        return failed(refused)


@endpoint("orderStrategy/interruptorderstrategy", is_action=True)
def interrupt_order_strategy(call: Call) -> object:
    row = call.venue.store.get(OrderStrategy, call.number("orderStrategyId"))
    if row is None or call.venue.store.user_of(row.account_id) != call.user_id:
        raise Refusal(404, "Order strategy is not found")
    call.venue.strategies.interrupt(row.id, sender_of(call, call.read(Asked)))
    return {"orderStrategy": call.venue.store.must(OrderStrategy, row.id)}


def _start(
    call: Call, asked: _Started, account_id: int, instrument: Instrument, params: Params
) -> object:
    venue, version = call.venue, params.entry_version
    found = violations_of(version, sided=False)
    if found:
        return violated(found)
    sender, qty = sender_of(call, asked), version.order_qty or 0
    now = venue.clock.now()
    row = OrderStrategy(
        id=venue.store.next_id(),
        account_id=account_id,
        timestamp=stamp(now),
        contract_id=instrument.contract_id,
        order_strategy_type_id=BRACKET_TYPE,
        initiator_id=call.user_id,
        action=asked.action or "",
        params=str(asked.params),
        uuid=asked.uuid,
        status=LIVE_STATUS,
        sender_id=call.user_id,
        custom_tag50=asked.custom_tag50,
        user_session_id=sender.session_id,
    )
    entry = NewOrder(
        id=venue.store.next_id(),
        account_id=account_id,
        contract_id=instrument.contract_id,
        side=Side(row.action),
        terms=terms_of(version, qty, instrument, now),
        sender=sender,
        text=version.text,
    )
    venue.risk.refuse_at_once(entry, now)
    venue.strategies.start(row, entry, lambda: accept(venue, [entry]))
    return {"orderStrategy": venue.store.must(OrderStrategy, row.id)}


def _violations(asked: _Started, account_id: int | None) -> list[Violation]:
    found = [missing("accountId", None)] if account_id is None else []
    if not asked.symbol:
        found.append(missing("symbol", None))
    if asked.action not in {"Buy", "Sell"}:
        found.append(missing("action", asked.action))
    if isinstance(asked.params, str) and len(asked.params) > _PARAMS_LENGTH_MAX:
        found.append(Violation("MaxLength", "params", "params is too long"))
    if asked.uuid is not None and len(asked.uuid) > _UUID_LENGTH_MAX:
        found.append(Violation("MaxLength", "uuid", "uuid is too long"))
    return found
