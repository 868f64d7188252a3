"""Whatever the bytes: a signal that keeps its promises, or a refusal with a code. In linear time.

`make fuzz-alerts` does for minutes, with new seeds, what the gate does for seconds with one.
"""

from __future__ import annotations

import gc
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


ROUNDS = 40


@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES.keys())
def test_time_grows_with_the_size_and_no_faster(frame: tuple[bytes, bytes, bytes]) -> None:
    """Sixteen times the bytes in at most 25 times the processor's time.

    The smallest of several rounds is the one nobody disturbed; the sizes take turns, so that a
    slow minute of the machine is both's. What grows as the square would be 256 in every round.
    """
    small, large = (filled(frame, size) for size in (SMALL, LARGE))
    small_s = large_s = float("inf")
    for _ in range(ROUNDS):
        small_s, large_s = min(small_s, spent_s(small)), min(large_s, spent_s(large))
        if large_s <= 25 * small_s:
            return
    pytest.fail(f"{large_s / small_s:.0f} times the time")


def filled(frame: tuple[bytes, bytes, bytes], size: int) -> bytes:
    head, piece, tail = frame
    return head + piece * ((size - len(head) - len(tail)) // len(piece)) + tail


def spent_s(body: bytes) -> float:
    """By the reader alone: a collection would walk whatever else this process has loaded."""
    gc.collect()
    gc.disable()
    try:
        started_s = time.process_time()
        for _ in range(3):
            outcome(body)
        return time.process_time() - started_s
    finally:
        gc.enable()
