"""What a slice left behind, and what it says once it is sorted. Nothing of the product is used."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Final, NamedTuple

from tests.fixtures.venue import VenueLedger, read_ledger

Row = Mapping[str, Any]
_NUMBER: Final = re.compile(r'"comment": "n(\d+)"')
SENT_ROLES: Final = frozenset({"entry", "exit", "reduce"})  # the other roles protect


class Violation(NamedTuple):
    kind: str
    what: str


@dataclass(slots=True)
class Told:
    """One alert as its sender saw it. `tries` are (sent at, answered at, status, signal id)."""

    number: int
    strategy: str
    asks: Mapping[str, Any]
    tries: list[tuple[float, float, int, int | None]] = field(default_factory=list)

    @property
    def is_accepted(self) -> bool:
        return bool(self.tries) and 200 <= self.tries[-1][2] < 300


@dataclass(frozen=True)
class Evidence:
    """Lines of three ledgers, rows by table, and the venue's own ledger."""

    about: Row
    sent: Sequence[Row]
    strikes: Sequence[Row]
    messages: Sequence[Row]
    tables: Mapping[str, Sequence[Row]]
    venue: Mapping[str, Any]

    @cached_property
    def alerts(self) -> dict[int, Told]:
        found: dict[int, Told] = {}
        begun: dict[tuple[int, int], float] = {}
        for line in self.sent:
            number = line["number"]
            match line["event"]:
                case "alert":
                    found[number] = Told(number, line["strategy"], line["asks"])
                case "try":
                    begun[number, line["turn"]] = line["mono_s"]
                case _:
                    at = begun[number, line["turn"]], line["mono_s"]
                    found[number].tries.append((*at, line["status"], line["signal_id"]))
        return found

    @cached_property
    def numbers(self) -> dict[int, set[int]]:
        """Signal ids by the number that stood in the body of a delivery of theirs."""
        found: dict[int, set[int]] = {}
        for row in self.tables["alerts"]:
            number = _NUMBER.search(row["body"])
            if number is not None and row["signal_id"] is not None:
                found.setdefault(int(number[1]), set()).add(row["signal_id"])
        return found

    @cached_property
    def number_of(self) -> dict[int, int]:
        """The alert's number by signal id; a signal of two alerts has the last one here."""
        return {signal: number for number, ids in self.numbers.items() for signal in ids}

    @cached_property
    def signals(self) -> dict[int, Row]:
        return {row["id"]: row for row in self.tables["signals"]}

    @cached_property
    def accounts(self) -> dict[int, str]:
        return {row["id"]: row["name"] for row in self.tables["accounts"]}

    @cached_property
    def strategies(self) -> dict[int, str]:
        return {row["id"]: row["name"] for row in self.tables["strategies"]}

    @cached_property
    def linked(self) -> dict[str, dict[str, int]]:
        """By strategy the multiplier of each of its accounts."""
        return {row["name"]: dict(row["accounts"]) for row in self.about["strategies"]}

    @cached_property
    def bracketed(self) -> frozenset[str]:
        return frozenset(row["name"] for row in self.about["strategies"] if row["bracket"])

    @cached_property
    def intents(self) -> dict[str, Row]:
        return {row["id"]: row for row in self.tables["intents"]}

    @cached_property
    def decisions(self) -> dict[tuple[int, str], list[Row]]:
        found: dict[tuple[int, str], list[Row]] = {}
        for row in self.tables["decisions"]:
            account = self.accounts.get(row["account_id"], "nowhere")
            found.setdefault((row["signal_id"], account), []).append(row)
        return found

    @cached_property
    def ledger(self) -> VenueLedger:
        return read_ledger(dict(self.venue))

    @cached_property
    def placed(self) -> dict[int, str]:
        """The client order id of each order of the venue that has one."""
        return {
            order: client
            for client, ids in self.ledger.orders_by_client_id.items()
            for order in ids
        }

    @cached_property
    def effects(self) -> Counter[tuple[int, str]]:
        """Signed contracts that each signal moved in each account, by the venue's fills alone."""
        moved: Counter[tuple[int, str]] = Counter()
        for fill in self.ledger.fills:
            intent = self.intents.get(self.placed.get(fill.order_id, ""))
            if intent is not None and intent["role"] in SENT_ROLES:
                moved[intent["signal_id"], fill.account] += fill.sign * fill.qty
        return moved

    def in_order(self, strategy: str) -> Iterator[Row]:
        """Its signals by their sequence."""
        found = (row for row in self.signals.values() if self.name_of(row) == strategy)
        yield from sorted(found, key=lambda row: int(row["seq"]))

    def name_of(self, row: Row) -> str:
        return self.strategies.get(row["strategy_id"], "nobody's")


def read(folder: Path) -> Evidence:
    def lines(name: str) -> list[Row]:
        text = (folder / name).read_text(encoding="utf-8")
        return [json.loads(line) for line in text.splitlines()]

    def whole(name: str) -> Any:
        return json.loads((folder / name).read_text(encoding="utf-8"))

    return Evidence(
        about=whole("about.json"),
        sent=lines("sent.jsonl"),
        strikes=lines("strikes.jsonl"),
        messages=lines("messages.jsonl"),
        tables=whole("database.json"),
        venue=whole("venue.json"),
    )


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text)
