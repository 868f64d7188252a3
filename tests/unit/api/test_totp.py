"""RFC 6238, appendix B, with the last six digits of its eight."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from api.security import totp

SECRET = b"12345678901234567890"
AT = datetime(2026, 3, 2, 15, 30, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "code"),
    [
        (59, "287082"), (1_111_111_109, "081804"), (1_111_111_111, "050471"),
        (1_234_567_890, "005924"), (2_000_000_000, "279037"), (20_000_000_000, "353130"),
    ],
)  # fmt: skip
def test_the_codes_of_the_standard(seconds: int, code: str) -> None:
    at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    assert totp.code_of(SECRET, totp.step_at(at)) == code


def test_a_code_is_good_around_its_half_minute_and_once() -> None:
    step = totp.step_at(AT)
    code = totp.code_of(SECRET, step)
    for seconds, good in ((-61, False), (-30, True), (0, True), (30, True), (61, False)):
        at = AT + timedelta(seconds=seconds)
        found = totp.matching_step(SECRET, code, at, None)
        assert found == (step if good else None)
    assert totp.matching_step(SECRET, code, AT, step) is None
    assert totp.matching_step(SECRET, code, AT, step - 1) == step
    for wrong in ("", "000", "é", f"{int(code) ^ 1:06}", code + "0"):
        assert totp.matching_step(SECRET, wrong, AT, None) is None


def test_what_an_authenticator_is_given() -> None:
    assert totp.as_text(SECRET) == "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    assert totp.address(SECRET, "Trade Manager", "Ada L") == (
        "otpauth://totp/Trade%20Manager:Ada%20L"
        "?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Trade+Manager&digits=6"
    )
