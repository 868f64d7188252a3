"""What people did. May be added by any service, changed by none."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, LargeBinary, Table, text
from sqlalchemy.dialects.postgresql import JSONB

from shared.db.tables import columns as c
from shared.db.tables.base import metadata

audit_log = Table(
    "audit_log",
    metadata,
    c.identity(),
    # NULL: the operator, at the machine itself.
    Column("user_id", BigInteger, ForeignKey("users.id")),
    c.text("actor"),
    c.text("action"),  # control.kill | account.enable_live | ...
    Column("detail", JSONB, nullable=False),
    c.created(),
    # Mixed into `content`; taken away with a person's name, so that what is left proves no guess.
    Column("salt", LargeBinary, server_default=text("uuid_send(gen_random_uuid())")),
    # The chain, see `shared.domain.audit_chain`; NULL until the row is linked, about a second.
    Column("chain_seq", BigInteger, unique=True),
    Column("prev_hash", LargeBinary),
    Column("content", LargeBinary),
    Column("hash", LargeBinary),
    Index("ix_audit_log_user_created", "user_id", "created_at"),
    Index("ix_audit_log_unlinked", "id", postgresql_where=text("chain_seq IS NULL")),
    comment="Append only: who changed what, in the transaction of the change.",
)
