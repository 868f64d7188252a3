"""The decision table: every case once, and what a trader relies on in each."""

from __future__ import annotations

from collections import Counter
from itertools import product

import pytest

from shared.domain.decision.table import ROWS, Case, cases, look_up, possible
from shared.domain.decision.words import Adds, Entering, Kind, Move, Relation, Size, Stand
from shared.domain.rules.entries import Opposite

ALL = [Case(*words) for words in product(Kind, Stand, Relation, Size, Adds, Entering, Opposite)]


def test_every_possible_case_has_exactly_one_row() -> None:
    wrong = {case: n for case in cases() if (n := sum(row.covers(case) for row in ROWS)) != 1}
    assert wrong == {}


def test_impossible_cases_are_refused_loudly() -> None:
    impossible = [case for case in ALL if not possible(case)]
    assert impossible
    for case in impossible:
        with pytest.raises(KeyError):
            look_up(case)


def test_every_row_is_reached() -> None:
    reached = Counter(id(look_up(case)) for case in cases())
    assert {id(row) for row in ROWS} == set(reached)


def test_what_no_row_may_do() -> None:
    for case in cases():
        check(case)


def check(case: Case) -> None:
    move = look_up(case).move
    if not case.kind.enters:
        assert not move.enters, "an exit never enters"
    if case.stand is Stand.FLAT:
        assert not move.exits, "there is nothing to end"
    if case.size is not Size.SOME:
        assert not move.enters, "0 is a size"
        assert move is not Move.REDUCE
    if case.entering is Entering.FORBIDDEN:
        assert not move.enters
    if case.adds is Adds.SPENT:
        assert move is not Move.ADD
    if move is Move.REVERSE:
        assert case.stand is Stand.OTHER
        assert case.opposite in (Opposite.REVERSE, Opposite.NET) or case.kind is Kind.REVERSE
    if move is Move.REDUCE:
        assert case.relation is Relation.LESS


def test_rows_that_do_the_same_say_the_same_code() -> None:
    moves: dict[str, set[Move]] = {}
    for row in ROWS:
        moves.setdefault(row.code, set()).add(row.move)
    assert {code: found for code, found in moves.items() if len(found) > 1} == {}
