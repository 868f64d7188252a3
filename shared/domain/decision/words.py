"""The words of the decision table: what is asked, where we stand, what is done."""

from __future__ import annotations

from enum import StrEnum


class Kind(StrEnum):
    """What an alert asks of a strategy, once every dialect, sentiment and inversion is read.

    OPEN, STAND, TARGET and REVERSE have a side. ADD may name the side it adds to, CLOSE and PART
    the side they end.
    AVERAGE is asked by no alert but by a price that went against the position, on its side.
    """

    OPEN = "open"  # buy or sell so many
    ADD = "add"  # buy or sell more of what is held
    STAND = "stand"  # be long or short, whatever the size
    TARGET = "target"  # hold exactly so many on that side
    REVERSE = "reverse"  # end what is held, and enter the other side
    AVERAGE = "average"  # add so many to what is held
    CLOSE = "close"  # end the position
    PART = "part"  # end a part of it
    WITHDRAW = "withdraw"  # take back entries that have not filled

    @property
    def enters(self) -> bool:
        return self not in (Kind.CLOSE, Kind.PART, Kind.WITHDRAW)


class Stand(StrEnum):
    """The strategy's expected position in the account, seen from the side that is asked for.

    For a close that names no side any position is SAME.
    """

    FLAT = "flat"
    SAME = "same side"
    OTHER = "other side"


class Relation(StrEnum):
    """The asked contracts beside those held on the same side."""

    LESS = "less than held"
    EQUAL = "as many as held"
    MORE = "more than held"
    NONE = "-"  # nothing to compare


class Size(StrEnum):
    """What the quantity comes to after the strategy's settings and the account's multiplier."""

    SOME = "at least 1"
    ZERO_ASKED = "0 in the alert"
    ZERO_OWN = "0 by the settings"


class Adds(StrEnum):
    LEFT = "adds left"
    SPENT = "no adds left"


class Entering(StrEnum):
    """Whether the strategy's direction lets it enter the asked side."""

    ALLOWED = "side allowed"
    FORBIDDEN = "side forbidden"


class Move(StrEnum):
    """What the plan does. Every exit comes before every entry."""

    ENTER = "enter"
    ADD = "add"
    REVERSE = "close, then enter"
    EXIT = "close all"
    REDUCE = "close a part"
    WITHDRAW = "cancel unfilled entries"
    NOTHING = "nothing"
    REFUSE = "refuse"

    @property
    def enters(self) -> bool:
        return self in (Move.ENTER, Move.ADD, Move.REVERSE)

    @property
    def exits(self) -> bool:
        return self in (Move.REVERSE, Move.EXIT, Move.REDUCE)
