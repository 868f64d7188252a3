"""What stands between the books of an account, as a decision is told of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from shared.domain.decision.scene import RootHeld
from shared.domain.drift import DriftKind
from shared.domain.rules.drift import DriftPolicy

_TOLD_ONLY: Final = ", ".join(f"'{kind}'" for kind in DriftKind if not kind.holds_entries)
# SQL: of account `a`, the roots that take no entry, the oldest first, as JSON.
HELD_ROOTS: Final = f"""
    (SELECT coalesce(jsonb_agg(jsonb_build_object('root', h.root, 'code', h.code,
              'message', h.message) ORDER BY h.id), '[]')
     FROM drifts h
     WHERE h.account_id = a.id AND h.ended_at IS NULL AND h.released_at IS NULL
       AND (h.policy = '{DriftPolicy.BLOCK}' OR h.code NOT IN ({_TOLD_ONLY})))
"""  # noqa: S608 - our own words only


def held_roots_of(rows: Iterable[Mapping[str, Any]]) -> tuple[RootHeld, ...]:
    """Of the value of `HELD_ROOTS`."""
    return tuple(RootHeld(row["root"], row["code"], row["message"]) for row in rows)
