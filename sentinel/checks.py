"""What must hold between what was asked for and what the broker shows, as questions in SQL.

Each answers with its breaches only: the account, its user, and the evidence. The evidence names
rows and compared numbers, never a price or a name, and is the same at every look.

Of the last hour: what is older was looked at then, and the first look of a process reaches back
a day. Sums over all fills of a contract are asked of books that have just changed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

# A sender commits before it sends, and its answers may come in any order: what is younger than
# this may still be on its way into the record.
_ENTRIES: Final = """
    accounts a JOIN intents i ON i.account_id = a.id AND i.role = 'entry'
      AND i.created_at > clock_timestamp() - make_interval(secs => $1)
"""


@dataclass(frozen=True, slots=True)
class Check:
    code: str
    sentence: str
    question: str

    @property
    def query(self) -> str:
        """$1: how many seconds to look back."""
        return self.question.format(entries=_ENTRIES)


CHECKS: Final = (
    Check(
        "conservation.order_twice",
        "One entry was sent, and the broker shows several orders of it.",
        """
        SELECT a.id AS account_id, a.user_id, jsonb_build_object('intent', i.id,
          'orders', jsonb_agg(o.broker_order_id ORDER BY o.broker_order_id)) AS evidence
        FROM {entries}
        JOIN orders o ON o.account_id = i.account_id AND o.client_id = i.id::text
        GROUP BY a.id, i.id HAVING count(*) > 1
        """,
    ),
    Check(
        "conservation.order_unclaimed",
        "The broker shows an entry that was never claimed.",
        """
        SELECT a.id AS account_id, a.user_id, jsonb_build_object('intent', i.id,
          'order', o.broker_order_id, 'state', i.state) AS evidence
        FROM {entries}
        JOIN orders o ON o.account_id = i.account_id AND o.client_id = i.id::text
        WHERE i.claimed_at IS NULL
        """,
    ),
    Check(
        "conservation.order_larger",
        "The broker shows an entry for more contracts than were claimed.",
        """
        SELECT a.id AS account_id, a.user_id, jsonb_build_object('intent', i.id,
          'order', o.broker_order_id, 'claimed', i.qty, 'shown', o.qty) AS evidence
        FROM {entries}
        JOIN orders o ON o.account_id = i.account_id AND o.client_id = i.id::text
        WHERE o.qty > i.qty
        """,
    ),
    Check(
        "conservation.entries_exceed_legs",
        "More entry orders than entry legs for one cause.",
        """
        SELECT a.id AS account_id, a.user_id, jsonb_build_object('cause', i.cause,
          'cause_id', i.cause_id, 'legs', count(DISTINCT i.id),
          'orders', count(DISTINCT o.broker_order_id)) AS evidence
        FROM {entries}
        JOIN orders o ON o.account_id = i.account_id AND o.client_id = i.id::text
        GROUP BY a.id, i.cause, i.cause_id
        HAVING count(DISTINCT o.broker_order_id) > count(DISTINCT i.id)
        """,
    ),
    Check(
        "conservation.overfilled",
        "An entry has filled for more contracts than were claimed.",
        """
        SELECT a.id AS account_id, a.user_id, jsonb_build_object('intent', i.id,
          'claimed', i.qty, 'filled', sum(f.qty)) AS evidence
        FROM {entries}
        JOIN fills f ON f.intent_id = i.id AND f.account_id = i.account_id AND f.active
        GROUP BY a.id, i.id HAVING sum(f.qty) > i.qty
        """,
    ),
    Check(
        "conservation.filled_beyond_order",
        "More fills than the broker's order has contracts.",
        """
        SELECT a.id AS account_id, a.user_id, jsonb_build_object('order', o.broker_order_id,
          'shown', o.qty, 'filled', sum(f.qty)) AS evidence
        FROM {entries}
        JOIN orders o ON o.account_id = i.account_id AND o.client_id = i.id::text
        JOIN fills f ON f.account_id = o.account_id AND f.intent_id = i.id
          AND f.broker_order_id = o.broker_order_id AND f.active
        GROUP BY a.id, o.broker_order_id, o.qty HAVING sum(f.qty) > o.qty
        """,
    ),
    # Settings may be lowered under an open position, and a person may be given one: a limit is
    # broken only by entries of its owner that were claimed well after both limits were last said.
    Check(
        "conservation.position_over_limit",
        "Entries made a position larger than its limit.",
        """
        SELECT a.id AS account_id, a.user_id, jsonb_build_object('strategy', h.strategy_id,
          'root', h.root, 'held', h.held, 'limit', h.most) AS evidence
        FROM (
          SELECT a.id, a.user_id, p.strategy_id, p.root, abs(sum(p.net_qty)) AS held,
            coalesce(l.max_contracts, a.max_contracts) AS most,
            greatest(a.updated_at, s.updated_at, l.created_at) AS said_at
          FROM accounts a
          JOIN positions p ON p.account_id = a.id AND p.net_qty <> 0
          JOIN strategies s ON s.id = p.strategy_id
          JOIN strategy_accounts l ON l.strategy_id = s.id AND l.account_id = a.id
          GROUP BY a.id, s.id, l.strategy_id, l.account_id, p.strategy_id, p.root
        ) h
        JOIN accounts a ON a.id = h.id
        WHERE h.most > 0 AND h.held > h.most AND h.held <= (
          SELECT coalesce(sum(i.filled_qty), 0) FROM intents i
          WHERE i.account_id = h.id AND i.strategy_id = h.strategy_id AND i.root = h.root
            AND i.role = 'entry' AND i.claimed_at > h.said_at + interval '5 seconds'
            AND i.created_at > clock_timestamp() - make_interval(secs => $1))
          AND NOT EXISTS (
            SELECT 1 FROM fills f WHERE f.account_id = h.id AND f.strategy_id = h.strategy_id
              AND f.root = h.root AND f.intent_id IS NULL AND f.active
              AND f.recorded_at > h.said_at)
        """,
    ),
    Check(
        "conservation.account_over_limit",
        "Entries of all its strategies made an account hold more than its limit.",
        """
        SELECT a.id AS account_id, a.user_id, jsonb_build_object('held', h.held,
          'limit', (a.rules -> 'limits' ->> 'max_position_contracts')::int) AS evidence
        FROM accounts a
        CROSS JOIN LATERAL (
          SELECT sum(abs(r.net)) AS held FROM (
            SELECT sum(p.net_qty) AS net FROM positions p
            WHERE p.account_id = a.id AND p.net_qty <> 0 GROUP BY p.strategy_id, p.root) r) h
        WHERE h.held > (a.rules -> 'limits' ->> 'max_position_contracts')::int
          AND h.held <= (
            SELECT coalesce(sum(i.filled_qty), 0) FROM intents i
            WHERE i.account_id = a.id AND i.role = 'entry'
              AND i.claimed_at > a.updated_at + interval '5 seconds'
              AND i.created_at > clock_timestamp() - make_interval(secs => $1))
          AND NOT EXISTS (
            SELECT 1 FROM fills f WHERE f.account_id = a.id AND f.intent_id IS NULL AND f.active
              AND f.recorded_at > a.updated_at)
        """,
    ),
    Check(
        "conservation.book_differs",
        "A book is not the sum of its fills.",
        """
        SELECT a.id AS account_id, a.user_id, jsonb_build_object('strategy', p.strategy_id,
          'contract', p.contract, 'book', p.net_qty, 'fills', f.net) AS evidence
        FROM positions p
        JOIN accounts a ON a.id = p.account_id
        CROSS JOIN LATERAL (
          SELECT coalesce(sum(CASE f.action WHEN 'Buy' THEN f.qty ELSE -f.qty END), 0) AS net
          FROM fills f WHERE f.account_id = p.account_id AND f.contract = p.contract
            AND f.strategy_id = p.strategy_id AND f.active) f
        WHERE p.net_qty <> f.net AND p.updated_at > clock_timestamp()
          - make_interval(secs => CASE WHEN $1 > 3600 THEN $1 ELSE 10 END)
        """,
    ),
    # Ids of ours are of version 5; the version most others draw is 4.
    Check(
        "conservation.order_unknown",
        "An order that bears an id of ours works at the broker, and nothing here stands for it.",
        """
        SELECT a.id AS account_id, a.user_id, jsonb_build_object('order', o.broker_order_id,
          'client_id', o.client_id) AS evidence
        FROM accounts a JOIN orders o ON o.account_id = a.id
        WHERE o.intent_id IS NULL AND o.as_of > clock_timestamp() - make_interval(secs => $1)
          AND o.status IN ('Working', 'PendingNew', 'PendingReplace', 'PendingCancel', 'Suspended')
          AND o.client_id ~ '^[0-9a-f]{{8}}(-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}}$'
          AND substr(o.client_id, 15, 1) = '5'
          AND NOT EXISTS (SELECT 1 FROM intents i WHERE i.id::text = o.client_id)
        """,
    ),
    # What recorder read at the broker with its own eyes. It asks again after ten minutes only for
    # what was answered and differs still; what is held or named was seen by the sender itself.
    Check(
        "conservation.broker_differs",
        "The broker holds something else than the books, it was reconciled, and nobody stopped.",
        """
        SELECT DISTINCT a.id AS account_id, a.user_id, d.one - 'account' - 'kind' AS evidence
        FROM commands c
        CROSS JOIN LATERAL jsonb_array_elements(c.detail -> 'differences') AS d (one)
        JOIN accounts a ON a.connection_id = (c.detail ->> 'connection_id')::bigint
          AND a.broker_account_id = (d.one ->> 'account')::bigint
        LEFT JOIN risk_state r ON r.account_id = a.id
        WHERE c.kind = 'reconcile' AND c.requested_by = 'recorder'
          AND c.created_at > clock_timestamp() - make_interval(secs => least($1, 300))
          AND d.one ->> 'kind' = 'position' AND r.quarantined_at IS NULL
          AND NOT EXISTS (
            SELECT 1 FROM drifts x WHERE x.account_id = a.id AND x.ended_at IS NULL)
          AND EXISTS (
            SELECT 1 FROM commands b WHERE b.user_id = c.user_id AND b.kind = c.kind
              AND b.requested_by = c.requested_by
              AND b.detail -> 'connection_id' = c.detail -> 'connection_id'
              AND b.detail -> 'differences' @> jsonb_build_array(d.one)
              AND b.created_at BETWEEN c.created_at - interval '25 minutes'
                AND c.created_at - interval '9 minutes')
        """,
    ),
)
