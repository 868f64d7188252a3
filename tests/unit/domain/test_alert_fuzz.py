"""Whatever the bytes: a signal that keeps its promises, or a refusal with a code. In linear time.

`make fuzz-alerts` does for minutes, with new seeds, what the gate does for seconds with one.
"""

from __future__ import annotations

import time

import pytest
from hypothesis import HealthCheck, given, settings

from tests.corpus.fuzz import KINDS
from tests.corpus.promises import outcome, promises

_FUZZ = settings(
    deadline=None,
    database=None,
    derandomize=True,
    max_examples=250,
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.parametrize("kind", KINDS)
def test_any_body_is_a_signal_or_a_refusal(kind: str) -> None:
    _FUZZ(given(KINDS[kind])(promises))()


SMALL, LARGE = 1024, 16 * 1024
FRAMES = {
    "long comment": (b'{"action":"buy","comment":"', b"x", b'"}'),
    "many numbers": (b'{"action":"buy","x":[', b"1,", b"1]}"),
    "nested": (b'{"action":"buy","x":[', b"[[[[[1]]]]],", b"1]}"),
    "nested, broken": (b'{"action":"buy","x":[', b"[[[[[1]]]]],", b""),
    "too deep": (b"", b"[", b""),
    "trailing commas": (b'{"action":"buy","x":[', b"[1 , ],", b"1]}"),
    "blanks before a comma's bracket": (b'{"action":"buy","x":[1,', b" ", b"]}"),
    "commas and blanks": (b'{"action":"buy","x":[1', b", ", b"]}"),
    "curly quotes": (b"{", "\u201c".encode(), b"}"),
    "quotes": (b"{", b'\\"', b""),
    "open quotes": (b"{", b'"', b""),
    "placeholder's head": (b"", b"{{a", b""),
    "pairs": (b"action=buy", b";", b"x=1"),
    "lines": (b"action=buy\nx=", b"=", b""),
    "plain text": (b"A: buy, Action = long, Comment = ", b"x:", b", Amount = 1"),
    "instants": (b'{"action":"buy","time":"', b"2026-11-21T14:03:22 ", b'"}'),
    "digits": (b'{"action":"buy","price":"', b"1,111", b'"}'),
}


@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES.keys())
def test_time_grows_with_the_size_and_no_faster(frame: tuple[bytes, bytes, bytes]) -> None:
    """Sixteen times the bytes in at most 25 times the processor's time, best of many."""
    small, large = (filled(frame, size) for size in (SMALL, LARGE))
    assert best_s(large) <= 25 * best_s(small)


def filled(frame: tuple[bytes, bytes, bytes], size: int) -> bytes:
    head, piece, tail = frame
    return head + piece * ((size - len(head) - len(tail)) // len(piece)) + tail


def best_s(body: bytes) -> float:
    """Of rounds long enough for the clock; the smallest is the one nobody disturbed."""
    rounds = []
    for _ in range(7):
        started_s = time.process_time()
        for _ in range(3):
            outcome(body)
        rounds.append(time.process_time() - started_s)
    return min(rounds)
