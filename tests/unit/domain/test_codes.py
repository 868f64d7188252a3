"""The catalogue of codes holds every code of the source, and none that is not there."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from cli.paths import ROOT
from shared.domain.codes import Place, catalogue, explain
from shared.domain.drift import DriftKind
from shared.domain.login_health import _BY_CODE

ROOMS = ("api", "execution", "gateway", "notifier", "recorder", "sentinel", "shared")
CODE = re.compile(r"[a-z][a-z_0-9]*(\.[A-Za-z_0-9]+)+")
# Dotted words that are no codes.
NOT_CODES = re.compile(
    r".+\.v[0-9]+"  # types of events
    r"|[a-z_]+\.id|one\.[a-z_]+"  # columns
    r"|tm\.[a-z]+|aiohttp\.access|notifier\.channels\.discord_rest|http\.response\.start"
    r"|broker\.(forget|restart|read_accounts|test_connection|oauth_exchange)"  # kinds of commands
    r"|accounts\.custom_ticker|rules\.[a-z_.]+"  # fields
)
# Names of fields in alerts, and the catalogue itself.
SKIPPED = {"shared/domain/alert_synonyms.py"}
# Made of two words at run time: (how the source writes it, what comes of it).
MADE = {
    "control.{}": {"control.kill", "control.pause", "control.resume", "control.flatten"},
    "drift.{}": {"drift.release", "drift.give_external"},
    "job.{}": {"job.created", "job.cancelled", "job.undone"},
    "strategy.{}": {
        *("strategy.created", "strategy.changed", "strategy.deleted", "strategy.recording_on"),
        *("strategy.recording_off", "strategy.key_rotated", "strategy.key_ended"),
    },
    "risk.{}": {"risk.daily_loss", "risk.daily_profit", "risk.weekly_loss", "risk.weekly_profit"},
    "order.{}": {"order.filled", "order.*"},
    "broker.{}": {
        *("broker.risk_check_timeout", "broker.unknown_reason", "broker.other_execution_related"),
    },
    "broker.closed_{}": {"broker.closed_*"},
    "broker.shutdown_{}": {"broker.shutdown_*"},
    "broker.status_{}": {"broker.status_*"},
    "broker.refused.{}": {"broker.refused.*"},
    "broker.refused.status_{}": {"broker.refused.*"},
    "{}.open_position": {"strategy.open_position", "account.open_position"},
    "{}.timeout": {"discord.timeout"},
    "{}.{}": {f"{word}.{scope}" for word in ("kill", "pause")
              for scope in ("system", "user", "account", "strategy")},
}  # fmt: skip
# Dotted, made at run time, and no codes: legs, files, keys.
NOT_MADE = {
    *("average.{}", "exit.{}", "exit.{}.{}", "reduce.{}", "{}.r{}", "{}.sl", "{}.tp", "{}.{}.{}"),
    *("{}_{}.{}", "tm.dlq.{}", "{}..."),
}


@cache
def sources() -> tuple[Path, ...]:
    return tuple(
        path
        for room in ROOMS
        for path in sorted((ROOT / room).rglob("*.py"))
        if "migrations" not in path.parts
        and "codes" not in path.parts
        and path.relative_to(ROOT).as_posix() not in SKIPPED
    )


@cache
def said() -> tuple[frozenset[str], frozenset[str]]:
    """Dotted words of the source, and those that are put together at run time."""
    whole: set[str] = set()
    made: set[str] = set()
    for path in sources():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        joined = [node for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)]
        parts = {id(part) for node in joined for part in node.values}
        made.update(filter(re.compile(r"[a-z_{}]+\.[a-z_.{}]+").fullmatch, map(pattern, joined)))
        whole.update(word for word in words(tree, parts) if not NOT_CODES.fullmatch(word))
    return frozenset(whole), frozenset(made)


def words(tree: ast.AST, parts: set[int]) -> Iterator[str]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Constant) or id(node) in parts:
            continue
        if isinstance(node.value, str) and CODE.fullmatch(node.value):
            yield node.value


def pattern(node: ast.JoinedStr) -> str:
    return "".join(
        str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values
    )


def test_every_code_of_the_source_is_in_the_catalogue() -> None:
    known = {each.code for each in catalogue()}
    assert sorted(said()[0] - known) == []


def test_every_code_that_is_put_together_is_declared() -> None:
    made = {each for each in said()[1] if "{}" in each}
    assert sorted(made - MADE.keys() - NOT_MADE) == []
    known = {each.code for each in catalogue()}
    assert sorted({code for codes in MADE.values() for code in codes} - known) == []


def test_no_code_of_the_catalogue_is_nowhere() -> None:
    made = {code for codes in MADE.values() for code in codes}
    assert sorted({each.code for each in catalogue()} - said()[0] - made - {"internal"}) == []


def test_every_code_is_there_once_and_says_a_sentence() -> None:
    codes = [each.code for each in catalogue()]
    assert len(codes) == len(set(codes))
    for each in catalogue():
        assert each.meaning[0].isupper() or each.meaning.startswith("…"), each
        assert each.meaning.endswith((".", "…")), each
        assert each.place is not Place.DECISION or "{" not in each.meaning, each


@pytest.mark.parametrize(
    ("code", "found", "place"),
    [
        ("session.closed", "session.closed", Place.DECISION),
        ("broker.refused.no_margin", "broker.refused.*", Place.ORDER),
        ("broker.shutdown_Maintenance", "broker.shutdown_Maintenance", Place.LOGIN),
        ("broker.shutdown_Whatever", "broker.shutdown_*", Place.LOGIN),
        ("parse.action", "parse.action", Place.ALERT),
    ],
)
def test_a_code_is_explained_by_itself_or_by_its_beginning(
    code: str, found: str, place: Place
) -> None:
    known = explain(code)
    assert known is not None
    assert (known.code, known.place) == (found, place)


def test_a_code_that_is_not_ours_is_not_explained() -> None:
    assert explain("weather.rain") is None


def test_every_drift_and_every_reason_of_a_logins_health_is_explained() -> None:
    for code in (*DriftKind, *_BY_CODE):
        assert explain(code) is not None, code
