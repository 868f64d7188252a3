"""Reads over REST: a list, a row, the answer to "which orders carry these ids?"."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import msgspec

from shared.brokers.tradovate import limits
from shared.brokers.tradovate.auth import Auth
from shared.brokers.tradovate.budget import RequestBudget
from shared.brokers.tradovate.cache import EntityStore, Missing
from shared.brokers.tradovate.outcomes import (
    FAILED_STRATEGIES,
    Answered,
    Reply,
    ticket_of,
    words_of,
)
from shared.brokers.tradovate.rest import Rest
from shared.brokers.tradovate.strategies import OrderStrategy
from shared.brokers.tradovate.wire import Garbled
from shared.domain.errors import BrokerUnavailable, NotFound
from shared.ports.broker import Priority, Token
from shared.runtime.logging import get_logger

log = get_logger(__name__)

_OK, _UNAUTHORIZED, _NOT_FOUND, _TOO_MANY, _SERVER_ERRORS = 200, 401, 404, 429, 500
# Before the others: the fills read after them show whatever these rows know of fills. No fill goes
# by without a change of its order or of its position, so these two tell whether there is news.
_MARKS: Final = ("order", "position")
_LISTS: Final = (
    "orderVersion",
    "command",
    "fill",
    "fillFee",
    "cashBalance",
)
_STRATEGIES: Final = ("orderStrategy", "orderStrategyLink")  # only where an order is nobody's
_REPORTS: Final = ("commandReport", "executionReport")  # only to say why something was rejected
Batch = tuple[str, list[object]]
Marks = tuple[dict[object, object], ...]  # the rows of `_MARKS` by their ids


@dataclass(frozen=True, slots=True)
class WholeRead:
    """All of a login, and what to compare with to know that it is so still."""

    store: EntityStore
    marks: Marks


class Reader:
    """GETs with the login's token. A failed read proves nothing and raises BrokerUnavailable."""

    def __init__(
        self,
        rest: Rest,
        auth: Auth,
        cooldowns: tuple[limits.Cooldown, ...],
        budget: RequestBudget,
        outage: limits.Outage,
        priority: Priority = Priority.RECONCILE,
        *,
        is_begun: bool = False,
    ) -> None:
        self._rest = rest
        self._auth = auth
        self._cooldowns = cooldowns  # the login's, and the one of all logins of the address
        self._budget = budget
        self._outage = outage
        self._priority = priority
        self._is_begun = is_begun

    def first(self, priority: Priority) -> Reader:
        """The same reader with another place in the queue."""
        return self._like(priority, is_begun=self._is_begun)

    def for_all_of(self, requests: int) -> Reader:
        """For a read of so many parts, where a few are as good as none.

        Raises BrokerUnavailable, with nothing drawn, unless the budget has room for all of them
        now: else each try would spend what the next one lacks. Once begun it is finished.
        """
        self._mind_the_outage()
        wait_s = self._budget.lacks(self._priority, requests)
        if wait_s > 0:
            raise _spent(wait_s)
        return self.to_its_end()

    def to_its_end(self) -> Reader:
        """For what is of no use half done: it draws as exits do, and is never refused."""
        return self._like(self._priority, is_begun=True)

    def _like(self, priority: Priority, *, is_begun: bool) -> Reader:
        parts = self._rest, self._auth, self._cooldowns, self._budget, self._outage
        return Reader(*parts, priority, is_begun=is_begun)

    async def row(self, path: str, **query: str) -> dict[str, object]:
        """One row; raises NotFound."""
        body = await self._get(path, query)
        if not isinstance(body, dict):
            raise _unreadable(path)
        return body

    async def rows(self, path: str, **query: str) -> list[object]:
        body = await self._get(path, query)
        if not isinstance(body, list):
            raise _unreadable(path)
        return body

    async def answer(self, path: str, body: dict[str, object]) -> dict[str, object]:
        """A question that is a POST and changes nothing; raises NotFound."""
        said = await self._exchange(
            path, lambda token: self._rest.post(path, body, token=token.access)
        )
        if not isinstance(said, dict):
            raise _unreadable(path)
        return said

    async def _get(self, path: str, query: dict[str, str]) -> object:
        return await self._exchange(
            path, lambda token: self._rest.get(path, token=token.access, query=query)
        )

    async def _exchange(self, path: str, send: Callable[[Token], Awaitable[Reply]]) -> object:
        knocks = self._priority <= Priority.PROTECTION
        wait_s = max(c.until_knock_s if knocks else c.remaining_s for c in self._cooldowns)
        if wait_s > 0:
            raise BrokerUnavailable(
                "broker.rate_limited", "The broker asked us to wait.", retry_after_s=wait_s
            )
        self._mind_the_outage()
        token = await self._auth.token()  # first: without one nothing is asked, and nothing spent
        wait_s = self._budget.draw(Priority.EXIT if self._is_begun else self._priority)
        if wait_s > 0:
            raise _spent(wait_s)
        reply = await send(token)
        if isinstance(reply, Answered) and reply.status == _UNAUTHORIZED:
            token = await self._auth.replace(token)
            reply = await send(token)
        self._note(reply)
        return self._body(path, reply)

    def _mind_the_outage(self) -> None:
        wait_s = self._outage.remaining_s
        if wait_s > 0 and self._priority is not Priority.EXIT and not self._is_begun:
            raise BrokerUnavailable(
                "broker.read_failed", "The broker answers nothing.", retry_after_s=wait_s
            )

    def _note(self, reply: Reply) -> None:
        if isinstance(reply, Answered) and reply.status < _SERVER_ERRORS:
            self._outage.answered()
        else:
            self._outage.unanswered()

    def _body(self, path: str, reply: Reply) -> object:
        if not isinstance(reply, Answered):
            raise BrokerUnavailable(reply.cause, "The broker did not answer.", path=path)
        if reply.status == _NOT_FOUND:
            raise NotFound("broker.not_found", "The broker knows no such thing.", path=path)
        if reply.status == _TOO_MANY:
            for cooldown in self._cooldowns:
                cooldown.refused()
        if reply.status != _OK or ticket_of(reply.body) is not None:
            raise BrokerUnavailable(
                "broker.read_failed", "The broker did not answer.", path=path, status=reply.status
            )
        if isinstance(reply.body, dict) and reply.body.get("errorText"):
            raise BrokerUnavailable(
                "broker.read_failed", "The broker refused.", path=path, words=words_of(reply.body)
            )
        return reply.body


async def read_missing(reader: Reader, missing: Missing) -> list[Batch]:
    """The rows that are referred to and were not sent; what the broker does not know stays out."""
    batches: list[Batch] = []
    reader = reader.first(Priority.RESOLUTION)
    for path, kind, argument, ids in (
        ("contract/items", "contract", "ids", missing.contracts),
        ("order/items", "order", "ids", missing.orders),
        ("orderVersion/ldeps", "orderVersion", "masterids", missing.versions),
    ):
        for chunk in _chunks(sorted(ids)):
            try:
                rows = await reader.rows(path, **{argument: ",".join(map(str, chunk))})
            except NotFound:
                continue
            batches.append((kind, rows))
    return batches


async def read_snapshot(
    reader: Reader, names: dict[int, str], held: frozenset[int] = frozenset()
) -> WholeRead:
    """Everything of the login from its lists, each read once. Raises BrokerUnavailable.

    `held` names accounts in which something is held or works: see `check_accounts`.
    """
    store = EntityStore(names)
    reader = reader.for_all_of(1 + len(_MARKS) + len(_LISTS))
    accounts, *marks = await _read_lists(reader, ("account", *_MARKS))
    check_accounts(ids_of(accounts[1]), held)
    load(store, [*marks, *await _read_lists(reader, _LISTS)])
    if store.anonymous:
        load(store, await _read_lists(reader, _STRATEGIES))
    if store.unexplained:
        load(store, await _read_lists(reader, _REPORTS))
    await complete(reader, store)
    return WholeRead(store, _marks_of(marks))


async def read_marks(reader: Reader) -> Marks:
    """To compare with those of the last full read. Raises BrokerUnavailable."""
    return _marks_of(await _read_lists(reader.for_all_of(len(_MARKS)), _MARKS))


def _marks_of(batches: Iterable[Batch]) -> Marks:
    return tuple(
        {row.get("id"): row for row in rows if isinstance(row, dict)} for _, rows in batches
    )


NO_ACCOUNTS: Final = "broker.no_accounts"
ACCOUNT_MISSING: Final = "broker.account_missing"


def check_accounts(listed: frozenset[int], held: frozenset[int]) -> None:
    """Raises BrokerUnavailable when the answer is not about our accounts.

    Asked with a token of the other environment a host answers empty lists, not an error (public
    incident log: read as flat, they wiped the books). No accounts, or none of one that holds
    something, proves nothing.
    """
    if not listed:
        raise BrokerUnavailable(NO_ACCOUNTS, "The broker shows no account of this login.")
    if not held <= listed:
        raise BrokerUnavailable(
            ACCOUNT_MISSING,
            "The broker does not show an account that holds something.",
            accounts=sorted(held - listed),
        )


def ids_of(rows: Iterable[object]) -> frozenset[int]:
    """The ids of rows as they came."""
    ids = (row.get("id") for row in rows if isinstance(row, dict))
    return frozenset(id_ for id_ in ids if isinstance(id_, int))


async def _read_lists(reader: Reader, kinds: tuple[str, ...]) -> list[Batch]:
    """The lists, read at the same time; one that fails fails them all."""
    reads = (reader.rows(f"{kind}/list") for kind in kinds)
    results = await asyncio.gather(*reads, return_exceptions=True)
    batches: list[Batch] = []
    for kind, result in zip(kinds, results, strict=True):
        if isinstance(result, NotFound):
            raise BrokerUnavailable("broker.snapshot_failed", "A list is not there.", kind=kind)
        if isinstance(result, BaseException):
            raise result
        batches.append((kind, result))
    return batches


async def complete(reader: Reader, store: EntityStore) -> None:
    """Fetch what a fresh snapshot refers to without holding it, then say what is still absent."""
    missing = store.missing()
    if not missing:
        return
    load(store, await read_missing(reader, missing))
    left = store.missing()
    if left:
        log.error(
            "broker_rows_missing",
            contracts=len(left.contracts),
            orders=len(left.orders),
            versions=len(left.versions),
        )


def load(store: EntityStore, batches: Iterable[Batch]) -> None:
    try:
        for kind, rows in batches:
            store.load(kind, rows)
    except Garbled as error:
        raise BrokerUnavailable("broker.unreadable", str(error)) from error


async def find_orders(reader: Reader, client_ids: frozenset[str]) -> dict[str, int]:
    """Order ids by client id: from the New commands, the texts of versions, the strategies."""
    found: dict[str, int] = {}
    reader = reader.first(Priority.RESOLUTION)
    for row in await reader.rows("command/list"):
        match row:
            case {"clOrdId": str(id_), "commandType": "New", "orderId": int(order_id)}:
                if id_ in client_ids:
                    found[id_] = order_id
            case _:
                pass
    if found.keys() == client_ids:
        return found
    for row in await reader.rows("orderVersion/list"):
        match row:
            case {"text": str(id_), "orderId": int(order_id)} if id_ in client_ids:
                found.setdefault(id_, order_id)
            case _:
                pass
    if found.keys() == client_ids:
        return found
    return found | await _find_entries(reader, client_ids - found.keys())


async def find_strategies(reader: Reader, client_ids: frozenset[str]) -> list[OrderStrategy]:
    """The order strategies with these client ids. Raises BrokerUnavailable."""
    rows = await reader.rows("orderStrategy/list")
    try:
        strategies = msgspec.convert(rows, list[OrderStrategy])
    except msgspec.ValidationError as error:
        raise BrokerUnavailable("broker.unreadable", str(error)) from error
    return [row for row in strategies if row.uuid in client_ids]


async def _find_entries(reader: Reader, client_ids: frozenset[str]) -> dict[str, int]:
    """The entries of order strategies. Raises BrokerUnavailable for one that is on its way.

    A strategy that failed without an order has placed nothing, and counts as absent.
    """
    found: dict[str, int] = {}
    for strategy in await find_strategies(reader, client_ids):
        links = await reader.rows("orderStrategyLink/deps", masterid=str(strategy.id))
        ids = sorted(row["orderId"] for row in links if isinstance(row, dict) and "orderId" in row)
        rows = await reader.rows("order/items", ids=",".join(map(str, ids))) if ids else []
        entries = [
            row["id"]
            for row in rows
            if isinstance(row, dict) and row.get("action") == strategy.action.value
        ]
        if entries and strategy.uuid is not None:
            found[strategy.uuid] = entries[0]
        elif strategy.status not in FAILED_STRATEGIES:
            raise BrokerUnavailable("broker.strategy_unsettled", "Its entry is not shown yet.")
    return found


def _chunks(ids: list[int]) -> Iterator[list[int]]:
    for start in range(0, len(ids), limits.IDS_PER_READ_MAX):
        yield ids[start : start + limits.IDS_PER_READ_MAX]


def _spent(wait_s: float) -> BrokerUnavailable:
    return BrokerUnavailable("broker.budget_spent", "Few requests are left.", retry_after_s=wait_s)


def _unreadable(path: str) -> BrokerUnavailable:
    return BrokerUnavailable("broker.unreadable", "The broker's answer is of no use.", path=path)
