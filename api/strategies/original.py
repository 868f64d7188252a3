"""Settings that the original's clients know and this product does not offer.

Their neutral values are given out, and taken back in; any other value is refused by name, because
a setting that is accepted and then has no effect costs its owner money.
"""

from __future__ import annotations

from typing import Any, Final

from api.wire import invalid

# In lists and in `get-strat` alike.
IN_LISTS: Final[dict[str, Any]] = {"Alternate_Name": ""}
# In `get-strat`, where numbers are text. `UseLimits` names no price to enter at, `Linked_Strat`
# none of the ways in which a strategy may depend on another (`rules.follows` has them), and a
# future has no leverage to set.
IN_FULL: Final[dict[str, Any]] = {
    "Alternate_Name": "",
    "TradeTrim": "",
    "Discord_Server": "",
    "Discord_Channel": "",
    "AlgoDriven": False,
    "Private": False,
    "PremiumFilter": "0",
    "IP_Address": "",
    "Manual": False,
    "Lock": False,
    "UseLimits": False,
    "Linked_Strat": "",
    "IgnoreAlgoSpecs": False,
    "Leverage": "1",
}
# A stop stays where it is, or follows the best price at its own distance.
SL_TYPES: Final = {False: "Fixed", True: "Trailing"}
_TRAILS: Final = {name.lower(): trails for trails, name in SL_TYPES.items()}
_SLTP_OURS: Final = {"sl": "stop_loss", "SL_Units": "stop_units", "Trim_Units": "trim_units"}
# The original's settings by our reading of their names (docs/adr/0006): how far, how many, in what.
_AVERAGE: Final = {
    "avgdn": "average_down_step",
    "avgdnAmnt": "average_down_contracts",
    "avgdnType": "average_down_units",
}
# Said about a strategy, and no settings: a form that sends the whole object back sends them too.
_SAID: Final = frozenset({"Owner", "Profit"})
# Nobody but the owner sees a strategy.
_HARMLESS: Final = frozenset({"Private"})


def without_neutral(body: dict[str, Any]) -> dict[str, Any]:
    """The body without settings that are not offered.

    Raises InvalidInput `settings.not_offered` for one that asks for something.
    """
    kept = dict(body)
    for name, neutral in IN_FULL.items():
        if name in kept:
            _require_neutral(name, kept.pop(name), neutral)
    if "SLTP_Data" in kept:
        _unpack_sltp(kept, kept.pop("SLTP_Data"))
    return kept


def without_said(body: dict[str, Any]) -> dict[str, Any]:
    """Of what is sent back; who makes a strategy names no owner."""
    return {name: value for name, value in body.items() if name not in _SAID}


def _unpack_sltp(kept: dict[str, Any], data: Any) -> None:
    """Its `sl` is the stop loss, unless the body names one itself."""
    if not isinstance(data, dict):
        _require_neutral("SLTP_Data", data, None)
        return
    for name, value in data.items():
        if name == "SL_Type" and not _is_empty(value):
            kept.setdefault("stop_trails", _trails(value))
        elif name in _AVERAGE:
            kept.setdefault(_AVERAGE[name], value)  # 0 takes the rule away
        elif name not in _SLTP_OURS:
            _require_neutral(f"SLTP_Data.{name}", value, None)
        elif name != "sl" and not _is_empty(value):
            kept.setdefault(_SLTP_OURS[name], value)
    if "sl" not in data:
        return
    given = next((kept[name] for name in ("stop_loss", "Stoploss") if name in kept), None)
    if given is None:
        kept["stop_loss"] = data["sl"]
        kept.pop("Stoploss", None)
    elif str(given) != str(data["sl"]):
        raise invalid("settings.stop", "Two different stop losses are given.", "SLTP_Data.sl")


def _trails(value: Any) -> bool:
    trails = _TRAILS.get(str(value).strip().lower())
    if trails is None:
        name = "SLTP_Data.SL_Type"
        raise invalid("settings.not_offered", "A stop is Fixed or Trailing.", name)
    return trails


def _require_neutral(name: str, value: Any, neutral: Any) -> None:
    if name.rpartition(".")[2] in _HARMLESS or str(value) == str(neutral) or _is_empty(value):
        return
    raise invalid("settings.not_offered", f"{name} is not offered: leave it empty.", name)


def _is_empty(value: Any) -> bool:
    if isinstance(value, dict):
        return all(_is_empty(each) for each in value.values())
    if isinstance(value, list):
        return all(_is_empty(each) for each in value)
    return value in (None, "", 0, "0", False)
