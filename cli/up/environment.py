"""What each service is told, all of it through environment variables."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

from cli.paths import ROOT
from cli.up.credentials import Credentials
from cli.up.errors import UpError
from cli.up.options import Options
from cli.up.ports import HOST

# Services import slowly or quickly, but all start at the same moment: this is only their order
# in messages.
SERVICES = ("paper", "api", "gateway", "execution", "recorder", "notifier", "sentinel")
PREFERRED_HEALTH_PORTS = {
    "execution": 5003,
    "recorder": 5004,
    "notifier": 5005,
    "sentinel": 5006,
}

# Ours to decide for each service, under all their names; the rest of the caller's environment is
# passed on.
_DECIDED = (
    *("DATABASE_URL", "REDIS_URL", "SECRET_KEY"),
    *("VAULT_PRIVATE_KEY", "VAULT_PUBLIC_KEY"),
)
_NOT_PASSED_ON = frozenset(
    {"TM_VENV", "TM_UP_TIMINGS", "PYTHONHOME"}
    | {name for base in _DECIDED for name in (base, f"TM_{base}", f"TM_{base}_FILE")}
)


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where everything of this run is found. `health` is by service; `database` is the owner's."""

    api_port: int
    gateway_port: int
    paper_port: int
    health_ports: Mapping[str, int]
    database_url: str
    redis_url: str

    @property
    def api_url(self) -> str:
        return f"http://{HOST}:{self.api_port}"

    @property
    def gateway_url(self) -> str:
        return f"ws://{HOST}:{self.gateway_port}"

    @property
    def paper_url(self) -> str:
        return f"http://{HOST}:{self.paper_port}/v1"

    def probe(self, service: str) -> tuple[int, str]:
        """Port and path that answer 200 once the service is ready."""
        if service == "paper":
            return self.paper_port, "/healthz"
        listening = {"api": self.api_port, "gateway": self.gateway_port, **self.health_ports}
        return listening[service], "/readyz"


def setting(environ: Mapping[str, str], name: str) -> str:
    """The caller's TM_<name>, its alias <name> or the file TM_<name>_FILE; empty if none is set."""
    file = environ.get(f"TM_{name}_FILE", "")
    named = {
        f"TM_{name}": environ.get(f"TM_{name}", ""),
        name: environ.get(name, ""),
        f"TM_{name}_FILE": Path(file).read_text(encoding="utf-8").strip() if file else "",
    }
    found = {key: value for key, value in named.items() if value}
    if len(set(found.values())) > 1:
        raise UpError(f"{' and '.join(found)} are set to different values; unset one of them")
    return next(iter(found.values()), "")


def owner_url(given: str) -> str:
    """A PostgreSQL URL with the driver's name in it."""
    scheme, separator, rest = given.partition("://")
    if not separator or scheme not in ("postgres", "postgresql", "postgresql+asyncpg"):
        raise UpError("DATABASE_URL must look like postgresql://owner:password@host/database")
    return f"postgresql+asyncpg://{rest}"


def role_url(owner: str, role: str, password: str | None) -> str:
    """The owner's URL with another user in it."""
    parts = urlsplit(owner)
    secret = "" if password is None else f":{quote(password, safe='')}"
    address = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{role}{secret}@{address}"))


def service_environ(
    service: str,
    caller: Mapping[str, str],
    addresses: Addresses,
    credentials: Credentials,
    role_password: str | None,
) -> dict[str, str]:
    """Everything that a service, or the sentinel, is told. Only these know the database."""
    return (
        _inherited(caller)
        | _keys(service, credentials)
        | {
            "TM_ENV": "local",
            "TM_DATABASE_URL": role_url(addresses.database_url, f"tm_{service}", role_password),
            "TM_REDIS_URL": addresses.redis_url,
            "TM_API_PORT": str(addresses.api_port),
            "TM_GATEWAY_PORT": str(addresses.gateway_port),
            "TM_HEALTH_PORT": str(addresses.health_ports.get(service, 0)),
            "TM_PAPER_URL": addresses.paper_url,
            "TM_PUBLIC_URL": caller.get("TM_PUBLIC_URL") or addresses.api_url,
            "TM_PUBLIC_WS_URL": caller.get("TM_PUBLIC_WS_URL") or addresses.gateway_url,
        }
    )


def _keys(service: str, credentials: Credentials) -> dict[str, str]:
    """The API signs and seals; only the services that talk to brokers can open what it sealed."""
    match service:
        case "api":
            return {
                "TM_SECRET_KEY": credentials.secret_key,
                "TM_VAULT_PUBLIC_KEY": credentials.vault_public_key,
            }
        case "execution" | "recorder":
            return {"TM_VAULT_PRIVATE_KEY": credentials.vault_private_key}
        case _:
            return {}


def paper_environ(
    caller: Mapping[str, str],
    addresses: Addresses,
    credentials: Credentials,
    options: Options,
    journal: Path,
) -> dict[str, str]:
    """The venue knows its own login and prices; like a real one it knows nothing of us."""
    told = {
        "TM_ENV": "local",
        "TM_PAPER_PORT": str(addresses.paper_port),
        "TM_PAPER_USER": credentials.paper_user,
        "TM_PAPER_PASSWORD": credentials.paper_password,
        "TM_PAPER_DATA": str(journal),
    }
    if options.prices is not None:
        told["TM_PAPER_PRICES"] = str(options.prices)
    if options.speed is not None:
        told["TM_PAPER_SPEED"] = str(options.speed)
    return _inherited(caller) | told


def _inherited(caller: Mapping[str, str]) -> dict[str, str]:
    kept = {key: value for key, value in caller.items() if key not in _NOT_PASSED_ON}
    return {"TM_LOG_FORMAT": "json", **kept, "PYTHONPATH": str(ROOT)}
