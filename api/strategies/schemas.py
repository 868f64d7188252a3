"""What a strategy is made from, and how it is shown: our names, and the original's beside them."""

from __future__ import annotations

from datetime import datetime, time
from decimal import Decimal
from typing import Annotated, Any, Final, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    PlainSerializer,
    model_validator,
)

from api.open_risk import OnOpen
from api.schemas import Answer, Body, example
from api.strategies.original import without_neutral, without_said
from api.users.schemas import ProofIn
from api.wire import BIGINT_MAX, DecimalNumber, DecimalText, Line
from shared.domain.rules import StrategyRules
from shared.domain.rules.base import Seconds
from shared.domain.rules.bracket import DistanceUnit, TrimUnit
from shared.domain.strategy import SizeFrom

# Their product still fits the columns of an order.
_CONTRACTS_MAX: Final = 1_000_000
_MULTIPLIER_MAX: Final = 1_000
_TICKS_MAX: Final = 1_000_000
_ACCOUNTS_MAX: Final = 200
_TARGETS_MAX: Final = 50


def _no_bool(value: Any) -> Any:
    """JSON `true` is no quantity, whatever Python thinks."""
    if isinstance(value, bool):
        raise ValueError("a number is wanted")  # noqa: TRY004 - pydantic turns it into a field's error
    return value


Id = Annotated[int, Field(ge=1, le=BIGINT_MAX)]
NAME_LENGTH_MAX: Final = 200
Name = Annotated[Line, Field(min_length=1, max_length=NAME_LENGTH_MAX)]
Contracts = Annotated[int, BeforeValidator(_no_bool), Field(ge=0, le=_CONTRACTS_MAX)]
Distance = Annotated[Decimal, BeforeValidator(_no_bool), Field(ge=0, le=_TICKS_MAX)]
Multiplier = Annotated[
    Decimal, BeforeValidator(_no_bool), Field(ge=0, le=_MULTIPLIER_MAX, decimal_places=4)
]
OptionDays = Annotated[int, BeforeValidator(_no_bool), Field(ge=0, le=3_650)]
OptionStrike = Annotated[int, BeforeValidator(_no_bool), Field(ge=-100_000, le=100_000)]
Ticker = Annotated[Line, Field(max_length=64)]


def _unit(value: Any) -> Any:
    """Units are written in many ways; ours are small letters."""
    return value.strip().casefold() if isinstance(value, str) else value


def _empty_is(nothing: Any) -> BeforeValidator:
    """The original says "none" in many ways."""
    return BeforeValidator(lambda value: nothing if value is None or value == "" else value)


def _minute(value: Any) -> Any:
    """An hour and a minute, or nothing."""
    return None if value == "" else value


def _whole(value: time | None) -> time | None:
    if value is not None and value != time(value.hour, value.minute):
        raise ValueError("an hour and a minute are wanted, as in 09:30")
    return value


Minute = Annotated[time | None, BeforeValidator(_minute), AfterValidator(_whole)]


class LinkIn(Body):
    """One account of a strategy; what is None is taken from the account itself."""

    account_id: Id
    multiplier: Multiplier | None = None
    max_contracts: Contracts | None = None
    custom_ticker: Ticker | None = None
    enabled: bool = True


# The original's form: main account id -> account code -> [max contracts, ticker, multiplier].
LinkMap = dict[str, dict[str, tuple[Contracts | None, Ticker | None, Multiplier | None]]]
Links = Annotated[list[LinkIn], Field(max_length=_ACCOUNTS_MAX)] | LinkMap


class TimeFilterIn(Body):
    """Two windows in New York's time, as HH:MM."""

    start1: Minute = None
    stop1: Minute = None
    start2: Minute = None
    stop2: Minute = None


class SettingsIn(Body):
    """Every setting with its default. Zero is a value: a size of 0 does not enter.

    Each may also be sent under the original's name; the original's other settings only with
    their neutral values.
    """

    model_config = ConfigDict(populate_by_name=True)

    strat_type: Line = Field("Futures", max_length=40, validation_alias="Strat_Type")
    symbol: Ticker | None = Field(None, validation_alias="SubTicker")
    timeframe: Annotated[Line, Field(max_length=40)] | None = Field(
        None, validation_alias="SubTimeFrame"
    )
    description: str = Field(
        "", max_length=4_000, pattern=r"^[^\x00]*$", validation_alias="Description"
    )
    position_size: Contracts = Field(1, validation_alias="Position_Size")
    position_add: Contracts = Field(1, validation_alias="Position_Add")
    days_to_expiry: Annotated[OptionDays, _empty_is(0)] = Field(
        0, validation_alias="Days2Expo", description="Of options: kept, given back, not traded."
    )
    strike_offset: Annotated[OptionStrike, _empty_is(0)] = Field(
        0, validation_alias="Strike_Offset", description="Of options: kept, given back, not traded."
    )
    size_from: SizeFrom = SizeFrom.SIGNAL
    rules: StrategyRules | None = Field(
        None,
        description="Everything beyond sizes and symbol. A change merges what is named into what"
        " is there; null takes a rule away. The names below tell some of these in short.",
        examples=[{"direction": "long_only", "entries": {"max_adds": 2}}],
    )
    take_profit: list[Distance] = Field(
        default=[], max_length=_TARGETS_MAX, validation_alias="TakeProfit"
    )
    trim: list[Distance] = Field(default=[], max_length=_TARGETS_MAX, validation_alias="Trim")
    stop_loss: Distance | None = Field(None, validation_alias="Stoploss")
    tpsl_units: Annotated[DistanceUnit, BeforeValidator(_unit)] = Field(
        DistanceUnit.TICKS, validation_alias="TPSL_Units"
    )
    stop_units: Annotated[DistanceUnit, BeforeValidator(_unit)] = DistanceUnit.TICKS
    stop_trails: Annotated[bool, _empty_is(nothing=False)] = False
    trim_units: Annotated[TrimUnit, BeforeValidator(_unit)] | None = None
    directional_strategy: Annotated[Line, Field(max_length=200), _empty_is("")] = Field(
        "", validation_alias="DirStrat"
    )
    inverse: Annotated[bool, _empty_is(nothing=False)] = Field(
        default=False, validation_alias="Inverse"
    )
    add_delay_s: Annotated[Seconds, _empty_is(0)] = Field(0, validation_alias="Delay_Add")
    max_position_contracts: Annotated[Contracts, _empty_is(0)] = Field(
        0, validation_alias="Maxcons"
    )
    time_filter: TimeFilterIn | None = Field(None, validation_alias="TimeFilter")
    average_down_step: Annotated[Distance, _empty_is(Decimal(0))] = Decimal(0)
    average_down_contracts: Annotated[Contracts, _empty_is(0)] = 0
    average_down_units: Annotated[DistanceUnit | None, BeforeValidator(_unit), _empty_is(None)] = (
        None
    )
    active: bool = Field(default=True, validation_alias="Enabled")
    recording_enabled: bool = Field(default=True, validation_alias="Recorder")
    accounts: Links | None = Field(None, validation_alias="Accounts")

    @model_validator(mode="before")
    @classmethod
    def _known_names(cls, body: Any) -> Any:
        return without_neutral(body) if isinstance(body, dict) else body


class CreateIn(SettingsIn):
    model_config = example(
        {
            "name": "Opening Range",
            "symbol": "NQ1!",
            "position_size": 1,
            "take_profit": [40],
            "stop_loss": 20,
        }
    )

    name: Name = Field(validation_alias="Strat_Name")


class ChangeIn(SettingsIn):
    """Changes what is named and nothing else. `accounts`, when named, replaces all of them.

    `on_open` says what becomes of what is open when the strategy is switched off; handed over it
    goes to the strategy `hand_over_to`, as soon as none of its orders is under way.
    """

    name: Name = Field("", validation_alias="Strat_Name")
    on_open: OnOpen | None = None
    hand_over_to: Id | None = None

    @model_validator(mode="before")
    @classmethod
    def _sent_back(cls, body: Any) -> Any:
        return without_said(body) if isinstance(body, dict) else body


class UpdateIn(ChangeIn):
    model_config = example({"id": 7, "position_size": 2})

    id: Id


class PutIn(ChangeIn):
    """The id stands in the address; repeated, it has to be the same."""

    model_config = example({"position_size": 2})

    id: Id | None = None


class CopyIn(Body):
    """Without a name the copy is called after the original."""

    model_config = example({"name": "Opening Range, half size"})

    name: Annotated[Line, Field(max_length=NAME_LENGTH_MAX)] = ""


class AllOffIn(Body):
    """`on_open` is needed when something is open: `flatten` closes it, `keep` leaves it."""

    model_config = example({"on_open": "flatten"})

    on_open: Literal[OnOpen.FLATTEN, OnOpen.KEEP] | None = None


class RotateIn(ProofIn):
    """`keep_previous`: alerts under the key before this one are taken too, until it is ended."""

    model_config = example({"password": "***", "otp": "123456", "keep_previous": True})

    keep_previous: bool = False


class KeyEndedOut(Answer):
    message: str
    id: int


class SavedOut(Answer):
    message: str
    id: int
    webhook_key: str


class CopiedOut(SavedOut):
    """`accounts_off`: accounts for real money, which the original trades and the copy does not."""

    name: str
    accounts_off: list[int]


class AllOffOut(Answer):
    """`command_ids`: the commands that close what was open."""

    message: str
    ids: list[int]
    command_ids: list[int]


class DeletedOut(Answer):
    """`command_id`: the command that closes what was open; its result is told when it is done."""

    message: str
    id: int
    command_id: int | None


class LinkOut(Answer):
    account_id: int
    connection_id: int
    name: str
    multiplier: DecimalText | None
    max_contracts: int | None
    custom_ticker: str | None
    enabled: bool


# Every rule with its value, neutral ones too; exact numbers as text. The lambda names no return
# type, so that the schema stays that of the rules.
RulesOut = Annotated[StrategyRules, PlainSerializer(lambda rules: rules.model_dump(mode="json"))]


class StrategyOut(Answer):
    """Our own fields: exact numbers as text."""

    id: int
    name: str
    strat_type: str
    symbol: str | None
    timeframe: str | None
    description: str
    position_size: int
    position_add: int
    size_from: SizeFrom
    take_profit: list[DecimalText]
    stop_loss: DecimalText | None
    tpsl_units: str
    rules: RulesOut
    active: bool
    recording_enabled: bool
    accounts: list[LinkOut]
    created_at: datetime
    updated_at: datetime


class _Original(StrategyOut):
    """What the original shows in lists and in full, in the same form."""

    Strat_Name: str
    Strat_Type: str
    Trim: list[DecimalNumber]
    TPSL_Units: str
    DirStrat: str
    SubTicker: str
    SubTimeFrame: str
    Enabled: bool
    Owner: str
    Accounts: dict[str, dict[str, tuple[int, str, DecimalNumber]]]
    Alternate_Name: str


class StrategyItem(_Original):
    """The original's eighteen keys, numbers as numbers."""

    Days2Expo: int
    Strike_Offset: int
    Stoploss: DecimalNumber
    Position_Size: int
    Position_Add: int
    TakeProfit: list[DecimalNumber]


class StrategiesOut(Answer):
    strategies: list[StrategyItem]


class NameOut(Answer):
    name: str


class NamesOut(Answer):
    strategies: list[NameOut]


class TimeFilterOut(Answer):
    start1: str | None
    stop1: str | None
    start2: str | None
    stop2: str | None


class SltpOut(Answer):
    sl: str
    avgdn: str
    avgdnAmnt: str  # noqa: N815 - the original's name
    avgdnType: str  # noqa: N815 - the original's name
    SL_Type: str
    SL_Units: str
    Trim_Units: str


class StrategyFull(_Original):
    """The original's thirty-nine keys, numbers as text; and the webhook, for its owner."""

    webhook_key: str
    webhook_url: str
    Days2Expo: str
    Strike_Offset: str
    Stoploss: str
    Position_Size: str
    Position_Add: str
    TakeProfit: list[str]
    TradeTrim: str
    Description: str
    Discord_Server: str
    Discord_Channel: str
    AlgoDriven: bool
    Private: bool
    PremiumFilter: str
    TimeFilter: TimeFilterOut
    IP_Address: str
    SLTP_Data: SltpOut
    Recorder: bool
    Manual: bool
    Lock: bool
    Profit: str
    Delay_Add: str
    Maxcons: str
    UseLimits: bool
    Linked_Strat: str
    Inverse: bool
    IgnoreAlgoSpecs: bool
    Leverage: str


class LogOut(Answer):
    """What was decided on one signal in one account; account 0: no account was linked."""

    at: datetime
    signal_id: int
    account_id: int
    account: str | None
    disposition: str
    code: str
    message: str
    detail: dict[str, JsonValue]
    ended_at: datetime | None


class StrategyDetail(StrategyItem):
    webhook_key: str
    webhook_url: str
    log: list[LogOut]
