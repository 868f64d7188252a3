from decimal import Decimal
from pathlib import Path

import pytest

from cli.up import environment
from cli.up.credentials import invented
from cli.up.environment import SERVICES, Addresses
from cli.up.errors import UpError
from cli.up.options import parse

ADDRESSES = Addresses(
    api_port=6001,
    gateway_port=6000,
    paper_port=6010,
    health_ports={"execution": 6003, "recorder": 6004, "notifier": 6005},
    database_url="postgresql+asyncpg://tm_owner@/tm?host=/run/tm-1",
    redis_url="unix:///run/tm-1/valkey.sock",
)
KNOWN = invented()


def told(service: str, caller: dict[str, str] | None = None) -> dict[str, str]:
    return environment.service_environ(service, caller or {}, ADDRESSES, KNOWN, None)


def test_a_service_signs_in_to_the_database_as_itself() -> None:
    expected = "postgresql+asyncpg://tm_recorder@/tm?host=/run/tm-1"
    assert told("recorder")["TM_DATABASE_URL"] == expected


def test_a_database_of_ones_own_keeps_its_address_and_gets_the_roles_password() -> None:
    owner = environment.owner_url("postgres://me:p%40ss@db.local:5433/trades?ssl=require")
    assert (
        environment.role_url(owner, "tm_api", "a/b")
        == "postgresql+asyncpg://tm_api:a%2Fb@db.local:5433/trades?ssl=require"
    )


@pytest.mark.parametrize("given", ["mysql://me@db/trades", "trades", "://"])
def test_other_databases_are_refused(given: str) -> None:
    with pytest.raises(UpError, match="postgresql://"):
        environment.owner_url(given)


@pytest.mark.parametrize(
    ("key", "holders"),
    [
        ("TM_SECRET_KEY", ["api"]),
        ("TM_VAULT_PUBLIC_KEY", ["api"]),
        ("TM_VAULT_PRIVATE_KEY", ["execution", "recorder"]),
    ],
)
def test_who_holds_a_key(key: str, holders: list[str]) -> None:
    others = {f"{key}_FILE": "/k", key: "the caller's"}
    knowing = [name for name in SERVICES[1:] if key in told(name, others)]
    assert knowing == holders


def test_no_service_learns_the_owners_database_or_the_venues_password() -> None:
    caller = {"DATABASE_URL": "postgresql://boss:secret@db/x", "TM_DATABASE_URL_FILE": "/k"}
    for name in SERVICES[1:]:
        environ = told(name, caller)
        assert "boss" not in " ".join(environ.values())
        assert KNOWN.paper_password not in environ.values()
        assert "TM_DATABASE_URL_FILE" not in environ


def test_the_venue_knows_nothing_of_us() -> None:
    options = parse(["--speed", "2.5"])
    environ = environment.paper_environ({}, ADDRESSES, KNOWN, options, Path("/journal"))
    assert environ.keys().isdisjoint({"TM_DATABASE_URL", "TM_REDIS_URL", "TM_SECRET_KEY"})
    assert environ["TM_PAPER_SPEED"] == "2.5"
    assert Decimal(environ["TM_PAPER_SPEED"]) == options.speed


def test_what_the_caller_sets_is_passed_on() -> None:
    caller = {
        "TM_PAPER_CONTROL_PORT": "7",
        "TM_LOG_FORMAT": "console",
        "TM_PUBLIC_URL": "http://localhost:1",
    }
    assert caller.items() <= told("api", caller).items()


@pytest.mark.parametrize(
    ("service", "probe"),
    [
        ("paper", (6010, "/healthz")),
        ("api", (6001, "/readyz")),
        ("gateway", (6000, "/readyz")),
        ("notifier", (6005, "/readyz")),
    ],
)
def test_where_readiness_is_asked(service: str, probe: tuple[int, str]) -> None:
    assert ADDRESSES.probe(service) == probe


def test_a_setting_has_three_names(tmp_path: Path) -> None:
    file = tmp_path / "url"
    file.write_text("redis://a\n", encoding="ascii")
    both = {"REDIS_URL": "redis://a", "TM_REDIS_URL_FILE": str(file)}
    assert environment.setting(both, "REDIS_URL") == "redis://a"
    assert environment.setting({}, "REDIS_URL") == ""
    with pytest.raises(UpError, match="TM_REDIS_URL and TM_REDIS_URL_FILE"):
        environment.setting({**both, "REDIS_URL": "", "TM_REDIS_URL": "redis://b"}, "REDIS_URL")
