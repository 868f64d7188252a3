"""What a user prefers to see, and the figures behind the cards, as the original shapes them."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Final, Literal
from zoneinfo import available_timezones

from pydantic import AfterValidator, Field

from api.schemas import Answer, Body, example
from api.wire import DecimalNumber, DecimalText, Line
from shared.domain.statistics.catalogue import CARDS, STATS

_FAVORITES_MAX: Final = 500
_CAPITAL_USD_MAX: Final = 10**12

Favorite = Annotated[Line, Field(min_length=1, max_length=200)]
Locale = Annotated[str, Field(max_length=20, pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]+)*$")]
StatNumber = Annotated[int, Field(ge=0, lt=len(STATS), strict=True)]


def _zone(value: str) -> str:
    if value not in available_timezones():
        raise ValueError("an IANA time zone is wanted, as America/New_York")
    return value


class LimitsOut(Answer):
    """The most there can be of each, and how many there are."""

    max_strategies: int
    used_strategies: int
    max_accounts: int
    used_accounts: int
    max_connections: int
    used_connections: int
    max_api_keys: int
    used_api_keys: int
    max_webhooks_per_minute: int
    used_webhooks_last_minute: int


class FavoritesIn(Body):
    model_config = example({"favorites": ["Opening Range"]})

    favorites: Annotated[list[Favorite], Field(max_length=_FAVORITES_MAX)]


class FavoritesOut(Answer):
    favorites: list[str]


class CardIn(Body):
    """One of the eight cards, in our richer form."""

    slot: Annotated[int, Field(ge=0, lt=CARDS)]
    stat: StatNumber
    unit: Literal["$", "R", "ticks", "%"] = "$"
    period: Literal["filter", "today", "week", "month"] = "filter"
    compare: bool = False


class StatConfigIn(Body):
    """Eight numbers of statistics, or eight cards."""

    model_config = example({"stat_config": [0, 1, 2, 3, 9, 5, 6, 7]})

    stat_config: (
        Annotated[list[StatNumber], Field(min_length=CARDS, max_length=CARDS)]
        | Annotated[list[CardIn], Field(min_length=CARDS, max_length=CARDS)]
    )


class CardOut(Answer):
    slot: int
    order: int
    stat: int
    key: str
    label: str
    visible: bool = True
    unit: str
    period: str
    compare: bool


class StatOut(Answer):
    """A statistic that a card can show."""

    number: int
    key: str
    label: str
    unit: str


class StatsOut(Answer):
    statistics: list[StatOut]


class SettingsIn(Body):
    """Changes what is named and nothing else.

    `starting_balance_usd`: what returns are measured against; null: what the accounts held before
    their recorded trades.
    """

    model_config = example({"time_zone": "Europe/Berlin", "theme": "dark"})

    time_zone: Annotated[str, Field(max_length=60), AfterValidator(_zone)] = "America/New_York"
    session_day: Literal["session", "calendar"] = "session"
    theme: Literal["system", "dark", "light"] = "system"
    palette: Literal["standard", "colour_blind"] = "standard"
    density: Literal["comfortable", "compact"] = "comfortable"
    number_locale: Locale = "en-US"
    distance_unit: Literal["ticks", "points", "usd"] = "ticks"
    flash: bool = True
    single_key_shortcuts: bool = True
    starting_balance_usd: Annotated[
        Decimal | None, Field(gt=0, le=_CAPITAL_USD_MAX, decimal_places=2)
    ] = None


class SettingsOut(Answer):
    time_zone: str
    session_day: str
    theme: str
    palette: str
    density: str
    number_locale: str
    distance_unit: str
    flash: bool
    single_key_shortcuts: bool
    starting_balance_usd: DecimalText | None


class NamedOut(Answer):
    name: str


class UserNameOut(Answer):
    username: str


class AccountNameOut(Answer):
    """`value` is the broker's number of the account."""

    name: str
    value: str


class WidgetOut(Answer):
    """Closed trades of the filter, net of fees, in US dollars.

    How each figure is made stands in `shared/domain/statistics/widget.py`; `roi` and `pf` are null
    where they are no number.
    """

    cumulativeProfit: DecimalNumber  # noqa: N815 - the original's names, as all below
    wins: int
    losses: int
    winrate: int
    drawdown: DecimalNumber
    maxDD: DecimalNumber  # noqa: N815
    avgDD: DecimalNumber  # noqa: N815
    roi: DecimalNumber | None
    avgTiT: DecimalNumber  # noqa: N815
    maxTiT: DecimalNumber  # noqa: N815
    minTiT: DecimalNumber  # noqa: N815
    pf: DecimalNumber | None
    maxP: DecimalNumber  # noqa: N815
    avgP: DecimalNumber  # noqa: N815
    maxL: DecimalNumber  # noqa: N815
    avgL: DecimalNumber  # noqa: N815
    maxPos: int  # noqa: N815
    avgPos: DecimalNumber  # noqa: N815
    days: int
    strategies: list[NamedOut]
    users: list[UserNameOut]
    symbols: list[NamedOut]
    timeFrames: list[NamedOut]  # noqa: N815
    accounts: list[AccountNameOut]
