"""Which logins may place nothing now, by what this process heard or was told when it took them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from execution.logins import Logins
from shared.ports.ledger import Lease


def by_rest(leases: Sequence[Lease], logins: Logins) -> Iterator[tuple[bool, list[Lease]]]:
    """The leases in at most two parts: whether their login may place nothing now, and which."""
    parts: dict[bool, list[Lease]] = {}
    for lease in leases:
        login = logins.get(lease.connection_id)
        if login is not None:
            parts.setdefault(login.broker.rests_s > 0, []).append(lease)
    yield from parts.items()
