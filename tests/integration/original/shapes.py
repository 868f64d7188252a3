"""What the original's clients read, by key: its documented type, and no more than is said of it.

An answer may carry more keys than these; a key that lacks, or has another JSON type, breaks them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

_INSTANT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
_NUMBER_TEXT: Final = re.compile(r"-?\d+(\.\d+)?")

TRADE: Final = {
    "id": "int", "Open_Time": "instant", "Closed_Time": "instant", "Ticker": "text",
    "Direction": "text", "Position_Size": "int", "Open_Price": "number text",
    "Closed_Price": "number text", "Profit": "number", "Drawdown": "number text",
    "Strat_Name": "text", "TimeFrame": "text", "Expo": "any", "Strike": "any", "max_dd": "any",
    "Opt_Name": "any", "IfOption": "bool",
}  # fmt: skip
OPEN_TRADE: Final = {
    "id": "int", "Strat_Name": "text", "Ticker": "text", "TimeFrame": "text", "Direction": "text",
    "Open_Price": "number text", "Open_Time": "instant", "Running_Pos": "int", "Account": "text",
    "Nickname": "text", "Expo": "any", "Strike": "any", "Drawdown": "number text",
    "StratTicker": "text", "Stoploss": "number text", "TakeProfit": "number texts",
    "SLTP_Data": "object", "Opt_Name": "any", "IfOption": "bool",
}  # fmt: skip
STEP: Final = {
    "amnt": "number", "mult": "number", "step": "number", "TP_inc": "list", "StratID": "int",
    "uselimits": "bool",
}  # fmt: skip
USER: Final = {
    "username": "text", "email": "text", "admin": "bool", "DiscordID": "any", "access": "bool",
    "signed": "bool", "is_email_verified": "bool",
}  # fmt: skip
ACCOUNT: Final = {
    "name": "text", "accntID": "text", "main": "text", "maxcons": "int", "customTicker": "text",
    "mult": "number", "enabled": "bool",
}  # fmt: skip
WIDGET: Final = dict.fromkeys(
    ("cumulativeProfit", "wins", "losses", "winrate", "drawdown", "maxDD", "avgDD", "roi", "avgTiT",
     "maxTiT", "minTiT", "pf", "maxP", "avgP", "maxL", "avgL", "maxPos", "avgPos", "days"),
    "number",
) | dict.fromkeys(("strategies", "users", "symbols", "timeFrames", "accounts"), "list")  # fmt: skip
STRATEGY: Final = {
    "id": "int", "Strat_Name": "text", "Strat_Type": "text", "Days2Expo": "any",
    "Strike_Offset": "any", "Stoploss": "number", "Position_Size": "int", "Position_Add": "int",
    "TakeProfit": "list", "Trim": "list", "TPSL_Units": "text", "DirStrat": "any",
    "SubTicker": "text", "SubTimeFrame": "text", "Enabled": "bool", "Owner": "text",
    "Accounts": "object", "Alternate_Name": "any",
}  # fmt: skip
# Numbers are text in the full object.
STRATEGY_FULL: Final = STRATEGY | {
    "Stoploss": "number text", "Position_Size": "number text", "Position_Add": "number text",
    "TakeProfit": "number texts", "TradeTrim": "any", "Description": "text",
    "Discord_Server": "any", "Discord_Channel": "any", "AlgoDriven": "bool", "Private": "bool",
    "PremiumFilter": "any", "TimeFilter": "object", "IP_Address": "any", "SLTP_Data": "object",
    "Recorder": "bool", "Manual": "bool", "Lock": "bool", "Profit": "number text",
    "Delay_Add": "number text", "Maxcons": "number text", "UseLimits": "bool",
    "Linked_Strat": "any", "Inverse": "bool", "IgnoreAlgoSpecs": "bool", "Leverage": "number text",
}  # fmt: skip
assert (len(STRATEGY), len(STRATEGY_FULL)) == (18, 39)
TIME_FILTER: Final = dict.fromkeys(("start1", "stop1", "start2", "stop2"), "any")
SLTP: Final = dict.fromkeys(
    ("sl", "avgdn", "avgdnAmnt", "avgdnType", "SL_Type", "SL_Units", "Trim_Units"), "any"
)


def unlike(found: Mapping[str, Any], shape: Mapping[str, str]) -> list[str]:
    """What a client that relies on `shape` would stumble over."""
    return [
        f"{key} is {found.get(key, 'missing')!r}, not {kind}"
        for key, kind in shape.items()
        if key not in found or not _is(found[key], kind)
    ]


def _is(value: Any, kind: str) -> bool:
    return _KINDS[kind](value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_number_text(value: Any) -> bool:
    return isinstance(value, str) and _NUMBER_TEXT.fullmatch(value) is not None


_KINDS: Final[dict[str, Callable[[Any], bool]]] = {
    "any": lambda _: True,
    "int": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": _is_number,
    "bool": lambda value: isinstance(value, bool),
    "text": lambda value: isinstance(value, str),
    "number text": _is_number_text,
    "number texts": lambda value: isinstance(value, list) and all(map(_is_number_text, value)),
    "instant": lambda value: isinstance(value, str) and _INSTANT.fullmatch(value) is not None,
    "list": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
}
