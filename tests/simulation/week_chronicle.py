"""The venue's journal, read as it is written: what really happened, whatever the product says.

It folds rows by id as a restart of the venue would, and measures on the way how long a position
stood without a stop of its size.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from paper import rows
from paper.journal import Line, NoJournal, read_row
from shared.ports.clock import Clock

FINAL: Final = frozenset({"Canceled", "Completed", "Expired", "Filled", "Rejected"})
_USD_PER_POINT: Final = {"MES": Decimal(5), "MNQ": Decimal(2)}


@dataclass(slots=True)
class Chronicle(NoJournal):
    """Rows by id, newest word of each."""

    clock: Clock
    orders: dict[int, rows.Order] = field(default_factory=dict)
    versions: dict[int, rows.OrderVersion] = field(default_factory=dict)
    commands: dict[int, rows.Command] = field(default_factory=dict)
    fills: dict[int, rows.Fill] = field(default_factory=dict)
    fees: dict[int, rows.FillFee] = field(default_factory=dict)
    positions: dict[int, rows.Position] = field(default_factory=dict)
    cash_log: dict[int, rows.CashBalanceLog] = field(default_factory=dict)
    contracts: dict[int, str] = field(default_factory=dict)
    account_of: dict[int, int] = field(default_factory=dict)
    naked_s: dict[tuple[int, float], float] = field(default_factory=dict)
    _kept: dict[type[rows.Row], dict[int, Any]] = field(default_factory=dict)
    _live: dict[int, rows.Order] = field(default_factory=dict)
    _since_s: dict[int, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._kept = {
            rows.Command: self.commands,
            rows.Fill: self.fills,
            rows.FillFee: self.fees,
            rows.Position: self.positions,
            rows.CashBalanceLog: self.cash_log,
        }

    def append(self, line: Line) -> None:
        touched = set()
        for kind, account, raw in line.rows:
            _, row = read_row(kind, raw)
            self._fold(row, account)
            touched.add(account)
        for account in touched:
            self._look(account)

    def _fold(self, row: rows.Row, account: int) -> None:
        self.account_of[row.id] = account
        match row:
            case rows.Order():
                self.orders[row.id] = self._live[row.id] = row
                if row.ord_status in FINAL:
                    del self._live[row.id]
            case rows.OrderVersion():
                known = self.versions.get(row.order_id)
                if known is None or known.id <= row.id:
                    self.versions[row.order_id] = row
            case _ if type(row) in self._kept:
                self._kept[type(row)][row.id] = row
            case _:
                pass

    # ---- exits

    def net(self, account: int) -> int:
        return sum(p.net_pos for p in self.positions.values() if p.account_id == account)

    def working(self, account: int, order_type: str | None = None) -> list[rows.Order]:
        return [
            order
            for order in self._live.values()
            if order.account_id == account
            and order_type in (None, self.versions[order.id].order_type)
        ]

    def _look(self, account: int) -> None:
        now_s = self.clock.monotonic()
        net = self.net(account)
        stops = [o for o in self.working(account, "Stop") if o.ord_status == "Working"]
        covered = sum(self.versions[order.id].order_qty for order in stops)
        if net == 0 or covered >= abs(net):
            since_s = self._since_s.pop(account, None)
            if since_s is not None and now_s > since_s:
                self.naked_s[account, since_s] = now_s - since_s
        else:
            self._since_s.setdefault(account, now_s)

    # ---- orders and money

    def news(self) -> Counter[str]:
        """How often each client id was taken as a new order."""
        return Counter(
            command.cl_ord_id
            for command in self.commands.values()
            if command.command_type == "New" and command.cl_ord_id is not None
        )

    def order_of(self, client_id: str) -> rows.Order | None:
        found = [
            self.orders[command.order_id]
            for command in self.commands.values()
            if command.command_type == "New" and command.cl_ord_id == client_id
        ]
        return found[0] if found else None

    def days(self, account: int) -> dict[str, Decimal]:
        """Cash earned by trade date, from fills and fees alone: first in, first out."""
        earned: defaultdict[str, Decimal] = defaultdict(Decimal)
        held: defaultdict[int, list[tuple[int, Decimal]]] = defaultdict(list)
        mine = [f for f in self.fills.values() if f.active and self.account_of[f.id] == account]
        for fill in sorted(mine, key=lambda fill: fill.id):
            day = day_of(fill.trade_date)
            earned[day] -= fee_of(self.fees[fill.id])
            point_usd = _USD_PER_POINT[self.contracts[fill.contract_id][:3]]
            sign = 1 if fill.action == "Buy" else -1
            earned[day] += _matched(held[fill.contract_id], sign, fill) * point_usd
        return dict(earned)

    def logged(self, account: int) -> dict[str, Decimal]:
        """The same by the venue's own cash log."""
        earned: defaultdict[str, Decimal] = defaultdict(Decimal)
        for row in self.cash_log.values():
            if row.account_id == account and (row.fill_id or row.fill_pair_id):
                earned[day_of(row.trade_date)] += row.delta
        return dict(earned)


def _matched(held: list[tuple[int, Decimal]], sign: int, fill: rows.Fill) -> Decimal:
    """Points won by this fill against the oldest that it closes; the rest is held."""
    won = Decimal(0)
    for _ in range(fill.qty):
        if held and held[0][0] != sign:
            side, price = held.pop(0)
            won += (fill.price - price) * side
        else:
            held.append((sign, fill.price))
    return won


def day_of(day: rows.TradeDate) -> str:
    return f"{day.year:04}-{day.month:02}-{day.day:02}"


def fee_of(row: rows.FillFee) -> Decimal:
    parts = (row.clearing_fee, row.exchange_fee, row.nfa_fee, row.brokerage_fee, row.ip_fee)
    return sum((*parts, row.commission, row.order_routing_fee), Decimal(0))
