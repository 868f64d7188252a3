"""`tm up --check`: one alert, followed to a recorded and closed trade, told stage by stage.

Everything is seen from outside: the webhook an alert goes to, and the API a browser reads.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from urllib.parse import urlsplit

from cli.browser import Browser, HttpError
from cli.up.ready import sample_alert

BRACKETED_WITHIN_S: Final = 30.0
# Target and stop are 8 ticks away, and prices walk at random: one of them is usually reached
# within half a minute, and in one run of a million not within five.
CLOSED_WITHIN_S: Final = 300.0
RECORDED_WITHIN_S: Final = 30.0
_LOOK_EVERY_S: Final = 0.1
_LEGS: Final = {"take_profit": "target", "stop_loss": "stop"}
_HAS_WORKED: Final = frozenset({"WORKING", "FILLED", "CANCELLED"})
_DECIDED_BADLY: Final = frozenset(
    {"REJECTED", "CANCELLED", "EXPIRED", "SKIPPED", "STALE", "BLOCKED", "ABANDONED"}
)

Json = dict[str, Any]
Stage = tuple[str, str | None, str]  # name, moment, what happened


class CheckError(Exception):
    """The alert did not get where it should; the text says where it stopped."""


def run(info: Mapping[str, Any]) -> int:
    """0 when the alert became a closed trade. `info` is the JSON line of the run."""
    browser = Browser(info["api_url"])
    try:
        browser.sign_in(info["user"], info["password"])
        _follow(browser, info)
    except (CheckError, HttpError, OSError, ValueError) as error:
        print(f"check failed: {error}", flush=True)
        return 1
    print("check passed", flush=True)
    return 0


def _follow(browser: Browser, info: Mapping[str, Any]) -> None:
    message = sample_alert(info["strategy"])
    print(f"alert      {message}", flush=True)
    answer = browser.post(urlsplit(info["webhook_url"]).path, json.loads(message))
    signal = f"/api/signals/{answer['signal_id']}/"
    story = _until(
        "an entry with a working bracket",
        BRACKETED_WITHIN_S,
        lambda: _if(_is_bracketed, browser.get(signal)),
    )
    _tell_entry(story)
    story = _until(
        "its target or its stop", CLOSED_WITHIN_S, lambda: _if(_is_closed, browser.get(signal))
    )
    _tell_exit(story)
    trade = _until("the recorded trade", RECORDED_WITHIN_S, lambda: _trade(browser, story))
    _tell_trade(trade, story)


def _until(what: str, within_s: float, look: Callable[[], Json | None]) -> Json:
    """Look until there is something; raises `CheckError` after `within_s`."""
    give_up_s = time.monotonic() + within_s
    while (found := look()) is None:
        if time.monotonic() > give_up_s:
            raise CheckError(f"{what} was not there within {within_s:g} s")
        time.sleep(_LOOK_EVERY_S)
    return found


def _if(holds: Callable[[Json], bool], story: Json) -> Json | None:
    for each in story["decisions"]:
        if each["disposition"] in _DECIDED_BADLY:
            raise CheckError(f"{each['disposition']} {each['code']}: {each['message']}")
    return story if holds(story) else None


def _is_bracketed(story: Json) -> bool:
    """Filled, and both legs have worked at the venue; where prices run fast they may have ended."""
    states = {each["role"]: each["state"] for each in story["intents"]}
    legs = [states.get(role) for role in _LEGS]
    return states.get("entry") == "FILLED" and all(state in _HAS_WORKED for state in legs)


def _is_closed(story: Json) -> bool:
    sizes = {"entry": 0, "leg": 0}
    for fill in story["fills"]:
        sizes["leg" if fill["role"] in _LEGS else "entry"] += fill["qty"]
    fees_known = all(fill["fee_usd"] is not None for fill in story["fills"])
    return 0 < sizes["entry"] == sizes["leg"] and fees_known


def _trade(browser: Browser, story: Json) -> Json | None:
    """The trade in whose time the entry was filled."""
    entry = _of(story["fills"], "entry")[0]
    for trade in browser.get("/api/trades/", {"strategy": story["strategy"]}):
        began, ended = _at(trade["Open_Time"]), _at(trade["Closed_Time"])
        if trade["account_id"] == entry["account_id"] and began <= _at(entry["filled_at"]) <= ended:
            return dict(trade)
    return None


def _tell_entry(story: Json) -> None:
    delivery, decision = story["deliveries"][0], story["decisions"][0]
    name = f"signal {story['id']}, number {story['seq']} of strategy {story['strategy']}"
    verdict = f"{decision['account']}: {decision['disposition']} {decision['code']}"
    stages = [
        ("received", story["received_at"], f"{delivery['body_bytes']} bytes"),
        ("committed", story["created_at"], name),
        ("202 given", delivery["answered_at"], f"answered {delivery['answered_status']}"),
        ("decided", decision["decided_at"], verdict),
    ]
    for each in _of(story["intents"], "entry"):
        what = f"{each['action']} {each['qty']} {each['contract']} {each['order_type']}"
        stages += [
            ("claimed", each["claimed_at"], f"{what}, client order id {each['id']}"),
            ("answered", each["answered_at"], f"order {each['broker_order_id']}"),
        ]
    stages += [_fill_stage("filled", fill) for fill in _of(story["fills"], "entry")]
    for role, leg in _LEGS.items():
        for each in _of(story["intents"], role):
            what = f"{leg}: {each['action']} {each['qty']} at {each['price'] or each['stop_price']}"
            order = f"order {each['broker_order_id']}"
            stages.append(("bracket", each["answered_at"], f"{what}, {order}"))
    _tell(story, stages)


def _tell_exit(story: Json) -> None:
    legs = _LEGS.items()
    _tell(
        story,
        [
            _fill_stage(f"{leg} hit", fill)
            for role, leg in legs
            for fill in _of(story["fills"], role)
        ],
    )


def _tell_trade(trade: Json, story: Json) -> None:
    prices = f"{trade['Open_Price']} to {trade['Closed_Price']}"
    what = f"trade {trade['id']}: {trade['Direction']} {trade['contract']} {prices}"
    gross, fees, net = (f"{Decimal(trade[name]):.2f}" for name in ("gross", "fees", "net"))
    money = f"gross {gross}, fees {fees}, net {net} USD"
    _tell(story, [("recorded", trade["Closed_Time"], f"{what}, {trade['exit_reason']}, {money}")])


def _fill_stage(stage: str, fill: Json) -> Stage:
    what = f"{fill['action']} {fill['qty']} {fill['contract']} at {fill['price']}"
    ids = f"fill {fill['broker_fill_id']} of order {fill['broker_order_id']}"
    return stage, fill["filled_at"], f"{what}, {ids}, fee {fill['fee_usd']} USD"


def _of(rows: list[Json], role: str) -> list[Json]:
    return [row for row in rows if row["role"] == role]


def _tell(story: Json, stages: list[Stage]) -> None:
    """In the order of their times; each with how long after the alert was received it was."""
    began = _at(story["received_at"])
    for stage, moment, text in sorted(stages, key=lambda each: each[1] or ""):
        at = None if moment is None else _at(moment)
        after_s = 0.0 if at is None else (at - began).total_seconds()
        when = f"{'':<26}" if at is None else f"{at:%H:%M:%S.%f} {after_s:>+9.3f} s"
        print(f"{stage:<10} {when} {text}", flush=True)


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text)
