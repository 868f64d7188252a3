"""From an event to what a client is told, and from that to bytes. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, TypeVar

import msgspec
from pydantic import BaseModel

from shared.contracts import ws
from shared.contracts.accounts import (
    AccountQuarantined,
    BalanceChanged,
    ConnectionChanged,
    RiskReached,
)
from shared.contracts.calendar import RollDone, RollDue, StrategyQuiet, WindowEnded
from shared.contracts.commands import CommandAnswered
from shared.contracts.controls import ControlSaid
from shared.contracts.drifts import DriftEnded, DriftFound
from shared.contracts.orders import FillFeeKnown, FillRecorded, FillVoided, OrderChanged
from shared.contracts.positions import PositionChanged
from shared.contracts.records import (
    PositionOpened,
    PositionResized,
    PositionVoided,
    TradeClosed,
)
from shared.contracts.registry import EventBody
from shared.contracts.settings import AccountEdited, StrategyEdited
from shared.contracts.signals import EntryRefused, SignalDecided, SignalExitRefused
from shared.contracts.ws import FrameType

M = TypeVar("M", bound=BaseModel)

TOLD: Final[dict[type[EventBody], tuple[FrameType, type[EventBody]]]] = {
    OrderChanged: (FrameType.ORDER, ws.OrderData),
    FillRecorded: (FrameType.FILL, ws.FillData),
    FillFeeKnown: (FrameType.FILL, ws.FillFeeData),
    FillVoided: (FrameType.FILL, ws.FillVoidedData),
    PositionChanged: (FrameType.POSITION, ws.PositionData),
    BalanceChanged: (FrameType.BALANCE, ws.BalanceData),
    AccountQuarantined: (FrameType.ACCOUNT, ws.QuarantineData),
    AccountEdited: (FrameType.ACCOUNT, ws.AccountEditedData),
    StrategyEdited: (FrameType.STRATEGY, ws.StrategyData),
    ConnectionChanged: (FrameType.CONNECTION, ws.ConnectionData),
    SignalDecided: (FrameType.DECISION, ws.DecisionData),
    CommandAnswered: (FrameType.COMMAND, ws.CommandData),
    ControlSaid: (FrameType.CONTROL, ws.ControlData),
    RiskReached: (FrameType.NOTICE, ws.RiskNoticeData),
    SignalExitRefused: (FrameType.NOTICE, ws.ExitRefusedData),
    EntryRefused: (FrameType.NOTICE, ws.EntryRefusedData),
    DriftFound: (FrameType.NOTICE, ws.DriftFoundData),
    DriftEnded: (FrameType.NOTICE, ws.DriftEndedData),
    RollDue: (FrameType.NOTICE, ws.RollDueData),
    RollDone: (FrameType.NOTICE, ws.RollDoneData),
    WindowEnded: (FrameType.NOTICE, ws.WindowEndedData),
    StrategyQuiet: (FrameType.NOTICE, ws.QuietData),
    PositionOpened: (FrameType.RECORD, ws.RecordOpenedData),
    PositionResized: (FrameType.RECORD, ws.RecordResizedData),
    TradeClosed: (FrameType.RECORD, ws.RecordClosedData),
    PositionVoided: (FrameType.RECORD, ws.RecordVoidedData),
}

# The original's quote push carries numbers; written digit by digit they stay exact.
_NUMBERS: Final = msgspec.json.Encoder(decimal_format="number")


def told(body: EventBody) -> tuple[FrameType, EventBody] | None:
    """The frame an event becomes; None for one that no client is told of."""
    found = TOLD.get(type(body))
    if found is None:
        return None
    kind, model = found
    return kind, recast(model, body)


def recast(model: type[M], value: BaseModel) -> M:
    """The same checked values under the wire's model, which writes some of them differently."""
    return model.model_construct(**dict(value))


def encode(kind: FrameType, data: object, *, epoch: str, seq: int, at: datetime) -> bytes:
    """One frame. Decimals in `data` become numbers, models become JSON with strings."""
    if isinstance(data, BaseModel):
        data = data.model_dump(mode="json")
    return _NUMBERS.encode({"type": kind, "data": data, "epoch": epoch, "seq": seq, "ts": at})


def reply(kind: FrameType, fields: dict[str, Any]) -> bytes:
    """An answer to one client, in the original's flat shape."""
    return _NUMBERS.encode({"type": kind, **fields})
