"""Columns that many tables share, written once."""

from __future__ import annotations

from decimal import Decimal

from sqlalchemy import BigInteger, Column, DateTime, ForeignKey, Identity, Numeric, Text, func
from sqlalchemy.dialects.postgresql import JSONB

# Prices and money: exact, wide enough for 6J's seventh decimal and a fund's balance.
PRICE: Numeric[Decimal] = Numeric(24, 10)
MONEY: Numeric[Decimal] = Numeric(24, 10)
WHEN = DateTime(timezone=True)


def identity() -> Column[int]:
    return Column("id", BigInteger, Identity(), primary_key=True)


def owner(*, indexed: bool = True) -> Column[int]:
    """The user a row belongs to; row security decides by it, so every tenant's table has it.

    `indexed` False: an index of the table's own begins with it.
    """
    return Column("user_id", BigInteger, ForeignKey("users.id"), nullable=False, index=indexed)


def created() -> Column[object]:
    return Column("created_at", WHEN, nullable=False, server_default=func.now())


def updated() -> Column[object]:
    return Column("updated_at", WHEN, nullable=False, server_default=func.now())


def rules() -> Column[dict[str, object]]:
    """One document, so that a new rule needs no migration; what is not named is neutral."""
    return Column("rules", JSONB, nullable=False, server_default="{}")


def text(name: str, *, nullable: bool = False, default: str | None = None) -> Column[str]:
    return Column(name, Text, nullable=nullable, server_default=default)
