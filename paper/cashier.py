"""Books fills in the ledger and writes positions, pairs, fees and cash as rows."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from typing import Final

from msgspec.structs import replace

from paper import rows
from paper.book_values import Side
from paper.fees import fee_usd
from paper.ledger import (
    Booking,
    Cash,
    CashKind,
    CashRow,
    FillFact,
    Holding,
    Ledger,
    Lot,
    Pair,
    starts_week,
)
from paper.reference import Instrument, Reference
from paper.rows import stamp, trade_date_of
from paper.store import Store
from shared.domain.calendar import trade_date
from shared.domain.money import gross_usd

_ZERO: Final = Decimal("0.00")


class Cashier:
    """The rows that follow from money. The ledger decides every figure."""

    def __init__(self, store: Store, reference: Reference) -> None:
        self.ledger = Ledger()
        self._store = store
        self._reference = reference
        self._balance_ids: dict[int, int] = {}

    def open(self, account_id: int, start_usd: Decimal, now: datetime) -> None:
        """The first deposit of an account."""
        row = self.ledger.deposit(account_id, start_usd, self._store.next_id)
        self._balance_ids[account_id] = self._store.next_id()
        self._log(account_id, row, now, "Starting balance")
        self._balance(account_id, now)

    def move(
        self, account_id: int, change_usd: Decimal, now: datetime, comment: str | None
    ) -> None:
        """Money put in or taken out by hand."""
        row = self.ledger.deposit(account_id, change_usd, self._store.next_id)
        self._log(account_id, row, now, comment)
        self._balance(account_id, now)

    def moved_since(self, account_id: int, since: datetime) -> bool:
        """Whether money was moved by hand after `since`; the first deposit does not count."""
        moves = [x for x in self._logs(account_id) if x.cash_change_type == CashKind.FUNDS]
        return any(move.timestamp > stamp(since) for move in moves[1:])

    def book(self, fill: rows.Fill, account_id: int, now: datetime) -> None:
        """A fill that was just made: the rest of step 6, and step 7."""
        instrument = self._reference.must(fill.contract_id)
        fact = _fact(fill, account_id, instrument)
        booking = self.ledger.book(fact, self._store.next_id)
        paired = booking.paired.pop(fill.id, 0)
        self._store.put(replace(fill, finally_paired=paired), account_id)
        self._store.put(_fee(fact), account_id)
        holding = self.ledger.holdings[account_id, fill.contract_id]
        self._position(account_id, fill.contract_id, holding, now)
        self._pairs(booking, holding, account_id)
        for row in booking.rows:
            self._log(account_id, row, now)
        self._balance(account_id, now)

    def take_back(self, fill: rows.Fill, account_id: int, now: datetime) -> None:
        """A fill never was: its fee is returned, and what it was paired with is paired anew."""
        instrument = self._reference.must(fill.contract_id)
        fact = _fact(fill, account_id, instrument)
        holding = self.ledger.holdings[account_id, fill.contract_id]
        self._store.put(replace(fill, active=False, finally_paired=0), account_id)
        self._store.put(replace(_fee(fact), commission=_ZERO), account_id)
        of_today = fill.trade_date == trade_date_of(trade_date(now))
        pairs = sorted(
            (p for p in self._store.of_master(rows.FillPair, holding.id) if p.active),
            key=lambda pair: pair.id,
        )
        stays = self.ledger.take_back(fact, self._active(fact, instrument), of_today=of_today)
        for log in self._paired_again(account_id, pairs, stays, instrument):
            self._log(account_id, log, now)
        refund = self.ledger.cancel(
            account_id, CashKind.COMMISSION, fact.fee_usd, self._store.next_id(), fill.id
        )
        self._log(account_id, refund, now, "Busted")
        self._count_paired(fact, holding)
        self._position(account_id, fill.contract_id, holding, now)
        self._balance(account_id, now)

    def _paired_again(
        self, account_id: int, old: list[rows.FillPair], new: list[Pair], instrument: Instrument
    ) -> Iterable[CashRow]:
        """Void the pairs that no longer hold and make those that hold instead."""
        same = 0
        while same < min(len(old), len(new)) and _is_same(old[same], new[same]):
            same += 1
        holding_id = self.ledger.holdings[account_id, instrument.contract_id].id
        for pair in old[same:]:
            self._store.put(replace(pair, active=False), account_id)
            gross = gross_usd(
                pair.buy_price, pair.sell_price, pair.qty, instrument.product.point_value
            )
            yield self.ledger.cancel(
                account_id, CashKind.CANCELLED, -gross, self._store.next_id(), pair_id=pair.id
            )
        for again in new[same:]:
            made = dataclasses.replace(again, id=self._store.next_id())
            self._store.put(_pair_row(made, holding_id), account_id)
            yield self.ledger.earn(account_id, made, self._store.next_id())

    def _active(self, fact: FillFact, instrument: Instrument) -> list[FillFact]:
        fills = self._store.of_account(rows.Fill, fact.account_id)
        mine = [f for f in fills if f.active and f.contract_id == fact.contract_id]
        ordered = sorted(mine, key=lambda fill: fill.id)
        return [_fact(fill, fact.account_id, instrument) for fill in ordered]

    def _count_paired(self, fact: FillFact, holding: Holding) -> None:
        open_qty = {lot.fill_id: lot.qty for lot in holding.lots}
        for fill in list(self._store.of_account(rows.Fill, fact.account_id)):
            paired = fill.qty - open_qty.get(fill.id, 0)
            if (
                fill.active
                and fill.contract_id == fact.contract_id
                and (paired != fill.finally_paired)
            ):
                self._store.put(replace(fill, finally_paired=paired), fact.account_id)

    def net(self, account_id: int, contract_id: int) -> int:
        holding = self.ledger.holdings.get((account_id, contract_id))
        return 0 if holding is None else holding.net

    def roll(self, before: date, now: datetime) -> None:
        """A new trading day for every account."""
        new_week = starts_week(before, trade_date(now))
        for account_id in list(self.ledger.cash):
            row = self.ledger.roll(account_id, self._store.next_id, new_week=new_week)
            self._log(account_id, row, now)
            self._balance(account_id, now)
        for (account_id, contract_id), holding in self.ledger.holdings.items():
            self._position(account_id, contract_id, holding, now)

    # ---- rows

    def _pairs(self, booking: Booking, holding: Holding, account_id: int) -> None:
        for pair in booking.pairs:
            self._store.put(_pair_row(pair, holding.id), account_id)
        for fill_id, qty in booking.paired.items():
            older = self._store.must(rows.Fill, fill_id)
            self._store.put(replace(older, finally_paired=older.finally_paired + qty), account_id)

    def _position(self, account_id: int, contract_id: int, holding: Holding, now: datetime) -> None:
        row = rows.Position(
            id=holding.id,
            account_id=account_id,
            contract_id=contract_id,
            timestamp=stamp(now),
            trade_date=trade_date_of(trade_date(now)),
            net_pos=holding.net,
            net_price=holding.net_price,
            bought=holding.bought,
            bought_value=holding.bought_value,
            sold=holding.sold,
            sold_value=holding.sold_value,
            prev_pos=holding.prev_pos,
            prev_price=holding.prev_price,
        )
        self._store.put(row, account_id)

    def _balance(self, account_id: int, now: datetime) -> None:
        cash = self.ledger.cash[account_id]
        row = rows.CashBalance(
            id=self._balance_ids[account_id],
            account_id=account_id,
            timestamp=stamp(now),
            trade_date=trade_date_of(trade_date(now)),
            currency_id=rows.USD,
            amount=cash.amount_usd,
            realized_pnl=cash.realized_cents,
            week_realized_pnl=cash.week_realized_cents,
            amount_sod=cash.start_of_day_usd,
        )
        self._store.put(row, account_id)

    def _log(
        self, account_id: int, row: CashRow, now: datetime, comment: str | None = None
    ) -> None:
        self._store.put(
            rows.CashBalanceLog(
                id=row.id,
                account_id=account_id,
                timestamp=stamp(now),
                trade_date=trade_date_of(trade_date(now)),
                currency_id=rows.USD,
                amount=row.amount_usd,
                realized_pnl=row.realized_usd,
                week_realized_pnl=row.week_realized_usd,
                cash_change_type=row.kind.value,
                fill_pair_id=row.pair_id,
                fill_id=row.fill_id,
                comment=comment,
                delta=row.delta_usd,
            ),
            account_id,
        )

    # ---- after a restart

    def restore(self) -> None:
        """Take cash and lots from the rows; nothing is rounded on the way."""
        for balance in self._store.all(rows.CashBalance):
            self._balance_ids[balance.account_id] = balance.id
            self.ledger.cash[balance.account_id] = self._cash(balance)
        for position in self._store.all(rows.Position):
            holding = _holding(position)
            self.ledger.holdings[position.account_id, position.contract_id] = holding
        for fill in sorted(self._store.all(rows.Fill), key=lambda fill: fill.id):
            left = fill.qty - fill.finally_paired
            account_id = self._store.account_of(rows.Fill, fill.id)
            if left and fill.active:
                lots = self.ledger.holdings[account_id, fill.contract_id].lots
                lots.append(Lot(fill.id, Side(fill.action), left, fill.price))

    def _cash(self, balance: rows.CashBalance) -> Cash:
        day = _day(balance.trade_date)
        cash = Cash(start_of_day_usd=balance.amount_sod)
        for log in self._logs(balance.account_id):
            if log.cash_change_type not in (CashKind.PAIRED, CashKind.CANCELLED):
                cash.exact_usd += log.delta
                continue
            earned = self._earned(log)
            if log.cash_change_type == CashKind.CANCELLED:
                earned = -earned
            cash.exact_usd += earned
            if not starts_week(_day(log.trade_date), day):
                cash.week_realized_usd += earned
            if log.trade_date == balance.trade_date:
                cash.realized_usd += earned
        return cash

    def _logs(self, account_id: int) -> Iterable[rows.CashBalanceLog]:
        return self._store.of_account(rows.CashBalanceLog, account_id)

    def _earned(self, log: rows.CashBalanceLog) -> Decimal:
        pair = self._store.must(rows.FillPair, log.fill_pair_id or 0)
        position = self._store.must(rows.Position, pair.position_id)
        point_value = self._reference.must(position.contract_id).product.point_value
        return gross_usd(pair.buy_price, pair.sell_price, pair.qty, point_value)


def _fact(fill: rows.Fill, account_id: int, instrument: Instrument) -> FillFact:
    return FillFact(
        id=fill.id,
        account_id=account_id,
        contract_id=fill.contract_id,
        side=Side(fill.action),
        qty=fill.qty,
        price=fill.price,
        point_value=instrument.product.point_value,
        fee_usd=fee_usd(instrument.product.root, fill.qty),
    )


def _fee(fact: FillFact) -> rows.FillFee:
    return rows.FillFee(
        id=fact.id,
        clearing_fee=_ZERO,
        clearing_currency_id=rows.USD,
        exchange_fee=_ZERO,
        exchange_currency_id=rows.USD,
        nfa_fee=_ZERO,
        nfa_currency_id=rows.USD,
        brokerage_fee=_ZERO,
        brokerage_currency_id=rows.USD,
        ip_fee=_ZERO,
        ip_currency_id=rows.USD,
        commission=fact.fee_usd,
        commission_currency_id=rows.USD,
        order_routing_fee=_ZERO,
        order_routing_currency_id=rows.USD,
    )


def _pair_row(pair: Pair, position_id: int) -> rows.FillPair:
    return rows.FillPair(
        id=pair.id,
        position_id=position_id,
        buy_fill_id=pair.buy_fill_id,
        sell_fill_id=pair.sell_fill_id,
        qty=pair.qty,
        buy_price=pair.buy_price,
        sell_price=pair.sell_price,
        active=True,
    )


def _holding(position: rows.Position) -> Holding:
    return Holding(
        id=position.id,
        bought=position.bought,
        bought_value=position.bought_value,
        sold=position.sold,
        sold_value=position.sold_value,
        prev_pos=position.prev_pos,
        prev_price=position.prev_price,
    )


def _is_same(row: rows.FillPair, pair: Pair) -> bool:
    stands = (row.buy_fill_id, row.sell_fill_id, row.qty)
    return stands == (pair.buy_fill_id, pair.sell_fill_id, pair.qty)


def _day(value: rows.TradeDate) -> date:
    return date(value.year, value.month, value.day)
