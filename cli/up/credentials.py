"""The secrets of a local run, made once and kept in `secrets.json` of the data directory."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, replace

from cli.up.data import DataDir, read_json, write_private

DATABASE_ROLES = (
    *("tm_api", "tm_gateway", "tm_execution", "tm_recorder", "tm_notifier"),
    "tm_sentinel",
)


@dataclass(frozen=True, slots=True, repr=False)
class Credentials:
    """`user` signs in to the product, `paper_user` to the paper venue. Empty: not known yet.

    `role_password` is the one password of the services' database roles, needed only with a
    DATABASE_URL of one's own. `webhook_key` and `strategy` come from the sample data.
    """

    user: str
    password: str
    paper_user: str
    paper_password: str
    secret_key: str
    vault_private_key: str
    vault_public_key: str
    role_password: str
    webhook_key: str = ""
    strategy: str = ""


def invented() -> Credentials:
    from shared.vault import generate_keypair

    private, public = generate_keypair()
    return Credentials(
        user="demo",
        password=secrets.token_urlsafe(12),
        paper_user="paper",
        paper_password=secrets.token_urlsafe(12),
        secret_key=secrets.token_hex(32),
        vault_private_key=private,
        vault_public_key=public,
        role_password=secrets.token_hex(24),
    )


def load(
    data: DataDir, given: Mapping[str, str], invent: Callable[[], Credentials] = invented
) -> Credentials:
    """What is stored, else invented; `given` (from flags or the environment) wins and is stored."""
    names = {field.name for field in fields(Credentials)}
    stored = {key: value for key, value in (read_json(data.secrets) or {}).items() if key in names}
    known = Credentials(**stored) if stored.keys() == names else replace(invent(), **stored)
    chosen = replace(known, **given)
    store(data, chosen)
    return chosen


def store(data: DataDir, credentials: Credentials) -> None:
    """Write the file unless it says the same already."""
    content = asdict(credentials)
    if read_json(data.secrets) != content:
        write_private(data.secrets, content)
