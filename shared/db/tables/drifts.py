"""Where our books and the broker's parted. Written by execution only."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, Table, text
from sqlalchemy.dialects.postgresql import JSONB

from shared.db.tables import columns as c
from shared.db.tables.base import metadata

drifts = Table(
    "drifts",
    metadata,
    c.identity(),
    c.owner(),
    Column("account_id", BigInteger, ForeignKey("accounts.id"), nullable=False),
    Column("strategy_id", BigInteger, nullable=False),  # 0: no single strategy's
    c.text("root"),
    c.text("contract"),
    c.text("code"),  # see shared/domain/drift.py
    c.text("message"),
    Column("compared", JSONB, nullable=False),
    c.text("policy"),
    Column("clean_looks", Integer, nullable=False, server_default=text("0")),
    Column("clean_at", c.WHEN),
    Column("found_at", c.WHEN, nullable=False),
    Column("released_at", c.WHEN),
    Column("ended_at", c.WHEN),
    c.text("ending", nullable=True),  # clean | changed | followed | healed | given
    Index(
        "uq_drifts_place",
        "account_id",
        "contract",
        "strategy_id",
        "code",
        unique=True,
        postgresql_where=text("ended_at IS NULL"),
    ),
    Index("ix_drifts_found", "user_id", "found_at"),
    comment="Each difference between a strategy's book and the broker's, named, until it is over.",
)
