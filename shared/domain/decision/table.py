"""The decision table: every case exactly once, and what is done in it.

A row names, for each column, the words it covers; a column it does not name covers all. No two
rows cover one case, and every possible case is covered: a test walks them all. The page
docs/decisions.md and each strategy's `explain` are printed from these rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import astuple, dataclass
from itertools import product
from typing import Final, TypeVar

from shared.domain.decision.words import Adds, Entering, Kind, Move, Relation, Size, Stand
from shared.domain.rules.entries import Opposite


@dataclass(frozen=True, slots=True)
class Case:
    """One situation, in the words of the table."""

    kind: Kind
    stand: Stand
    relation: Relation
    size: Size
    adds: Adds
    entering: Entering
    opposite: Opposite


@dataclass(frozen=True, slots=True)
class Row:
    """`code` is stable and public; `says` is one sentence for the trader."""

    move: Move
    code: str
    says: str
    kind: frozenset[Kind]
    stand: frozenset[Stand] = frozenset(Stand)
    relation: frozenset[Relation] = frozenset(Relation)
    size: frozenset[Size] = frozenset(Size)
    adds: frozenset[Adds] = frozenset(Adds)
    entering: frozenset[Entering] = frozenset(Entering)
    opposite: frozenset[Opposite] = frozenset(Opposite)

    def covers(self, case: Case) -> bool:
        return (
            case.kind in self.kind
            and case.stand in self.stand
            and case.relation in self.relation
            and case.size in self.size
            and case.adds in self.adds
            and case.entering in self.entering
            and case.opposite in self.opposite
        )


_Word = TypeVar("_Word")


def _of(*words: _Word) -> frozenset[_Word]:
    return frozenset(words)


_ENTRIES: Final = _of(Kind.OPEN, Kind.STAND, Kind.TARGET)
_AGAINST: Final = _ENTRIES | {Kind.REVERSE}
_TURNS: Final = _of(Kind.STAND, Kind.REVERSE)
_NOT_ASKED_ZERO: Final = _of(Size.SOME, Size.ZERO_OWN)
_ZERO: Final = _of(Size.ZERO_ASKED, Size.ZERO_OWN)
_SOME: Final = _of(Size.SOME)
_ZERO_OWN: Final = _of(Size.ZERO_OWN)
_FLAT: Final = _of(Stand.FLAT)
_SAME: Final = _of(Stand.SAME)
_OTHER: Final = _of(Stand.OTHER)
_ALLOWED: Final = _of(Entering.ALLOWED)
_FORBIDDEN: Final = _of(Entering.FORBIDDEN)
_OPEN: Final = _of(Kind.OPEN)
_AVERAGE: Final = _of(Kind.AVERAGE)
_MORE: Final = _of(Kind.OPEN, Kind.ADD)
_ADDING: Final = _MORE | _AVERAGE
_REVERSES: Final = _of(Opposite.REVERSE, Opposite.NET)
_TARGET: Final = _of(Kind.TARGET)

ROWS: Final[tuple[Row, ...]] = (
    Row(
        Move.NOTHING,
        "size.zero_asked",
        "The alert asks for 0 contracts: nothing is done.",
        _MORE,
        size=_of(Size.ZERO_ASKED),
    ),
    Row(
        Move.NOTHING,
        "size.zero_asked",
        "The alert asks for 0 contracts: nothing is done.",
        _of(Kind.STAND),
        stand=_FLAT,
        size=_of(Size.ZERO_ASKED),
    ),
    Row(
        Move.NOTHING,
        "size.zero_asked",
        "The alert asks for 0 contracts: nothing is done.",
        _TURNS,
        stand=_OTHER,
        size=_of(Size.ZERO_ASKED),
    ),
    # Flat
    Row(
        Move.ENTER,
        "plan.entry",
        "Flat: enter with the bracket.",
        _ENTRIES,
        stand=_FLAT,
        size=_SOME,
        entering=_ALLOWED,
    ),
    Row(
        Move.NOTHING,
        "size.zero",
        "The size comes to 0 contracts here: nothing is entered.",
        _ENTRIES,
        stand=_FLAT,
        size=_ZERO_OWN,
        entering=_ALLOWED,
    ),
    Row(
        Move.REFUSE,
        "direction.forbidden",
        "The strategy does not trade this side.",
        _ENTRIES,
        stand=_FLAT,
        size=_NOT_ASKED_ZERO,
        entering=_FORBIDDEN,
    ),
    Row(
        Move.NOTHING,
        "plan.flat",
        "Flat: there is nothing to add to.",
        _of(Kind.ADD),
        stand=_FLAT,
        size=_NOT_ASKED_ZERO,
    ),
    Row(
        Move.NOTHING,
        "plan.other_side",
        "The alert adds to the other side: the position stays as it is.",
        _of(Kind.ADD),
        stand=_OTHER,
        size=_NOT_ASKED_ZERO,
    ),
    # On the asked side
    Row(
        Move.NOTHING,
        "plan.on_target",
        "Already on that side: nothing is done.",
        _TURNS,
        stand=_SAME,
    ),
    Row(
        Move.ADD,
        "plan.add",
        "Already on that side: add, with a bracket of its own.",
        _MORE,
        stand=_SAME,
        size=_SOME,
        entering=_ALLOWED,
        adds=_of(Adds.LEFT),
    ),
    Row(
        Move.ADD,
        "plan.average_down",
        "The price went against the position: add, with a bracket of its own.",
        _AVERAGE,
        stand=_SAME,
        size=_SOME,
        entering=_ALLOWED,
        adds=_of(Adds.LEFT),
    ),
    Row(
        Move.REFUSE,
        "entries.adds_spent",
        "As many adds as the strategy allows were made.",
        _ADDING,
        stand=_SAME,
        size=_SOME,
        entering=_ALLOWED,
        adds=_of(Adds.SPENT),
    ),
    Row(
        Move.NOTHING,
        "size.zero",
        "The size comes to 0 contracts here: nothing is added.",
        _ADDING,
        stand=_SAME,
        size=_ZERO_OWN,
        entering=_ALLOWED,
    ),
    Row(
        Move.REFUSE,
        "direction.forbidden",
        "The strategy does not trade this side: nothing is added.",
        _ADDING,
        stand=_SAME,
        size=_NOT_ASKED_ZERO,
        entering=_FORBIDDEN,
    ),
    Row(
        Move.NOTHING,
        "plan.on_target",
        "The position is the target already.",
        _TARGET,
        stand=_SAME,
        relation=_of(Relation.EQUAL),
    ),
    Row(
        Move.REDUCE,
        "plan.reduce",
        "More is held than the target: the difference is closed.",
        _TARGET,
        stand=_SAME,
        relation=_of(Relation.LESS),
        size=_SOME,
    ),
    Row(
        Move.EXIT,
        "plan.close",
        "The target comes to 0 contracts here: all is closed.",
        _TARGET,
        stand=_SAME,
        relation=_of(Relation.LESS),
        size=_ZERO_OWN,
    ),
    Row(
        Move.ADD,
        "plan.add",
        "Less is held than the target: the difference is added.",
        _TARGET,
        stand=_SAME,
        relation=_of(Relation.MORE),
        entering=_ALLOWED,
        adds=_of(Adds.LEFT),
    ),
    Row(
        Move.REFUSE,
        "entries.adds_spent",
        "As many adds as the strategy allows were made.",
        _TARGET,
        stand=_SAME,
        relation=_of(Relation.MORE),
        entering=_ALLOWED,
        adds=_of(Adds.SPENT),
    ),
    Row(
        Move.REFUSE,
        "direction.forbidden",
        "The strategy does not trade this side: nothing is added.",
        _TARGET,
        stand=_SAME,
        relation=_of(Relation.MORE),
        entering=_FORBIDDEN,
    ),
    Row(
        Move.NOTHING,
        "average.ended",
        "The position is no longer there, or about to end: nothing is added.",
        _AVERAGE,
        stand=_of(Stand.FLAT, Stand.OTHER),
    ),
    # Against the position
    Row(
        Move.NOTHING,
        "opposite.ignored",
        "The strategy ignores entries against its position.",
        _ENTRIES,
        stand=_OTHER,
        size=_NOT_ASKED_ZERO,
        opposite=_of(Opposite.IGNORE),
    ),
    Row(
        Move.EXIT,
        "opposite.close",
        "An entry against the position closes it, as the strategy wishes.",
        _ENTRIES,
        stand=_OTHER,
        size=_NOT_ASKED_ZERO,
        opposite=_of(Opposite.CLOSE),
    ),
    Row(
        Move.REVERSE,
        "plan.reverse",
        "Close the position; once it is flat, enter the other side with its bracket.",
        _AGAINST,
        stand=_OTHER,
        size=_SOME,
        opposite=_REVERSES,
        entering=_ALLOWED,
    ),
    Row(
        Move.EXIT,
        "reverse.side_forbidden",
        "Close the position; the strategy does not trade the other side.",
        _AGAINST,
        stand=_OTHER,
        size=_SOME,
        opposite=_REVERSES,
        entering=_FORBIDDEN,
    ),
    Row(
        Move.EXIT,
        "reverse.zero",
        "Close the position; the new size comes to 0 contracts here.",
        _AGAINST,
        stand=_OTHER,
        size=_ZERO_OWN,
        opposite=_REVERSES,
    ),
    Row(
        Move.NOTHING,
        "plan.flat",
        "Flat: there is nothing to reverse.",
        _of(Kind.REVERSE),
        stand=_FLAT,
    ),
    # Exits
    Row(
        Move.NOTHING,
        "plan.flat",
        "Flat: there is nothing to close.",
        _of(Kind.CLOSE, Kind.PART),
        stand=_FLAT,
    ),
    Row(
        Move.NOTHING,
        "plan.other_side",
        "The alert ends the other side: the position stays as it is.",
        _of(Kind.CLOSE, Kind.PART),
        stand=_OTHER,
    ),
    Row(
        Move.EXIT,
        "plan.close",
        "Close every contract held.",
        _of(Kind.CLOSE),
        stand=_SAME,
    ),
    Row(
        Move.NOTHING,
        "size.zero",
        "The part comes to 0 contracts here: nothing is closed.",
        _of(Kind.PART),
        stand=_SAME,
        size=_ZERO,
    ),
    Row(
        Move.REDUCE,
        "plan.reduce",
        "Close a part; targets and stops shrink with it.",
        _of(Kind.PART),
        stand=_SAME,
        size=_SOME,
        relation=_of(Relation.LESS),
    ),
    Row(
        Move.EXIT,
        "plan.close",
        "The part is all that is held, or more: close it, and never beyond flat.",
        _of(Kind.PART),
        stand=_SAME,
        size=_SOME,
        relation=_of(Relation.EQUAL, Relation.MORE),
    ),
    Row(
        Move.WITHDRAW,
        "plan.withdraw",
        "Cancel entries that have not filled; positions and their exits stay.",
        _of(Kind.WITHDRAW),
    ),
)


def possible(case: Case) -> bool:
    """Whether the words of a case can meet: a comparison needs something held, and so on."""
    compared = case.stand is Stand.SAME and case.kind in (Kind.TARGET, Kind.PART)
    if compared is (case.relation is Relation.NONE):
        return False
    match case.kind:
        case Kind.OPEN | Kind.STAND:
            return True
        case (
            Kind.REVERSE | Kind.AVERAGE | Kind.ADD
        ):  # itself it says what to do against the position
            asked_zero = case.kind is Kind.AVERAGE and case.size is Size.ZERO_ASKED
            return case.opposite is Opposite.REVERSE and not asked_zero
        case Kind.TARGET:  # a target of 0 is a close; one that comes to 0 is less than any held
            less = case.relation in (Relation.LESS, Relation.NONE)
            return case.size is Size.SOME or (case.size is Size.ZERO_OWN and less)
        case Kind.CLOSE | Kind.WITHDRAW:
            return case.size is Size.SOME
        case Kind.PART:
            return case.size is Size.SOME or case.relation in (Relation.LESS, Relation.NONE)


def cases() -> Iterator[Case]:
    """Every possible case."""
    every = product(Kind, Stand, Relation, Size, Adds, Entering, Opposite)
    return (case for case in (Case(*words) for words in every) if possible(case))


def _index() -> dict[tuple[object, ...], Row]:
    """Case -> its row. Raises ValueError unless there is one: an import fails, not a trade."""
    found: dict[tuple[object, ...], Row] = {}
    for case in cases():
        rows = [row for row in ROWS if row.covers(case)]
        if len(rows) != 1:
            raise ValueError(f"{len(rows)} rows cover {case}")
        found[astuple(case)] = rows[0]
    return found


_ROW_OF: Final = _index()


def look_up(case: Case) -> Row:
    """The one row of a possible case. Raises KeyError for an impossible one."""
    return _ROW_OF[astuple(case)]
