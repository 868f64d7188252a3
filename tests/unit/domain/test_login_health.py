"""Every state and code of a login has a condition and a sentence."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import shared.brokers.tradovate
from shared.domain.login_health import SENTENCES, Condition, condition_of, says_nothing_new
from shared.ports.broker import LoginState


@pytest.mark.parametrize(
    ("state", "code", "condition"),
    [
        (LoginState.STREAMING, None, Condition.SIGNED_IN),
        (LoginState.STREAMING, "broker.renewals_spent", Condition.RENEWAL_PENDING),
        (LoginState.CONNECTING, None, Condition.STARTING),
        (LoginState.CONNECTING, "broker.silent", Condition.SOCKET_DOWN),
        (LoginState.CONNECTING, "broker.never_heard_of", Condition.SOCKET_DOWN),
        (LoginState.CONNECTING, "broker.session_displaced", Condition.THIRD_SESSION),
        (LoginState.CONNECTING, "broker.maintenance", Condition.VENUE_CLOSED),
        (LoginState.CONNECTING, "broker.unreachable", Condition.UNREACHABLE),
        (LoginState.CONNECTING, "broker.no_accounts", Condition.WRONG_ENVIRONMENT),
        (LoginState.COOLING, "broker.connect_queued", Condition.WAITING_FOR_SLOT),
        (LoginState.COOLING, "broker.sign_in_paused", Condition.WAITING_FOR_SLOT),
        (LoginState.COOLING, "broker.rate_limited", Condition.RATE_LIMITED_UNTIL),
        (LoginState.COOLING, "broker.budget_spent", Condition.BUDGET_SPENT),
        (LoginState.QUARANTINED, "broker.captcha", Condition.CAPTCHA_UNTIL),
        (LoginState.QUARANTINED, "broker.locked", Condition.LOCKED_UNTIL),
        (LoginState.STOPPED, "broker.credentials_refused", Condition.BAD_CREDENTIALS),
        (LoginState.STOPPED, "broker.consent_needed", Condition.CONSENT_NEEDED),
        ("offline", None, Condition.OFFLINE),
    ],
)
def test_each_trouble_has_its_condition(state: str, code: str | None, condition: str) -> None:
    assert condition_of(state, code) == condition


def test_each_condition_has_one_plain_sentence() -> None:
    assert set(SENTENCES) == set(Condition)
    assert all(text.endswith(".") and len(text) <= 80 for text in SENTENCES.values())


def test_no_code_of_a_condition_is_misspelt() -> None:
    """Each code named by the table is raised, or told, somewhere."""
    folder = Path(shared.brokers.tradovate.__file__).parent
    root = folder.parents[2]
    sources = [*folder.glob("*.py"), *(root / "execution").glob("*.py")]
    said = "".join(path.read_text(encoding="utf-8") for path in sources)
    table = (root / "shared/domain/login_health.py").read_text(encoding="utf-8")
    codes = set(re.findall(r'"(broker\.[a-z_]+)":', table))
    assert {code for code in codes if f'"{code}"' not in said} == set()


def test_a_new_start_does_not_take_back_why_a_login_rests() -> None:
    assert says_nothing_new("stopped", "connecting", None)
    assert not says_nothing_new("stopped", "connecting", "broker.unreachable")
    assert not says_nothing_new("stopped", "streaming", None)
    assert not says_nothing_new("streaming", "connecting", None)
