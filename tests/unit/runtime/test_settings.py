"""Settings are read from one place, contradict themselves loudly and leak nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import Field, SecretStr, ValidationError

from shared.runtime.settings import (
    SecretKeySettings,
    ServiceSettings,
    SettingsError,
    describe,
    require_strong,
)

STRONG = "q7Zp2vLk9sXw4RtYb8NcMd3FhJ6gTe1a"


class ApiSettings(SecretKeySettings):
    port: int = Field(5000, description="where the API listens")


class RecorderSettings(ServiceSettings):
    poll_s: float = 5.0


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABASE_URL", "REDIS_URL", "SECRET_KEY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(f"TM_{name}", raising=False)
    monkeypatch.setenv("TM_DATABASE_URL", "postgresql://role@/db")
    monkeypatch.setenv("TM_REDIS_URL", "unix:///r.sock")


def _read_settings() -> ApiSettings:
    return ApiSettings()


def test_names_carry_the_prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TM_SECRET_KEY", STRONG)
    monkeypatch.setenv("TM_PORT", "5001")
    settings = _read_settings()
    assert settings.port == 5001
    assert settings.env == "production"
    assert settings.database_url.get_secret_value() == "postgresql://role@/db"
    assert settings.health_host == "127.0.0.1"


def test_a_well_known_name_is_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", STRONG)
    assert _read_settings().secret_key.get_secret_value() == STRONG


def test_both_names_with_one_value_are_fine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", STRONG)
    monkeypatch.setenv("TM_SECRET_KEY", STRONG)
    assert _read_settings().secret_key.get_secret_value() == STRONG


def test_both_names_with_two_values_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", STRONG)
    monkeypatch.setenv("TM_SECRET_KEY", STRONG[::-1])
    with pytest.raises(SettingsError, match="TM_SECRET_KEY and SECRET_KEY") as caught:
        _read_settings()
    assert STRONG not in str(caught.value)


def test_only_the_agreed_names_go_without_prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TM_SECRET_KEY", STRONG)
    monkeypatch.setenv("PORT", "9")
    assert _read_settings().port == 5000


def test_a_secret_may_stand_in_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text(STRONG + "\n")
    monkeypatch.setenv("TM_SECRET_KEY_FILE", str(path))
    assert _read_settings().secret_key.get_secret_value() == STRONG
    monkeypatch.setenv("TM_SECRET_KEY_FILE", str(tmp_path / "absent"))
    with pytest.raises(SettingsError, match="TM_SECRET_KEY_FILE"):
        _read_settings()


@pytest.mark.parametrize("weak", ["brief", "a" * 64, "change-me-" + STRONG, "ab" * 32])
def test_weak_secrets_are_refused_in_production_only(
    monkeypatch: pytest.MonkeyPatch, weak: str
) -> None:
    monkeypatch.setenv("TM_SECRET_KEY", weak)
    with pytest.raises(ValidationError) as caught:
        _read_settings()
    assert weak not in str(caught.value)
    monkeypatch.setenv("TM_ENV", "local")
    assert _read_settings().secret_key.get_secret_value() == weak
    with pytest.raises(ValueError, match="TM_OTHER"):
        require_strong("TM_OTHER", SecretStr(weak))


def test_a_bad_value_is_not_repeated_in_the_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TM_SECRET_KEY", STRONG)
    monkeypatch.setenv("TM_DATABASE_URL", "hunter2")
    with pytest.raises(ValidationError) as caught:
        _read_settings()
    assert "hunter2" not in str(caught.value)


def test_settings_are_frozen_and_hide_their_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TM_SECRET_KEY", STRONG)
    settings = _read_settings()
    with pytest.raises(ValidationError):
        settings.port = 1  # type: ignore[misc] # frozen, which is the point
    assert STRONG not in repr(settings)


def test_every_variable_is_described_once() -> None:
    text = describe([ApiSettings, RecorderSettings])
    assert text.count("TM_DATABASE_URL=") == 1
    assert "(api, recorder)\nTM_DATABASE_URL=\n" in text
    assert "# where the API listens. (api)\n# TM_PORT=5000\n" in text
    assert "# (recorder)\n# TM_POLL_S=5.0\n" in text
