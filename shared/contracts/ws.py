"""Frames between gateway and browser: JSON text, one object each, native WebSocket.

A live frame is `{"type", "data", "epoch", "seq", "ts"}`. `epoch` names the gateway process; `seq`
belongs to the user and is the number of the newest *state* frame (ORDER, FILL, POSITION, BALANCE,
RECORD, DECISION, CONNECTION, ACCOUNT, COMMAND, CONTROL, NOTICE):

    state frame      seq = last + 1, or a frame was lost
    SNAPSHOT         everything up to and including seq; the next state frame is seq + 1
    any other frame  seq = last, or a frame was lost (PNL, DATA, HEARTBEAT: only the newest counts)

Another epoch than before means: forget what you know, a snapshot follows. Money and prices are
strings, ids of the broker are strings (they outgrow a JavaScript number), our own ids are numbers.
AUTH, ACCSETUP and DATA keep the shapes of the original service.
"""

from __future__ import annotations

from decimal import Decimal
from enum import IntEnum, StrEnum
from typing import Annotated, Final, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, PlainSerializer

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
from shared.contracts.settings import AccountEdited, StrategyEdited
from shared.contracts.signals import EntryRefused, SignalDecided, SignalExitRefused

BigId = Annotated[int, PlainSerializer(str, return_type=str)]


class FrameType(StrEnum):
    """What a frame from the server is about. Clients ignore the types they do not know."""

    AUTH_OK = "AUTH_OK"
    ACCSETUP_COMPLETE = "ACCSETUP_COMPLETE"
    STATUS = "status"
    ERROR = "ERROR"
    SNAPSHOT = "SNAPSHOT"
    HEARTBEAT = "HEARTBEAT"
    ORDER = "ORDER"
    FILL = "FILL"
    POSITION = "POSITION"
    POSITION_UPDATE = "position_update"  # POSITION again, under its older name, on /ws/dashboard
    BALANCE = "BALANCE"
    RECORD = "RECORD"
    DECISION = "DECISION"
    CONNECTION = "CONNECTION"
    ACCOUNT = "ACCOUNT"
    COMMAND = "COMMAND"
    CONTROL = "CONTROL"
    STRATEGY = "STRATEGY"
    NOTICE = "NOTICE"
    PNL = "PNL"
    DATA = "DATA"


class CloseCode(IntEnum):
    """Why the gateway ends a socket, and what a client should do about it."""

    BINARY = 1003  # frames are text; do not come back with this program
    NOT_JSON = 1007
    REFUSED = 1008  # not allowed here: before AUTH, AUTH twice, no frame of ours, too many frames
    TOO_LARGE = 1009  # above 64 KB
    RESTARTING = 1012  # come back after 0.5 to 2 s
    TRY_LATER = 1013  # not reading for 5 s, or the database is away: come back with backoff
    SIGNED_OUT = 4401  # wrong token, or the session ended: sign in
    NO_AUTH = 4408  # AUTH did not come within 5 s
    TOO_MANY = 4429  # 64 sockets of this session are open


class _FromClient(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


# A token that begins like this is a ticket: good for one socket, see `POST /api/auth/ws-ticket/`.
TICKET_PREFIX: Final = "wst_"


class Auth(_FromClient):
    """Must come first. `token` is the `sessionId` that check-auth gave, or a ticket."""

    type: Literal["AUTH"]
    user: str = Field(max_length=200)
    token: str = Field(max_length=200)


class AccountSetup(_FromClient):
    """`id` is one of the user's connections (the original's main account) or accounts."""

    type: Literal["ACCSETUP"]
    id: int = Field(ge=0, lt=2**63)
    user: str | None = Field(None, max_length=200)


class Frame(BaseModel):
    """A live frame. `data` is one of the models below, by `type`."""

    type: FrameType
    data: object
    epoch: str
    seq: int
    ts: AwareDatetime


class OrderData(OrderChanged):
    order_id: BigId


class FillData(FillRecorded):
    event: Literal["recorded"] = "recorded"
    fill_id: BigId
    order_id: BigId


class FillFeeData(FillFeeKnown):
    event: Literal["fee_known"] = "fee_known"
    fill_id: BigId


class FillVoidedData(FillVoided):
    event: Literal["voided"] = "voided"
    fill_id: BigId


class PositionData(PositionChanged):
    """`net_qty` 0 means it is gone."""


class BalanceData(BalanceChanged):
    """The broker's cash."""


class RecordOpenedData(PositionOpened):
    event: Literal["opened"] = "opened"


class RecordResizedData(PositionResized):
    event: Literal["resized"] = "resized"


class RecordClosedData(TradeClosed):
    event: Literal["closed"] = "closed"


class RecordVoidedData(PositionVoided):
    event: Literal["voided"] = "voided"


class DecisionData(SignalDecided):
    """What became of a signal in an account."""


class ConnectionData(ConnectionChanged):
    """How the feed of a login is doing."""


class QuarantineData(AccountQuarantined):
    """`code` None: released."""


class AccountEditedData(AccountEdited):
    event: Literal["edited"] = "edited"


class StrategyData(StrategyEdited):
    """Somebody changed it, here or elsewhere: read it again before saving."""


class CommandData(CommandAnswered):
    """The result of a command is committed and can be read."""


class ControlData(ControlSaid):
    """Kill, pause or resume was said; to the system, everybody is told."""


class RiskNoticeData(RiskReached):
    event: Literal["risk_reached"] = "risk_reached"


class ExitRefusedData(SignalExitRefused):
    event: Literal["exit_refused"] = "exit_refused"


class EntryRefusedData(EntryRefused):
    event: Literal["entry_refused"] = "entry_refused"


class DriftFoundData(DriftFound):
    event: Literal["drift_found"] = "drift_found"


class DriftEndedData(DriftEnded):
    event: Literal["drift_ended"] = "drift_ended"


class RollDueData(RollDue):
    event: Literal["roll_due"] = "roll_due"


class RollDoneData(RollDone):
    event: Literal["roll_done"] = "roll_done"


class WindowEndedData(WindowEnded):
    event: Literal["window_ended"] = "window_ended"


class QuietData(StrategyQuiet):
    event: Literal["strategy_quiet"] = "strategy_quiet"


class PnlData(BaseModel):
    """Unrealised profit of a position at the last price, before fees, to the cent."""

    account_id: int
    strategy_id: int
    contract: str
    net_qty: int
    avg_price: Decimal | None
    last_price: Decimal
    price_at: AwareDatetime
    price_source: str
    unrealised_usd: Decimal


class AccountData(BaseModel):
    """An account as the snapshot shows it. `event_seq`: the last event it contains."""

    account_id: int
    connection_id: int
    name: str
    enabled: bool
    quarantine_code: str | None
    event_seq: int
    balance: BalanceData | None


class SnapshotData(BaseModel):
    """Everything a client starts from: what is open now, and nothing that is over."""

    accounts: list[AccountData]
    positions: list[PositionData]
    orders: list[OrderData]
    records: list[RecordOpenedData]
    connections: list[ConnectionData]
