"""The chain of the audit log in PostgreSQL: how rows are linked, and how they are read back.

Rows are written without a lock, in the transaction of what they tell of: a kill must not wait for
whoever else has something to say. Afterwards one process at a time links what is new, by a
function that alone may write those columns.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.domain.audit_chain import Broken, Head, Link, follow

# One transaction's worth; a statement has to end within its time limit.
LINKED_AT_ONCE_MAX: Final = 500
READ_AT_ONCE_MAX: Final = 2_000


def _text(value: str) -> str:
    return f"convert_to(octet_length({value}) || ':' || {value}, 'UTF8')"


def _bytes(value: str) -> str:
    return f"convert_to(octet_length({value}) || ':', 'UTF8') || {value}"


# As `shared.domain.audit_chain` says it, in the database's own words. Rows that somebody holds
# (a person is being forgotten) are linked the next time.
LINK_AUDIT: Final = f"""
  DECLARE
    one record; seq bigint := 0; prev bytea := decode(repeat('00', 32), 'hex');
    made bytea; told text; linked bigint := 0;
  BEGIN
    IF NOT pg_try_advisory_xact_lock(9, 0) THEN RETURN 0; END IF;
    SELECT a.chain_seq, a.hash INTO one FROM audit_log a
      WHERE a.chain_seq IS NOT NULL ORDER BY a.chain_seq DESC LIMIT 1;
    IF FOUND THEN seq := one.chain_seq; prev := one.hash; END IF;
    FOR one IN
      SELECT a.id, coalesce(a.user_id::text, '') AS who, a.actor, a.action,
        a.detail::text AS detail, coalesce(a.salt, '') AS salt,
        (extract(epoch FROM a.created_at) * 1000000)::bigint::text AS at_us
      FROM audit_log a WHERE a.chain_seq IS NULL
      ORDER BY a.id LIMIT rows_max FOR UPDATE SKIP LOCKED
    LOOP
      seq := seq + 1;
      made := sha256({_bytes("one.salt")} || {_text("one.actor")} || {_text("one.detail")});
      UPDATE audit_log SET chain_seq = seq, prev_hash = prev, content = made,
        hash = sha256({_bytes("prev")} || {_text("seq::text")} || {_text("one.id::text")}
          || {_text("one.who")} || {_text("one.action")} || {_text("one.at_us")}
          || {_bytes("made")})
        WHERE id = one.id RETURNING hash INTO prev;
      linked := linked + 1;
    END LOOP;
    RETURN linked;
  END
"""  # noqa: S608 - our own expressions only
# The oldest rows may be taken away; a row of the log then says where the chain begins.
PRUNED: Final = "audit.pruned"
# Only the operator writes a row without a user: row security keeps the services from it.
_ANCHOR: Final = text("""
    SELECT (p.detail->>'through')::bigint AS seq, p.detail->>'hash' AS hash FROM audit_log p
    WHERE p.action = :pruned AND p.user_id IS NULL
      AND (p.detail->>'through')::bigint + 1 = (SELECT min(chain_seq) FROM audit_log)
    ORDER BY p.id DESC LIMIT 1
""")
_LINK: Final = text("SELECT tm_link_audit(:rows_max)")
_READ: Final = text("""
    SELECT a.*, a.detail::text AS told, u.deleted_at IS NOT NULL AS is_forgotten
    FROM audit_log a LEFT JOIN users u ON u.id = a.user_id
    WHERE a.chain_seq > :after ORDER BY a.chain_seq LIMIT :rows_max
""")
_WAITING: Final = text("""
    SELECT count(*) AS rows,
      coalesce(extract(epoch FROM clock_timestamp() - min(created_at)), 0) AS oldest_s
    FROM audit_log WHERE chain_seq IS NULL
""")


async def link(connection: AsyncConnection) -> int:
    """Link what is new, or nothing where another process is at it; returns how many rows."""
    linked: int = (await connection.execute(_LINK, {"rows_max": LINKED_AT_ONCE_MAX})).scalar_one()
    return linked


async def read_links(connection: AsyncConnection) -> AsyncIterator[list[Link]]:
    """Every linked row in order, a bounded number at a time. For the owner of the database."""
    after = 0
    while True:
        parameters = {"after": after, "rows_max": READ_AT_ONCE_MAX}
        rows = (await connection.execute(_READ, parameters)).all()
        if not rows:
            return
        yield [_link(row) for row in rows]
        after = rows[-1].chain_seq


async def anchor(connection: AsyncConnection) -> Head:
    """What the oldest row that is left has to carry as the hash before it."""
    row = (await connection.execute(_ANCHOR, {"pruned": PRUNED})).first()
    return Head() if row is None else Head(row.seq, bytes.fromhex(row.hash))


async def check(connection: AsyncConnection) -> Head | Broken:
    """The head of the whole chain, or the first row that does not hold."""
    end: Head | Broken = await anchor(connection)
    async for links in read_links(connection):
        assert isinstance(end, Head)  # noqa: S101 - the loop ends with the first broken link
        end = follow(end, links)
        if isinstance(end, Broken):
            break
    return end


async def waiting(connection: AsyncConnection) -> tuple[int, float]:
    """How many rows are not linked yet, and how old the oldest of them is in seconds."""
    row = (await connection.execute(_WAITING)).one()
    return row.rows, float(row.oldest_s)


def _link(row: Any) -> Link:
    return Link(
        id=row.id,
        user_id=row.user_id,
        actor=row.actor,
        action=row.action,
        detail=row.told,
        at=row.created_at,
        salt=None if row.salt is None else bytes(row.salt),
        seq=row.chain_seq,
        prev_hash=bytes(row.prev_hash or b""),
        content=bytes(row.content or b""),
        hash=bytes(row.hash or b""),
        is_forgotten=bool(row.is_forgotten),
    )
