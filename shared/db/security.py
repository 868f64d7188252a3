"""Roles, grants and row security, made from `ownership`: what PostgreSQL itself refuses.

A service's role is neither owner nor superuser. `api` and `gateway` see rows only of the user
their transaction named with `app.user_id`; absent means no rows at all. What must be known
before a user is known (who signs in, whose webhook key, whose session) goes through the
functions at the end, each of which answers one question and nothing else.
"""

from __future__ import annotations

import re
from typing import Final

from sqlalchemy import MetaData

from shared.db.audit_chain import LINK_AUDIT
from shared.db.ownership import (
    APPEND_ONLY,
    HANDED_OVER,
    HIDDEN,
    MESSAGING,
    NO_OWNER,
    SENTINEL,
    SENTINEL_READS,
    SENTINEL_SAYS,
    SERVICES,
    WRITER,
    role,
)

_ME: Final = "NULLIF(current_setting('app.user_id', true), '')::bigint"
_PER_USER: Final = ("api", "gateway")  # roles that act for one user at a time
_CHECK: Final = {
    # An alert to a key that never existed has no owner, and still has to be written down.
    "alerts": f"user_id = {_ME} OR user_id IS NULL",
    # What is said to the whole installation is an administrator's to say.
    "controls": f"user_id = {_ME} OR user_id IS NULL"
    f" AND EXISTS (SELECT FROM users u WHERE u.id = {_ME} AND u.admin)",
}
# Of an append-only table, what those may fill who add to it.
_ADDED: Final = {"audit_log": "(user_id, actor, action, detail)"}
_FOR_ALL: Final = frozenset({"controls"})  # rows without an owner are everybody's to see
# Of a table that is otherwise hidden from a service, these columns are not.
_SHOWN: Final = {
    ("gateway", "broker_sessions"): (
        "connection_id",
        "user_id",
        "state",
        "reason",
        "condition",
        "message",
        "since",
        "next_attempt_at",
    )
}

# Answers before a user is known. SECURITY DEFINER with a fixed search_path: the body decides.
FUNCTIONS: Final = (
    """
    CREATE OR REPLACE FUNCTION tm_find_login(wanted text)
    RETURNS TABLE (user_id bigint, username text, password_hash text, disabled_at timestamptz)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
      SELECT id, username, password_hash, disabled_at FROM users
      WHERE lower(username) = lower(wanted)
    $$
    """,
    """
    CREATE OR REPLACE FUNCTION tm_find_session(hash bytea)
    RETURNS TABLE (session_id bigint, user_id bigint, username text, admin boolean,
                   csrf_secret bytea, last_seen_at timestamptz)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
      SELECT s.id, s.user_id, u.username, u.admin, s.csrf_secret, s.last_seen_at
      FROM sessions s JOIN users u ON u.id = s.user_id
      WHERE s.token_hash = hash AND s.ended_at IS NULL AND s.expires_at > now()
        AND u.disabled_at IS NULL
    $$
    """,
    """
    CREATE OR REPLACE FUNCTION tm_find_ws_token(hash bytea)
    RETURNS TABLE (session_id bigint, user_id bigint, username text)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
      SELECT s.id, s.user_id, u.username FROM sessions s JOIN users u ON u.id = s.user_id
      WHERE (s.ws_hash = hash AND s.ws_issued_at > now() - interval '20 minutes'
             OR s.ws_prev_hash = hash AND s.ws_issued_at > now() - interval '10 minutes')
        AND s.ended_at IS NULL AND s.expires_at > now() AND u.disabled_at IS NULL
    $$
    """,
    """
    CREATE OR REPLACE FUNCTION tm_live_sessions(ids bigint[])
    RETURNS SETOF bigint
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
      SELECT s.id FROM sessions s JOIN users u ON u.id = s.user_id
      WHERE s.id = ANY (ids) AND s.ended_at IS NULL AND s.expires_at > now()
        AND u.disabled_at IS NULL
    $$
    """,
    """
    CREATE OR REPLACE FUNCTION tm_find_webhook(hash bytea)
    RETURNS TABLE (strategy_id bigint, user_id bigint)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
      SELECT id, s.user_id FROM strategies s
      WHERE (webhook_key_hash = hash OR webhook_prev_hash = hash) AND deleted_at IS NULL
    $$
    """,
)

_IS_ADMIN: Final = (
    f"EXISTS (SELECT FROM users me WHERE me.id = {_ME} AND me.admin AND me.disabled_at IS NULL)"
)


def _function_for(
    service: str, head: str, returns: str, body: str, *, kind: str = "", language: str = "sql"
) -> tuple[str, ...]:
    """A function of the owner's that only this service may call."""
    arguments = re.sub(r"\b[a-z_]+ (bytea|bigint|boolean|text)\b", r"\1", head)
    return (
        f"""
        CREATE OR REPLACE FUNCTION {head} RETURNS {returns}
        LANGUAGE {language} {kind} SECURITY DEFINER SET search_path = public, pg_temp
        AS $$ {body} $$
        """,
        f"REVOKE ALL ON FUNCTION {arguments} FROM PUBLIC",
        f"GRANT EXECUTE ON FUNCTION {arguments} TO {role(service)}",
    )


def _api_function(
    head: str, returns: str, body: str, *, kind: str = "", language: str = "sql"
) -> tuple[str, ...]:
    return _function_for("api", head, returns, body, kind=kind, language=language)


_PEOPLE: Final = (
    # A new user's row belongs to that user, so the id is needed before the row is written.
    f"GRANT USAGE ON SEQUENCE users_id_seq TO {role('api')}",
    *_api_function("tm_has_users()", "boolean", "SELECT EXISTS (SELECT FROM users)", kind="STABLE"),
    *_api_function(
        "tm_find_api_key(hash bytea)",
        "TABLE (key_id bigint, user_id bigint, username text, scopes text[], last_used_at"
        " timestamptz)",
        """SELECT k.id, k.user_id, u.username, k.scopes, k.last_used_at
           FROM api_keys k JOIN users u ON u.id = k.user_id
           WHERE k.key_hash = hash AND k.revoked_at IS NULL AND u.disabled_at IS NULL
             AND (k.expires_at IS NULL OR k.expires_at > now())""",
        kind="STABLE",
    ),
    # By whom an invitation was given is not the new user's to see; that it is good, is.
    *_api_function(
        "tm_use_invite(hash bytea)",
        "bigint",
        f"""UPDATE invites SET used_by = {_ME}, used_at = now()
            WHERE code_hash = hash AND used_at IS NULL AND expires_at > now() RETURNING id""",
    ),
    *_api_function(
        "tm_list_users()",
        "TABLE (id bigint, username text, email text, admin boolean, is_email_verified boolean,"
        " has_second_factor boolean, disabled_at timestamptz, last_login_at timestamptz,"
        " created_at timestamptz)",
        f"""SELECT id, username, email, admin, is_email_verified, totp_confirmed_at IS NOT NULL,
              disabled_at, last_login_at, created_at
            FROM users WHERE deleted_at IS NULL AND {_IS_ADMIN} ORDER BY id LIMIT 10000""",
        kind="STABLE",
    ),
    # One administrator always stays: nobody could make another.
    *_api_function(
        "tm_change_user(target bigint, is_admin boolean, is_off boolean, is_verified boolean)",
        "bigint",
        f"""UPDATE sessions SET ended_at = now()
            WHERE user_id = target AND ended_at IS NULL AND is_off AND {_IS_ADMIN};
            UPDATE users SET admin = coalesce(is_admin, admin),
              is_email_verified = coalesce(is_verified, is_email_verified),
              disabled_at = CASE WHEN is_off IS NULL THEN disabled_at
                                 WHEN is_off THEN coalesce(disabled_at, now()) END,
              updated_at = now()
            WHERE id = target AND deleted_at IS NULL AND {_IS_ADMIN}
              AND (coalesce(is_admin, admin) AND NOT coalesce(is_off, disabled_at IS NOT NULL)
                OR EXISTS (SELECT FROM users o WHERE o.id <> target AND o.admin
                           AND o.disabled_at IS NULL))
            RETURNING id""",
    ),
    # What was done stays on record; by whom is a number from now on.
    *_api_function(
        "tm_forget_person(pseudonym text)",
        "void",
        # `before` is an earlier name. In plpgsql, which looks at columns only when it is called.
        f"""BEGIN
            UPDATE audit_log SET actor = pseudonym, detail = detail - 'before', salt = NULL
              WHERE user_id = {_ME};
            UPDATE commands SET requested_by = pseudonym WHERE user_id = {_ME};
            UPDATE controls SET said_by = pseudonym WHERE user_id = {_ME};
            DELETE FROM login_attempts WHERE user_id = {_ME};
            END""",
        language="plpgsql",
    ),
)

# Of tables that are younger than the first revision: made when the table is there.
_YOUNGER: Final = {
    "broker_requests": (
        """
        CREATE OR REPLACE FUNCTION tm_spend_requests(scopes text[], ages_s int[], counts int[])
        RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
          DELETE FROM broker_requests
          WHERE scope = ANY (scopes) AND minute < clock_timestamp() - interval '2 hours';
          INSERT INTO broker_requests AS known (scope, minute, requests)
          SELECT scope, date_trunc('minute', clock_timestamp() - make_interval(secs => age_s)),
                 sum(requests)
          FROM unnest(scopes, ages_s, counts) AS spent (scope, age_s, requests)
          WHERE requests > 0 GROUP BY 1, 2 ORDER BY 1, 2
          ON CONFLICT (scope, minute) DO UPDATE SET requests = known.requests + excluded.requests
        $$
        """,
        "REVOKE ALL ON FUNCTION tm_spend_requests(text[], int[], int[]) FROM PUBLIC",
        f"GRANT EXECUTE ON FUNCTION tm_spend_requests(text[], int[], int[]) TO {role('execution')}",
        f"GRANT EXECUTE ON FUNCTION tm_spend_requests(text[], int[], int[]) TO {role('recorder')}",
    ),
    # Which database this is: restored or copied elsewhere it is another one. A standby that takes
    # over is the same.
    "audit_log": (
        """
        CREATE OR REPLACE FUNCTION tm_database_home()
        RETURNS text LANGUAGE sql STABLE SECURITY DEFINER
        SET search_path = pg_catalog, pg_temp AS $$
          SELECT c.system_identifier || ':' || d.oid
          FROM pg_control_system() c, pg_database d WHERE d.datname = current_database()
        $$
        """,
        "REVOKE ALL ON FUNCTION tm_database_home() FROM PUBLIC",
        *(f"GRANT EXECUTE ON FUNCTION tm_database_home() TO {role(each)}" for each in SERVICES),
        *_api_function("tm_link_audit(rows_max bigint)", "bigint", LINK_AUDIT, language="plpgsql"),
    ),
    # Flat means everybody. Whoever acts for one user at a time has to be an administrator.
    "controls": (
        f"""
        CREATE OR REPLACE FUNCTION tm_close_for_all(asked_by text)
        RETURNS SETOF bigint
        LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
          INSERT INTO commands (user_id, kind, detail, requested_by)
          SELECT u.id, 'close', '{{"every_owner": true}}', asked_by FROM users u
          WHERE EXISTS (SELECT FROM accounts a WHERE a.user_id = u.id)
            AND (session_user NOT IN ({", ".join(f"'{role(each)}'" for each in _PER_USER)})
              OR EXISTS (SELECT FROM users me
                WHERE me.id = {_ME} AND me.admin AND me.disabled_at IS NULL))
          ORDER BY u.id
          RETURNING id
        $$
        """,
        "REVOKE ALL ON FUNCTION tm_close_for_all(text) FROM PUBLIC",
        *(
            f"GRANT EXECUTE ON FUNCTION tm_close_for_all(text) TO {role(service)}"
            for service in SERVICES
        ),
    ),
    "invites": _PEOPLE,
    # Taken away and believed in one step: of two sockets with one ticket, one is late.
    "ws_tickets": _function_for(
        "gateway",
        "tm_use_ws_ticket(hash bytea)",
        "TABLE (session_id bigint, user_id bigint, username text)",
        """DELETE FROM ws_tickets t USING sessions s, users u
           WHERE t.ticket_hash = hash AND t.expires_at > now()
             AND s.id = t.session_id AND s.ended_at IS NULL AND s.expires_at > now()
             AND u.id = s.user_id AND u.disabled_at IS NULL
           RETURNING s.id, s.user_id, u.username""",
    ),
    # Whose it is, is known only when it is taken; then its taker acts for that user alone.
    "jobs": _api_function(
        "tm_claim_job(lease_s bigint)",
        "TABLE (id bigint, user_id bigint, claim integer)",
        """UPDATE jobs AS j SET status = 'running', claim = j.claim + 1,
             lease_until = clock_timestamp() + make_interval(secs => lease_s),
             started_at = coalesce(j.started_at, now())
           WHERE j.id = (SELECT o.id FROM jobs o WHERE o.ended_at IS NULL
               AND (o.lease_until IS NULL OR o.lease_until < clock_timestamp())
             ORDER BY o.id LIMIT 1 FOR UPDATE SKIP LOCKED)
           RETURNING j.id, j.user_id, j.claim""",
    ),
    # A secret is sealed for its command's id, so the id is needed before the row is written.
    "command_secrets": (f"GRANT USAGE ON SEQUENCE commands_id_seq TO {role('api')}",),
}


def statements(metadata: MetaData) -> list[str]:
    """Everything, repeatable: running it again changes nothing.

    One statement that holds all of them: each revision runs it, and seven hundred round trips of
    each were most of what a migration took.
    """
    each = "".join(f"EXECUTE $one${one}$one$;\n" for one in _statements(metadata))
    return [f"DO $all$ BEGIN\n{each}END $all$"]


def _statements(metadata: MetaData) -> list[str]:
    out = [_create_role(role(service)) for service in SERVICES]
    out += [f"GRANT USAGE ON SCHEMA public TO {role(service)}" for service in SERVICES]
    for table in sorted(metadata.tables):
        of_table = _grants(table) + ([] if table in NO_OWNER else _row_security(table))
        out += [_if_there(table, statement) for statement in of_table]
    out += list(FUNCTIONS)
    out += [_if_there(table, each) for table, some in _YOUNGER.items() for each in some]
    out += [
        f"REVOKE ALL ON FUNCTION {name} FROM PUBLIC"
        for name in (*_API_FUNCTIONS, *_GATEWAY_FUNCTIONS)
    ]
    out += [f"GRANT EXECUTE ON FUNCTION {name} TO {role('api')}" for name in _API_FUNCTIONS]
    out += [f"GRANT EXECUTE ON FUNCTION {name} TO {role('gateway')}" for name in _GATEWAY_FUNCTIONS]
    return out + sentinel_statements()


def sentinel_statements() -> list[str]:
    """It sees every row of what it counts, adds to two tables, and can change nothing."""
    me = role(SENTINEL)
    out = [_create_role(me), f"GRANT USAGE ON SCHEMA public TO {me}"]
    for verb, clause, tables in (
        ("SELECT", "USING", SENTINEL_READS),
        ("INSERT", "WITH CHECK", SENTINEL_SAYS),
    ):
        for table in tables:
            policy = f"sentinel_{verb.lower()}"
            granted = (f"GRANT SELECT ON {table} TO {me}",)
            out += [
                _if_there(table, statement)
                for statement in (
                    *(granted if verb == "SELECT" else _may_add(table, me)),
                    f"DROP POLICY IF EXISTS {policy} ON {table}",
                    f"CREATE POLICY {policy} ON {table} FOR {verb} TO {me} {clause} (true)",
                )
            ]
    return out


_API_FUNCTIONS: Final = ("tm_find_login(text)", "tm_find_session(bytea)", "tm_find_webhook(bytea)")
_GATEWAY_FUNCTIONS: Final = ("tm_find_ws_token(bytea)", "tm_live_sessions(bigint[])")


def _if_there(table: str, statement: str) -> str:
    """An earlier revision runs this too, when the tables of later ones are not there yet."""
    return f"""
    DO $if_there$ BEGIN
      IF to_regclass('public.{table}') IS NOT NULL THEN
        {statement};
      END IF;
    END $if_there$
    """


def _if_column(table: str, column: str, statement: str) -> str:
    """A column may be younger than its table."""
    return f"""
        IF EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'public.{table}'::regclass
                   AND attname = '{column}' AND NOT attisdropped) THEN
          {statement};
        END IF"""


def _create_role(name: str) -> str:
    return f"""
    DO $$ BEGIN
      CREATE ROLE {name} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS;
    EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
    END $$
    """


def _grants(table: str) -> list[str]:
    out = [
        f"GRANT SELECT ON {table} TO {role(service)}"
        for service in SERVICES
        if table not in HIDDEN.get(service, ())
    ]
    out += [
        _if_column(table, column, f"GRANT SELECT ({column}) ON {table} TO {role(service)}")
        for (service, shown), columns in _SHOWN.items()
        if shown == table
        for column in columns
    ]
    if table in WRITER:
        out.append(f"GRANT INSERT, UPDATE, DELETE ON {table} TO {role(WRITER[table])}")
    elif table in HANDED_OVER:
        adds, takes = HANDED_OVER[table]
        out += [f"GRANT INSERT ON {table} TO {role(adds)}"]
        out += [f"GRANT DELETE ON {table} TO {role(takes)}"]
    elif table in APPEND_ONLY:
        out += [each for service in SERVICES for each in _may_add(table, role(service))]
    elif table in MESSAGING:
        out += [
            f"GRANT INSERT, UPDATE, DELETE ON {table} TO {role(service)}" for service in SERVICES
        ]
    return out


def _may_add(table: str, who: str) -> tuple[str, str]:
    """Who may say something may not say when, nor where in a chain it stands."""
    columns = _ADDED.get(table, "")
    return f"REVOKE INSERT ON {table} FROM {who}", f"GRANT INSERT {columns} ON {table} TO {who}"


def _row_security(table: str) -> list[str]:
    key = "id" if table == "users" else "user_id"
    mine = f"{key} = {_ME}"
    out = [
        f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
        f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY",
        f"DROP POLICY IF EXISTS all_rows ON {table}",
        f"DROP POLICY IF EXISTS own_rows ON {table}",
    ]
    all_rows = ", ".join(["CURRENT_USER", *(role(s) for s in SERVICES if s not in _PER_USER)])
    per_user = ", ".join(role(service) for service in _PER_USER)
    seen, check = mine, _CHECK.get(table, mine)
    if table in _FOR_ALL:
        seen = f"{mine} OR user_id IS NULL"
    out.append(f"CREATE POLICY all_rows ON {table} TO {all_rows} USING (true) WITH CHECK (true)")
    out.append(
        f"CREATE POLICY own_rows ON {table} TO {per_user} USING ({seen}) WITH CHECK ({check})"
    )
    return out
