"""Everything that is decided before the first process starts."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from cli.paths import ROOT
from cli.up import credentials as credential_store
from cli.up import environment, ports, postgres, valkey
from cli.up.account import Account, server_account
from cli.up.credentials import Credentials
from cli.up.data import DataDir, Run, socket_folder
from cli.up.environment import PREFERRED_HEALTH_PORTS, SERVICES, Addresses
from cli.up.options import Options
from cli.up.program import Program


@dataclass(frozen=True, slots=True)
class Plan:
    """`postgres` and `valkey` are None when the caller gave servers of their own."""

    options: Options
    data: DataDir
    credentials: Credentials
    addresses: Addresses
    cluster: Path
    sockets: Path
    postgres: Program | None
    valkey: Program | None
    services: tuple[Program, ...]

    @property
    def role_password(self) -> str | None:
        """What the services' roles sign in with; the embedded server trusts its socket."""
        return None if self.postgres is not None else self.credentials.role_password


def make(options: Options, data: DataDir, environ: Mapping[str, str]) -> Plan:
    """Decide, and make the files that programs expect. The data directory is locked by now."""
    account = server_account()
    killed = data.recorded() is not None
    data.forget()
    data.rotate_logs()
    given_database = environment.setting(environ, "DATABASE_URL")
    given_redis = environment.setting(environ, "REDIS_URL")
    known = credential_store.load(data, _given(options, environ))
    owner_url = environment.owner_url(given_database) if given_database else ""
    free = _ports(options, patient=killed)
    sockets = socket_folder(account)
    addresses = replace(
        free,
        database_url=owner_url or postgres.url(sockets),
        redis_url=given_redis or valkey.url(sockets),
    )
    data.record(Run(os.getpid(), str(sockets), addresses.database_url, addresses.redis_url))
    cluster = postgres.cluster_folder(account, data.cluster) if not given_database else data.cluster
    password = known.role_password if given_database else None
    return Plan(
        options=options,
        data=data,
        credentials=known,
        addresses=addresses,
        cluster=cluster,
        sockets=sockets,
        postgres=None if given_database else _postgres(account, cluster, sockets, data),
        valkey=None if given_redis else valkey.server(data.valkey, sockets, data.log("valkey")),
        services=_services(options, data, environ, addresses, known, password),
    )


def _given(options: Options, environ: Mapping[str, str]) -> dict[str, str]:
    given = {
        "user": options.user,
        "password": options.password,
        "secret_key": environment.setting(environ, "SECRET_KEY"),
    }
    return {key: value for key, value in given.items() if value}


def _ports(options: Options, *, patient: bool) -> Addresses:
    """Who asks for any port runs beside others, and the usual health ports may become theirs."""
    any_port = options.api_port == 0
    return Addresses(
        api_port=ports.wanted(options.api_port, "--api-port", patient=patient),
        gateway_port=ports.wanted(options.gateway_port, "--gateway-port", patient=patient),
        paper_port=ports.wanted(options.paper_port, "--paper-port", patient=patient),
        health_ports={
            name: ports.any_free() if any_port else ports.preferred(port)
            for name, port in PREFERRED_HEALTH_PORTS.items()
        },
        database_url="",
        redis_url="",
    )


def _postgres(account: Account | None, cluster: Path, sockets: Path, data: DataDir) -> Program:
    install = postgres.locate(account)
    postgres.initialise(install, cluster)
    return postgres.server(install, cluster, sockets, data.log("postgres"))


def _services(
    options: Options,
    data: DataDir,
    caller: Mapping[str, str],
    addresses: Addresses,
    known: Credentials,
    role_password: str | None,
) -> tuple[Program, ...]:
    def environ(name: str) -> dict[str, str]:
        if name == "paper":
            return environment.paper_environ(caller, addresses, known, options, data.paper)
        return environment.service_environ(name, caller, addresses, known, role_password)

    return tuple(
        Program(
            name=name,
            argv=(sys.executable, "-P", "-m", name),
            log=data.log(name),
            environ=environ(name),
            cwd=ROOT,
        )
        for name in SERVICES
    )
