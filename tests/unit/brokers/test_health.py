"""A login's state has its reason at each moment."""

from __future__ import annotations

from shared.brokers.tradovate.health import HealthBoard
from shared.domain.errors import BrokerUnavailable, CredentialsExpired
from shared.ports.broker import LoginState
from tests.unit.brokers.fake_clock import FakeClock


async def test_each_kind_of_trouble_has_its_state() -> None:
    clock = FakeClock()
    board = HealthBoard(clock)
    seen = []
    board.failed(CredentialsExpired("broker.captcha", "x", retry_after_s=3_600.0))
    seen.append((board.now.state, board.now.code))
    assert board.now.next_attempt_at is not None
    assert (board.now.next_attempt_at - clock.now()).total_seconds() == 3_600
    board.failed(CredentialsExpired("broker.credentials_refused", "x"))
    seen.append((board.now.state, board.now.code))
    board.failed(BrokerUnavailable("broker.sign_in_paused", "x", retry_after_s=9.0))
    seen.append((board.now.state, board.now.code))
    board.down("broker.silent", 0.5)
    seen.append((board.now.state, board.now.code))
    board.streaming()
    seen.append((board.now.state, board.now.code))
    assert seen == [
        (LoginState.QUARANTINED, "broker.captcha"),
        (LoginState.STOPPED, "broker.credentials_refused"),
        (LoginState.COOLING, "broker.sign_in_paused"),
        (LoginState.CONNECTING, "broker.silent"),
        (LoginState.STREAMING, None),
    ]


async def test_since_is_kept_while_the_reason_stays() -> None:
    clock = FakeClock()
    board = HealthBoard(clock)
    board.down("broker.silent", 1.0)
    since = board.now.since
    clock.advance(10)
    board.down("broker.silent", 2.0)
    assert board.now.since == since
    board.down("broker.unreachable", 2.0)
    assert board.now.since == clock.now()


async def test_a_failed_renewal_is_shown_while_the_feed_goes_on() -> None:
    board = HealthBoard(FakeClock())
    board.renewal_failed(BrokerUnavailable("broker.renewal_failed", "x"))
    assert board.now.state is not LoginState.STREAMING  # the feed says why
    board.streaming()
    board.renewal_failed(BrokerUnavailable("broker.renewal_failed", "x"))
    assert board.now.code == "broker.renewal_failed"
    board.renewed()
    assert board.now.next_attempt_at is None
    assert _code(board) is None


async def test_a_displaced_session_is_not_shown_while_its_feed_goes_on() -> None:
    board = HealthBoard(FakeClock())
    board.streaming()
    board.displaced()
    assert (board.now.state, _code(board)) == (LoginState.STREAMING, None)
    board.down("broker.connection_lost", 1.0)
    board.displaced()
    assert _code(board) == "broker.session_displaced"


async def test_a_reader_is_told_the_newest_only() -> None:
    board = HealthBoard(FakeClock())
    changes = board.changes()
    assert (await anext(changes)).state is LoginState.CONNECTING
    board.down("broker.silent", 1.0)
    board.streaming()
    assert (await anext(changes)).state is LoginState.STREAMING


def _code(board: HealthBoard) -> str | None:
    return board.now.code
