"""Pages and files written from the code, so that they cannot say anything else.

python -m cli docs            write them
tests/architecture            fails when one is stale
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from cli.paths import ROOT

_NOTE: Final = "Written by `python -m cli docs`; change the code, not this page."


def data_ownership() -> str:
    """Who writes what, as `shared/db/ownership.py` grants it."""
    from shared.db.ownership import APPEND_ONLY, HIDDEN, MESSAGING, WRITER
    from shared.db.tables import metadata

    rows = []
    for name in sorted(metadata.tables):
        if name in WRITER:
            writer = WRITER[name]
        elif name in APPEND_ONLY:
            writer = "any service, append only"
        elif name in MESSAGING:
            writer = "any service (machinery of messages)"
        else:
            raise LookupError(f"table {name} has no writer in shared/db/ownership.py")
        rows.append(f"| `{name}` | {writer} | {metadata.tables[name].comment} |")
    hidden = [
        f"- {service} may not read: {', '.join(f'`{table}`' for table in tables)}"
        for service, tables in sorted(HIDDEN.items())
    ]
    head = ["# Who writes which table", "", _NOTE, ""]
    table = ["| table | writer | holds |", "|---|---|---|", *rows]
    return "\n".join(
        [*head, *table, "", "PostgreSQL's roles hold this, row by row:", "", *hidden, ""]
    )


def env_example() -> str:
    """Every setting of every service, as its settings class describes it."""
    from importlib import import_module

    from shared.db.ownership import SERVICES
    from shared.runtime.settings import ServiceSettings, describe

    modules = [f"{service}.settings" for service in SERVICES]
    classes = [
        value
        for module in modules
        for value in vars(import_module(module)).values()
        if isinstance(value, type)
        and issubclass(value, ServiceSettings)
        and value.__module__ == module
    ]
    return describe(classes)


GENERATED: Final[dict[str, Callable[[], str]]] = {
    "docs/data-ownership.md": data_ownership,
    ".env.example": env_example,
}


def write() -> list[str]:
    """Write what is stale; returns which."""
    stale = [path for path, make in GENERATED.items() if _read(path) != make()]
    for path in stale:
        (ROOT / path).write_text(GENERATED[path](), encoding="utf-8")
    return stale


def _read(path: str) -> str | None:
    file = ROOT / path
    return file.read_text(encoding="utf-8") if file.exists() else None
