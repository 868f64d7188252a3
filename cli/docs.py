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
    from shared.db.ownership import (
        APPEND_ONLY,
        COUNTED,
        HANDED_OVER,
        HIDDEN,
        MESSAGING,
        WRITER,
    )
    from shared.db.tables import metadata

    rows = []
    for name in sorted(metadata.tables):
        if name in WRITER:
            writer = WRITER[name]
        elif name in HANDED_OVER:
            writer = "{} adds, {} takes away".format(*HANDED_OVER[name])
        elif name in APPEND_ONLY:
            writer = "any service, append only"
        elif name in COUNTED:
            writer = "PostgreSQL itself, with what it counts"
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


def instruments() -> str:
    """What we know of each product, what of it is doubtful, and when it trades."""
    from shared.domain.instruments import PRODUCTS, Product, warning_of
    from shared.domain.session_table import CLOSES, HOURS

    def row(product: Product) -> str:
        hour = f", {product.last_hour:%H:%M}" if product.last_hour is not None else ""
        city = " London" if product.last_hour_zone == "Europe/London" else ""
        cells = (
            *(product.root, product.name, product.exchange, f"{product.tick_size:f}"),
            *(f"{product.point_value:f}", f"{product.tick_value:f}", product.cycle, product.hours),
            f"{product.expiry_in_words}{hour}{city}",
        )
        return f"| {' | '.join(cells)} |"

    def grid(text: str) -> list[str]:
        head, *rows = [
            f"| {' | '.join(cell.strip() for cell in line.split('|'))} |"
            for line in text.strip().splitlines()
        ]
        return [head, "|---" * (head.count("|") - 1) + "|", *rows]

    doubts = [f"- {text}" for text in map(warning_of, PRODUCTS.values()) if text is not None]
    columns = "root|name|exchange|tick|USD a point|USD a tick|months|hours|last trading day"
    return "\n".join(
        [
            *("# Instruments", "", _NOTE, "", "Against a broker its own figures rule."),
            "A last trading day that is no business day moves to the one before it. Times are",
            *("Chicago's.", "", *grid(columns), *map(row, PRODUCTS.values())),
            *(
                "",
                "## Not verified",
                "",
                "The warnings of `shared.domain.instruments.warning_of`.",
                "",
                *doubts,
            ),
            *("", "## Hours", "", "`<` is the evening before.", ""),
            *grid(f"hours|sessions\n{HOURS.strip()}"),
            *("", "## Special days", "", "When trading ends: empty as ever, `-` not at all;"),
            "`eve`: do grains open that day's evening? Sources stand in",
            *("`shared/domain/session_table.py`.", "", *grid(CLOSES), ""),
        ]
    )


def alerts() -> str:
    """How an alert may be written, what each field may be called, and what is refused."""
    from cli.alerts_page import page

    return page(_NOTE)


def venue() -> str:
    """What the paper venue serves and how it can be made to fail."""
    from paper.describe import page

    return page(_NOTE)


def decisions() -> str:
    """What every alert does."""
    from cli.decisions_page import page

    return page(_NOTE)


def authorization() -> str:
    """Who may call what."""
    from cli.access_page import page

    return page(_NOTE)


def codes() -> str:
    """What each stable code means."""
    from cli.codes_page import page

    return page(_NOTE)


def requirements() -> str:
    """What was ordered, and which tests show it."""
    from cli.requirements_page import page

    return page(_NOTE)


GENERATED: Final[dict[str, Callable[[], str]]] = {
    "docs/alerts.md": alerts,
    "docs/authorization.md": authorization,
    "docs/codes.md": codes,
    "docs/data-ownership.md": data_ownership,
    "docs/decisions.md": decisions,
    "docs/instruments.md": instruments,
    "docs/requirements.md": requirements,
    "docs/venue.md": venue,
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
