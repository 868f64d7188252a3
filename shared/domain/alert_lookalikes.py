"""Names of fields that look like a known one and are not.

A `quantity` with one Cyrillic letter would be a field that nobody reads: the alert would be
traded at another size than its sender sees on the screen. A name of another language is none.
"""

from __future__ import annotations

import unicodedata
from typing import Final

from shared.domain.alert_synonyms import AMBIGUOUS_SIZE, FIELDS
from shared.domain.rules.bracket import DistanceUnit

_BASES: Final = frozenset(name for names in FIELDS.values() for name in names)
KNOWN_NAMES: Final = (
    _BASES
    | {f"{stem}_{unit.value}" for stem in ("sl", "tp", "trail") for unit in DistanceUnit}
    | {*AMBIGUOUS_SIZE, "command", "data", "flatten_first", "alert_id", "signal_id", "dedupe_id"}
)
# Cyrillic letters that are drawn as the Latin ones.
_DRAWN_ALIKE: Final = str.maketrans(
    "\u0430\u0441\u0501\u0435\u04bb\u0456\u0458\u043e\u0440\u051b\u0455\u051d\u0445\u0443",
    "acdehijopqswxy",
)
_INVISIBLE: Final = frozenset({"Mn", "Me", "Cf", "Cc"})


def is_lookalike(name: str) -> bool:
    """Whether `name`, not a known name itself, can be taken for one. `name` is lower case."""
    if name.isascii() and name.isprintable():
        return False
    plain = "".join(
        letter
        for letter in unicodedata.normalize("NFKD", name.translate(_DRAWN_ALIKE))
        if unicodedata.category(letter) not in _INVISIBLE
    ).lower()
    return plain in KNOWN_NAMES or any(_may_be(plain, known) for known in KNOWN_NAMES)


def _may_be(name: str, known: str) -> bool:
    """Letters of other scripts may stand for any; at least half of the letters must agree."""
    if len(name) != len(known):
        return False
    agreeing = sum(ours == theirs for ours, theirs in zip(name, known, strict=True))
    foreign = sum(not letter.isascii() for letter in name)
    return agreeing + foreign == len(known) and agreeing >= foreign
