"""The words of an alert's action, and what a sequence before -> order -> after may be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from shared.domain.alert_codes import ParseCode, refusal, shown
from shared.domain.alert_signal import Sentiment, Side, SignalKind


@dataclass(frozen=True, slots=True)
class Action:
    """`ends` is the side that a close names; `after` what an entry word says of the position."""

    kind: SignalKind
    side: Side | None = None
    ends: Sentiment | None = None
    after: Sentiment | None = None


_CLOSE = Action(SignalKind.CLOSE)
_CLOSE_LONG = Action(SignalKind.CLOSE, ends=Sentiment.LONG)
_CLOSE_SHORT = Action(SignalKind.CLOSE, ends=Sentiment.SHORT)

_ACTIONS: Final = {
    "buy": Action(SignalKind.ORDER, Side.BUY),
    "sell": Action(SignalKind.ORDER, Side.SELL),
    "long": Action(SignalKind.ORDER, Side.BUY, after=Sentiment.LONG),
    "short": Action(SignalKind.ORDER, Side.SELL, after=Sentiment.SHORT),
    "add": Action(SignalKind.ADD),
    "target": Action(SignalKind.TARGET),
    "flat": _CLOSE,
    "flatten": _CLOSE,
    "close": _CLOSE,
    "exit": _CLOSE,
    "closeall": _CLOSE,
    "exitall": _CLOSE,
    "closeposition": _CLOSE,
    "exitposition": _CLOSE,
    "closelong": _CLOSE_LONG,
    "exitlong": _CLOSE_LONG,
    "closeshort": _CLOSE_SHORT,
    "exitshort": _CLOSE_SHORT,
    "reverse": Action(SignalKind.REVERSE),
    "reverseposition": Action(SignalKind.REVERSE),
    "cancel": Action(SignalKind.CANCEL),
    "cancelorders": Action(SignalKind.CANCEL),
}
ACTION_WORDS: Final = tuple(_ACTIONS)
# Words of other products that ask for what we do not do, and why: told apart from a slip of the
# pen. A strategy's key says what the strategy does; that it could end what others hold in the
# account, or take their stops away, is what nobody may do with it.
_WIDER: Final = "It is about more than this strategy: an alert says what its own strategy does."
_LEGS: Final = "It takes away or moves stops and targets: the strategy's settings rule those."
_WHICH: Final = "Which of the working orders it means is not certain."
UNSUPPORTED_WORDS: Final = {
    "flatteneverything": _WIDER,
    "closestrategy": _WIDER,
    "cancelall": _LEGS,
    "cancelallorders": _LEGS,
    "breakeven": _LEGS,
    "cancelreplace": _WHICH,
    "change": _WHICH,
    "modify": _WHICH,
    "update": _WHICH,
    "flatplace": "Flat first and then enter is `flatten_first`, or a target position.",
}
_SENTIMENTS: Final = {sentiment.value: sentiment for sentiment in Sentiment}
# TradersPost's words for its `sentiment` field.
_MOODS: Final = _SENTIMENTS | {"bullish": Sentiment.LONG, "bearish": Sentiment.SHORT}
_JOINERS: Final = str.maketrans("", "", " _-")
_RANK: Final = {Sentiment.SHORT: -1, Sentiment.FLAT: 0, Sentiment.LONG: 1}


def action_of(word: object) -> Action:
    """The meaning of an action word; case, spaces, `_` and `-` inside it do not matter.

    Raises `AlertRefused` `parse.action` (an unknown word is never guessed at) or
    `parse.unsupported`.
    """
    folded = word.strip().lower().translate(_JOINERS) if isinstance(word, str) else ""
    action = _ACTIONS.get(folded)
    if folded in UNSUPPORTED_WORDS:
        raise refusal(ParseCode.UNSUPPORTED, UNSUPPORTED_WORDS[folded], action=shown(word))
    if action is None:
        raise refusal(
            ParseCode.ACTION, "The alert's action is not one we know.", action=shown(word)
        )
    return action


def sentiment_of(word: str, code: ParseCode = ParseCode.SENTIMENT) -> Sentiment:
    """Long, short or flat, or `AlertRefused` under the code of the field."""
    sentiment = _SENTIMENTS.get(word.lower())
    if sentiment is None:
        raise refusal(code, "A market position is long, short or flat.", value=word)
    return sentiment


def mood_of(word: str) -> Sentiment:
    """As `sentiment_of`, and bullish or bearish too."""
    mood = _MOODS.get(word.lower())
    return sentiment_of(word) if mood is None else mood


def signed_position(sentiment: Sentiment, size_contracts: int) -> int:
    """The position that a word and a size give together.

    A short may be written with either sign, since Pine has both an absolute and a signed size.
    Raises `AlertRefused` `parse.contradiction` when the two cannot both be true.
    """
    signed = -abs(size_contracts) if sentiment is Sentiment.SHORT else size_contracts
    sign = (signed > 0) - (signed < 0)
    if sign != _RANK[sentiment]:
        raise refusal(
            ParseCode.CONTRADICTION,
            "The market position and its size contradict each other.",
            position=str(sentiment),
            size=size_contracts,
        )
    return signed


def refuse_impossible_order(side: Side, before: Sentiment | None, after: Sentiment | None) -> None:
    """A buy never leaves a position shorter than it was, nor flat as it was; a sell mirrors it."""
    if before is None or after is None:
        return
    step = _RANK[after] - _RANK[before]
    wrong_way = step < 0 if side is Side.BUY else step > 0
    if wrong_way or (before is after is Sentiment.FLAT):
        raise refusal(
            ParseCode.CONTRADICTION,
            "No such order leads from the position before to the position after.",
            side=str(side),
            before=str(before),
            after=str(after),
        )
