"""What people did. May be added by any service, changed by none."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Table
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
    Index("ix_audit_log_user_id", "user_id", "id"),
    comment="Append only: who changed what, in the transaction of the change.",
)
