"""The page of who may call what, from the routes themselves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

# What each rule answers to whom; tests/integration/api/test_matrix.py asks every route.
_RULES: Final = """
| rule | nobody signed in | key: read | key: trade | another user | the owner | administrator |
|---|---|---|---|---|---|---|
| public | yes | yes | yes | yes | yes | yes |
| sign_in | with CSRF token | with CSRF token | with CSRF token | yes | yes | yes |
| session | 401 | reading, else 403 | changing, else 403 | 404 | yes | own things only |
| person | 401 | 403 | 403 | 404 | yes | own things only |
| admin | 401 | 403 | 403 | 403 | 403 | yes |
| webhook | the key decides | the key decides | the key decides | 404 | yes | the key decides |
""".strip()


def page(note: str) -> str:
    lines = [
        *("# Who may call what", "", note, ""),
        "A route declares one rule, or the application does not start. Unsafe requests of a",
        "browser also need its session's CSRF token and an Origin of ours. What is another",
        "user's looks as if it were not there, and an administrator sees nobody else's things.",
        *("", _RULES, "", "## Routes", "", "| path | method | rule |", "|---|---|---|"),
        *sorted(f"| `{path}` | {method} | {rule} |" for path, method, rule in _routes()),
    ]
    return "\n".join([*lines, ""])


def _routes() -> Iterator[tuple[str, str, str]]:
    from fastapi.routing import APIRoute

    from api.access import rule_of
    from api.app import ROUTERS

    seen: set[tuple[str, str]] = set()
    for route in (route for router in ROUTERS for route in router.routes):
        if not isinstance(route, APIRoute):
            continue
        path = route.path.rstrip("/") or "/"
        for method in sorted(route.methods or ()):
            if (path, method) not in seen:  # each is there with and without its slash
                seen.add((path, method))
                yield path, method, rule_of(route).name
