"""Bring a database to the newest revision, and tell cheaply whether it is there already."""

from __future__ import annotations

import asyncio
from pathlib import Path

_MIGRATIONS = Path(__file__).parent / "migrations"


def newest() -> str:
    """The newest revision: files are numbered, so the last one is it."""
    return max(path.name.split("_", 1)[0] for path in (_MIGRATIONS / "versions").glob("[0-9]*.py"))


def is_current(owner_url: str) -> bool:
    """Whether the database is at the newest revision. Costs one connection, no Alembic import."""
    return asyncio.run(_revision(owner_url)) == newest()


def upgrade(owner_url: str) -> None:
    """Run what is missing. `owner_url` names the owner's role, not a service's."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["url"] = owner_url
    command.upgrade(config, "head")


async def _revision(owner_url: str) -> str | None:
    import asyncpg

    connection = await asyncpg.connect(owner_url.replace("postgresql+asyncpg://", "postgresql://"))
    try:
        known = await connection.fetchval("SELECT to_regclass('public.alembic_version')")
        if known is None:
            return None
        found: str | None = await connection.fetchval("SELECT version_num FROM alembic_version")
        return found
    finally:
        await connection.close()
