"""Bodies that nobody wrote: grown from the grammars of all dialects, and bent from the corpus."""

from __future__ import annotations

import json

from hypothesis import strategies as st

from shared.domain.alert_synonyms import FIELDS
from shared.domain.alert_words import ACTION_WORDS, UNSUPPORTED_WORDS
from tests.corpus.read import rows

_BODIES = [row.body for row in rows() if len(row.body) < 2000]
_OTHER_NAMES = [
    *("data", "token", "sl_ticks", "tp_price", "trail_points", "percentage_sl", "dollar_tp"),
    *("command", "flatten_first", "amount", "size", "timenow", "date", "sl_units"),
]
_NAMES = st.sampled_from(
    [*sorted({name for names in FIELDS.values() for name in names}), *_OTHER_NAMES]
) | st.text(max_size=6)
_OTHER_WORDS = [
    *("long", "short", "flat", "bullish", "market", "limit", "stop", "stopmarket", "PLACE"),
    *("REVERSEPOSITION", "percent_of_position", "MKT", "ticks", "Percent", "20_ticks", "0.5%"),
    *("1,000", "18,000.25", "1e5", "-1", "0", "1", "2.0", "null", "NaN", "true", "{{close}}"),
    *("ES1!", "2026-11-21T14:03:22Z"),
]
_WORDS = st.sampled_from(
    [*ACTION_WORDS, *sorted(UNSUPPORTED_WORDS), *_OTHER_WORDS, "", "20 ticks", "1" * 400]
)
_LEVELS = st.dictionaries(
    st.sampled_from(["type", "percent", "amount", "stopPrice", "limitPrice", "trailPercent"]),
    st.sampled_from(["stop", "trailing_stop", 1, 0, "2", None, -1]),
    max_size=3,
)
_LEAVES = _WORDS | st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9)
_VALUES = st.recursive(
    _LEAVES | _LEVELS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_NAMES, inner, max_size=4),
    max_leaves=6,
)
_JSON = st.dictionaries(_NAMES, _VALUES, max_size=9).map(json.dumps)
_SLIPS = st.sampled_from([("}", ",}"), ('"', "\u201c"), ('"', "'"), (":", " : "), ("", "")])
_SLIPPED = st.tuples(_JSON, _SLIPS).map(lambda pair: pair[0].replace(*pair[1], 40))
_PAIRS = st.builds(
    lambda head, pairs, between, equals: (
        head + between.join(f"{key}{equals}{value}" for key, value in pairs)
    ),
    st.sampled_from(["", "A: buy, ", "A:B: sell,", "x"]),
    st.lists(st.tuples(_NAMES, _WORDS | st.text(max_size=6)), max_size=9),
    st.sampled_from([";", "; ", "\n", "\r\n", ", ", ","]),
    st.sampled_from(["=", " = "]),
)
GROWN = (_JSON | _SLIPPED | _PAIRS).map(lambda text: text.encode("utf-8", "surrogatepass"))


_SIZES = st.sampled_from([0, 1, "2", "3.0", "50%", "10,000.0", -1, 1.5, None])
_SIDES = st.sampled_from(["long", "short", "flat", "LONG", None])
_PRICES = st.sampled_from([18000.25, "18,000.25", "-37.63", 0, "1e3", "18,000", None])
_DISTANCES = st.sampled_from(["20 ticks", "0.5%", 20, "10", "18000 price", 0, None]) | _LEVELS
# Alerts as a person would write them: most are read, so that the promises are put to the test.
_SENSIBLE = st.fixed_dictionaries(
    {"action": st.sampled_from([*ACTION_WORDS, "buy", "sell", "close", None])},
    optional={
        "symbol": st.sampled_from(["ES1!", "NQZ6", "\N{CYRILLIC CAPITAL LETTER IE}S1!"]),
        "quantity": _SIZES,
        "close_percent": _SIZES,
        "market_position": _SIDES,
        "prev_market_position": _SIDES,
        "sentiment": _SIDES,
        "position_size": st.integers(-3, 3),
        "price": _PRICES,
        "order_type": st.sampled_from(["market", "limit", "stop", None]),
        "limit_price": _PRICES,
        "stop_price": _PRICES,
        "sl": _DISTANCES,
        "tp": _DISTANCES | st.lists(_DISTANCES, max_size=3),
        "trail": _DISTANCES,
        "units": st.sampled_from(["ticks", "Points", "dollars", None]),
    },
)
_AS_PAIRS = _SENSIBLE.map(
    lambda fields: "; ".join(f"{key}={value}" for key, value in fields.items() if value is not None)
)
_AS_COMMAND = st.builds(
    lambda command, pairs: f"command={command}; {pairs}",
    st.sampled_from(["PLACE", "CLOSEPOSITION", "REVERSE", "REVERSEPOSITION", "CANCELORDERS"]),
    _AS_PAIRS,
)
_AS_DATA = _SENSIBLE.map(
    lambda fields: json.dumps({"data": fields.pop("action"), "token": "T"} | fields)
)
SENSIBLE = (_SENSIBLE.map(json.dumps) | _AS_PAIRS | _AS_COMMAND | _AS_DATA).map(str.encode)


@st.composite
def bent(draw: st.DrawFn) -> bytes:
    """A body of the corpus with a few bytes cut, doubled, put in, or swapped with another's."""
    body = draw(st.sampled_from(_BODIES))
    for _ in range(draw(st.integers(1, 2))):
        low = draw(st.integers(0, len(body)))
        high = draw(st.integers(low, min(len(body), low + 40)))
        other = draw(st.sampled_from(_BODIES))
        piece = draw(
            st.sampled_from([b"", body[low:high] * 2, other, other[low:high], b'"', b",", b"{"])
            | st.text(st.characters(codec="ascii"), max_size=4).map(str.encode)
        )
        body = body[:low] + piece + body[high:]
    return body


KINDS: dict[str, st.SearchStrategy[bytes]] = {
    "sensible": SENSIBLE,
    "grown": GROWN,
    "bent": bent(),
    "bytes": st.binary(max_size=400),
}
