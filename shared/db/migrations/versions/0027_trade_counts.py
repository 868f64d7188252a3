"""Closed trades are counted by PostgreSQL itself, in the transaction that changes one."""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from shared.db.security import statements
from shared.db.tables import metadata

revision = "0027"
down_revision = "0025"
branch_labels = None
depends_on = None

_KEY: Final = """
    md5(user_id::text || ':' || strategy_id::text || ':' || {account} || ':' || md5(root)
      || md5(upper(coalesce(ticker, ''))) || md5(coalesce(timeframe, '')) || md5(side)
      || md5(exit_reason))::uuid
"""
_ACCOUNT: Final = {"trades": "account_id", "imported_trades": "0"}
_COUNTS: Final = ("trades", "wins", "losses", "qty")
_MONEY: Final = ("gross_usd", "fees_usd", "net_usd", "won_usd")
_SUMS: Final = (*_COUNTS, *_MONEY)
_KIND: Final = (
    "user_id, strategy_id, account_id, contract, root, ticker, timeframe, side, exit_reason"
)

_CHANGE: Final = """
CREATE TYPE tm_trade_change AS (
  sign int, group_key uuid, user_id bigint, strategy_id bigint, account_id bigint, contract text,
  root text, ticker text, timeframe text, side text, exit_reason text, trade_date date, qty bigint,
  gross_usd numeric, fees_usd numeric, net_usd numeric
)
"""
# By group and day, for both kinds of groups: of all contracts, and of the one.
_FOLD: Final = """
CREATE FUNCTION tm_fold_trades(changes tm_trade_change[])
RETURNS TABLE (key uuid, trades_key uuid, user_id bigint, strategy_id bigint, account_id bigint,
  contract text, root text, ticker text, timeframe text, side text, exit_reason text,
  trade_date date, trades bigint, wins bigint, losses bigint, qty bigint, gross_usd numeric,
  fees_usd numeric, net_usd numeric, won_usd numeric)
LANGUAGE sql STABLE AS $$
  SELECT g.key, c.group_key, c.user_id, c.strategy_id, c.account_id, g.contract, c.root, c.ticker,
    c.timeframe, c.side, c.exit_reason, c.trade_date,
    sum(c.sign), sum(c.sign) FILTER (WHERE c.net_usd > 0),
    sum(c.sign) FILTER (WHERE c.net_usd < 0), sum(c.sign * c.qty),
    sum(c.sign * c.gross_usd), sum(c.sign * c.fees_usd), sum(c.sign * c.net_usd),
    sum(c.sign * c.net_usd) FILTER (WHERE c.net_usd > 0)
  FROM unnest(changes) c
  CROSS JOIN LATERAL (VALUES
    (c.group_key, ''), (md5(c.group_key::text || c.contract)::uuid, c.contract)
  ) g (key, contract)
  GROUP BY g.key, c.group_key, c.user_id, c.strategy_id, c.account_id, g.contract, c.root,
    c.ticker, c.timeframe, c.side, c.exit_reason, c.trade_date
$$
"""
_ZEROED: Final = ", ".join(f"coalesce(sum(f.{name}), 0)" for name in _SUMS)
_BASE: Final = ", ".join(f"coalesce(b.{name}, 0)" for name in _SUMS)
_RUNNING: Final = ", ".join(f"coalesce(sum(f.{name}) OVER w, 0) AS {name}" for name in _SUMS)
# One lock for each strategy in each account: running sums are read before they are written. It is
# taken after the lock of a book, and books of one account are worked on in order of strategy.
_COUNT: Final = f"""
CREATE FUNCTION tm_count_trades(changes tm_trade_change[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  IF cardinality(changes) = 0 THEN RETURN; END IF;
  PERFORM pg_advisory_xact_lock(hashtextextended('trade_groups:' || whose, 0))
  FROM (SELECT DISTINCT account_id || ':' || strategy_id AS whose FROM unnest(changes)
        ORDER BY 1) locked;

  INSERT INTO trade_groups AS g (key, trades_key, {_KIND}, {", ".join(_SUMS)}, first_day, last_day)
  SELECT key, trades_key, {_KIND}, {_ZEROED}, min(trade_date), max(trade_date)
  FROM tm_fold_trades(changes) f GROUP BY key, trades_key, {_KIND}
  ON CONFLICT (key) DO UPDATE SET
    {", ".join(f"{name} = g.{name} + excluded.{name}" for name in _SUMS)},
    first_day = least(g.first_day, excluded.first_day),
    last_day = greatest(g.last_day, excluded.last_day);

  INSERT INTO trade_days (group_key, trade_date, user_id, on_day, {", ".join(_SUMS)})
  SELECT f.key, f.trade_date, f.user_id, 0, {_BASE}
  FROM tm_fold_trades(changes) f
  LEFT JOIN LATERAL (
    SELECT * FROM trade_days d WHERE d.group_key = f.key AND d.trade_date < f.trade_date
    ORDER BY d.trade_date DESC LIMIT 1
  ) b ON true
  ON CONFLICT (group_key, trade_date) DO NOTHING;

  UPDATE trade_days d SET
    {", ".join(f"{name} = d.{name} + r.{name}" for name in _SUMS)},
    on_day = d.on_day + CASE WHEN d.trade_date = r.trade_date THEN r.change ELSE 0 END
  FROM (
    SELECT f.key, f.trade_date, f.trades AS change, {_RUNNING},
      lead(f.trade_date) OVER w AS until
    FROM tm_fold_trades(changes) f WINDOW w AS (PARTITION BY f.key ORDER BY f.trade_date)
  ) r
  WHERE d.group_key = r.key AND d.trade_date >= r.trade_date
    AND d.trade_date < coalesce(r.until, 'infinity'::date);

  IF EXISTS (SELECT FROM unnest(changes) WHERE sign < 0) THEN
    DELETE FROM trade_days d USING tm_fold_trades(changes) f
    WHERE d.group_key = f.key AND d.trade_date = f.trade_date AND d.on_day = 0;
    DELETE FROM trade_groups g USING tm_fold_trades(changes) f
    WHERE g.key = f.key AND g.trades = 0;
    UPDATE trade_groups g SET
      first_day = (SELECT min(d.trade_date) FROM trade_days d WHERE d.group_key = g.key),
      last_day = (SELECT max(d.trade_date) FROM trade_days d WHERE d.group_key = g.key)
    WHERE g.key IN (SELECT f.key FROM tm_fold_trades(changes) f);
  END IF;
END $$
"""  # noqa: S608 - names of this file
_FUNCTIONS: Final = ("tm_fold_trades(tm_trade_change[])", "tm_count_trades(tm_trade_change[])")


def _changes(table: str, sign: int, rows: str) -> str:
    account = _ACCOUNT[table]
    return f"""
        SELECT ROW({sign}, group_key, user_id, strategy_id, {account}, contract, root,
          upper(coalesce(ticker, '')), coalesce(timeframe, ''), side, exit_reason, trade_date,
          qty, gross_usd, fees_usd, net_usd)::tm_trade_change AS change FROM {rows}"""  # noqa: S608 - names of this file


def _trigger(table: str, verb: str) -> tuple[str, str]:
    """After the statement and of all its rows at once."""
    named = {
        "insert": ((1, "new_rows"),),
        "update": ((-1, "old_rows"), (1, "new_rows")),
        "delete": ((-1, "old_rows"),),
    }[verb]
    rows = " UNION ALL ".join(_changes(table, sign, each) for sign, each in named)
    tables = " ".join(f"{each.split('_')[0].upper()} TABLE AS {each}" for _, each in named)
    name = f"tm_{table}_{verb}"
    function = f"""
        CREATE FUNCTION {name}() RETURNS trigger
        LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
        BEGIN
          PERFORM tm_count_trades(ARRAY(SELECT change FROM ({rows}) changed));
          RETURN NULL;
        END $$"""  # noqa: S608 - names of this file
    return (
        function,
        f"""
        CREATE TRIGGER count_{verb} AFTER {verb.upper()} ON {table} REFERENCING {tables}
        FOR EACH STATEMENT EXECUTE FUNCTION {name}()""",
    )


def _sums() -> list[sa.Column[Any]]:
    counts: list[sa.Column[Any]] = [
        sa.Column(name, sa.BigInteger(), nullable=False) for name in _COUNTS
    ]
    return [*counts, *(sa.Column(name, sa.Numeric(38, 10), nullable=False) for name in _MONEY)]


def _owner(table: str) -> tuple[sa.schema.SchemaItem, ...]:
    return (
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f(f"fk_{table}_user_id")),
    )


def _create_tables() -> None:
    op.create_table(
        "trade_groups",
        sa.Column("key", postgresql.UUID(), nullable=False),
        sa.Column("trades_key", postgresql.UUID(), nullable=False),
        *_owner("trade_groups"),
        *(sa.Column(n, sa.BigInteger(), nullable=False) for n in ("strategy_id", "account_id")),
        *(
            sa.Column(name, sa.Text(), nullable=False)
            for name in ("contract", "root", "ticker", "timeframe", "side", "exit_reason")
        ),
        *(sa.Column(name, sa.Date(), nullable=False) for name in ("first_day", "last_day")),
        *_sums(),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_trade_groups")),
        comment="Closed trades of one kind, counted and summed.",
    )
    op.create_table(
        "trade_days",
        sa.Column("group_key", postgresql.UUID(), nullable=False),
        sa.Column("trade_date", sa.Date(), nullable=False),
        *_owner("trade_days"),
        sa.Column("on_day", sa.Integer(), nullable=False),
        *_sums(),
        sa.PrimaryKeyConstraint("group_key", "trade_date", name=op.f("pk_trade_days")),
        comment="The same at the end of each trading day: running sums, so a span is a difference.",
    )
    for table in ("trade_groups", "trade_days"):
        op.create_index(op.f(f"ix_{table}_user_id"), table, ["user_id"])
    op.create_index(
        "ix_trade_groups_contract",
        "trade_groups",
        ["user_id", "contract"],
        postgresql_where=sa.text("contract <> ''"),
    )


def upgrade() -> None:
    _create_tables()
    for statement in (_CHANGE, _FOLD, _COUNT):
        op.execute(statement)
    for function in _FUNCTIONS:
        op.execute(f"REVOKE ALL ON FUNCTION {function} FROM PUBLIC")
    for table, account in _ACCOUNT.items():
        told = "account_id::text" if account == "account_id" else "'0'"
        key = sa.Computed(_KEY.format(account=told), persisted=True)
        op.add_column(table, sa.Column("group_key", postgresql.UUID(), key, nullable=False))
        op.create_index(f"ix_{table}_group_exit", table, ["group_key", "exit_at", "id"])
        for verb in ("insert", "update", "delete"):
            for statement in _trigger(table, verb):
                op.execute(statement)
        counted = _changes(table, 1, table)
        op.execute(f"SELECT tm_count_trades(ARRAY({counted}))")
    for statement in statements(metadata):
        op.execute(statement)


def downgrade() -> None:
    for table in _ACCOUNT:
        for verb in ("insert", "update", "delete"):
            op.execute(f"DROP TRIGGER count_{verb} ON {table}")
            op.execute(f"DROP FUNCTION tm_{table}_{verb}()")
        op.drop_index(f"ix_{table}_group_exit", table)
        op.drop_column(table, "group_key")
    for function in reversed(_FUNCTIONS):
        op.execute(f"DROP FUNCTION {function}")
    op.execute("DROP TYPE tm_trade_change")
    for table in ("trade_days", "trade_groups"):
        op.drop_table(table)
