"""The cash ledger: fills in, pairs and cash out. Pure and exact.

Fills are paired first in, first out per (account, contract). A pair earns
(sell price - buy price) x quantity x point value, which for some products has parts of a cent
(one tick of ZF is 7.8125 USD).

The rule for cents: `Cash.exact_usd` is never rounded; the `amount` of a cash row is that running
total rounded once (half to even), and its `delta` the difference to the amount before. So the
deltas always add up to the amount, and the amount never drifts from the exact sum.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal
from enum import StrEnum
from typing import Final

from paper.book_values import Side
from shared.domain.money import EXACT, gross_usd, to_cents

ZERO: Final = Decimal(0)
_PRICE_STEP: Final = Decimal("1E-10")  # an average need not end
_AVERAGE: Final = Context(prec=60, rounding=ROUND_HALF_EVEN)


class CashKind(StrEnum):
    """`cashChangeType` of a cash row; the broker has many more."""

    FUNDS = "FundTransaction"
    PAIRED = "TradePaired"
    CANCELLED = "CancelledPairedTrade"
    COMMISSION = "Commission"
    NEW_SESSION = "NewSession"


@dataclass(frozen=True, slots=True)
class FillFact:
    """One fill as the book made it; `fee_usd` is what it costs, in whole cents."""

    id: int
    account_id: int
    contract_id: int
    side: Side
    qty: int
    price: Decimal
    point_value: Decimal
    fee_usd: Decimal


@dataclass(slots=True)
class Lot:
    """The unpaired rest of a fill."""

    fill_id: int
    side: Side
    qty: int
    price: Decimal


@dataclass(frozen=True, slots=True)
class Pair:
    id: int
    buy_fill_id: int
    sell_fill_id: int
    qty: int
    buy_price: Decimal
    sell_price: Decimal
    gross_usd: Decimal


@dataclass(frozen=True, slots=True)
class CashRow:
    """One line of the cash log; every figure in whole cents, as of after the line."""

    id: int
    kind: CashKind
    delta_usd: Decimal
    amount_usd: Decimal
    realized_usd: Decimal
    week_realized_usd: Decimal
    fill_id: int | None = None
    pair_id: int | None = None


@dataclass(slots=True)
class Holding:
    """A position with its open lots; the bought and sold figures are of the current session."""

    id: int
    lots: deque[Lot] = field(default_factory=deque)
    bought: int = 0
    bought_value: Decimal = ZERO
    sold: int = 0
    sold_value: Decimal = ZERO
    prev_pos: int = 0
    prev_price: Decimal | None = None

    @property
    def net(self) -> int:
        return sum(lot.side.sign * lot.qty for lot in self.lots)

    @property
    def net_price(self) -> Decimal | None:
        """Average price of the open lots to ten decimals; None when flat."""
        qty = sum(lot.qty for lot in self.lots)
        if qty == 0:
            return None
        value = sum((lot.price * lot.qty for lot in self.lots), ZERO)
        return _AVERAGE.divide(value, qty).quantize(_PRICE_STEP, context=_AVERAGE)


@dataclass(slots=True)
class Cash:
    """One account's money. Realised figures are the pairs' exact sum, before fees."""

    exact_usd: Decimal = ZERO
    start_of_day_usd: Decimal = ZERO
    realized_usd: Decimal = ZERO
    week_realized_usd: Decimal = ZERO

    @property
    def amount_usd(self) -> Decimal:
        return to_cents(self.exact_usd)

    @property
    def realized_cents(self) -> Decimal:
        return to_cents(self.realized_usd)

    @property
    def week_realized_cents(self) -> Decimal:
        return to_cents(self.week_realized_usd)


@dataclass(frozen=True, slots=True)
class Booking:
    """What one fill did. `paired` maps each fill that gave quantity to how much."""

    pairs: tuple[Pair, ...]
    paired: dict[int, int]
    rows: tuple[CashRow, ...]
    is_new_holding: bool


NextId = Callable[[], int]


class Ledger:
    """Cash by account, holdings by (account, contract)."""

    def __init__(self) -> None:
        self.cash: dict[int, Cash] = {}
        self.holdings: dict[tuple[int, int], Holding] = {}

    def deposit(self, account_id: int, amount_usd: Decimal, next_id: NextId) -> CashRow:
        """Put money in (negative: take it out); opens the account at its first deposit."""
        cash = self.cash.get(account_id)
        if cash is None:
            cash = self.cash[account_id] = Cash(start_of_day_usd=amount_usd)
        return _move(cash, CashKind.FUNDS, amount_usd, next_id())

    def book(self, fill: FillFact, next_id: NextId) -> Booking:
        """Pair a fill, pay for it, and say what changed; KeyError for an unknown account."""
        cash = self.cash[fill.account_id]
        key = (fill.account_id, fill.contract_id)
        is_new = key not in self.holdings
        holding = (
            self.holdings.setdefault(key, Holding(next_id())) if is_new else self.holdings[key]
        )
        _count(holding, fill)
        pairs = _pair(holding, fill, next_id)
        rows = [_earn(cash, pair, fill.id, next_id()) for pair in pairs]
        rows.append(_move(cash, CashKind.COMMISSION, -fill.fee_usd, next_id(), fill_id=fill.id))
        return Booking(tuple(pairs), _quantities(pairs), tuple(rows), is_new)

    def take_back(
        self, fill: FillFact, others: Sequence[FillFact], *, of_today: bool
    ) -> list[Pair]:
        """Pair the fills that stay, without one that never was; the pairs have no ids yet."""
        holding = self.holdings[fill.account_id, fill.contract_id]
        if not of_today:
            holding.prev_pos -= fill.side.sign * fill.qty
        elif fill.side is Side.BUY:
            holding.bought -= fill.qty
            holding.bought_value -= EXACT.multiply(fill.price, Decimal(fill.qty))
        else:
            holding.sold -= fill.qty
            holding.sold_value -= EXACT.multiply(fill.price, Decimal(fill.qty))
        holding.lots = deque()
        return [pair for other in others for pair in _pair(holding, other, lambda: 0)]

    def cancel(
        self,
        account_id: int,
        kind: CashKind,
        change_usd: Decimal,
        row_id: int,
        fill_id: int | None = None,
        *,
        pair_id: int | None = None,
    ) -> CashRow:
        """Take back what a pair earned, or what a fill cost."""
        cash = self.cash[account_id]
        if kind is CashKind.CANCELLED:
            cash.realized_usd = EXACT.add(cash.realized_usd, change_usd)
            cash.week_realized_usd = EXACT.add(cash.week_realized_usd, change_usd)
        return _move(cash, kind, change_usd, row_id, fill_id=fill_id, pair_id=pair_id)

    def earn(self, account_id: int, pair: Pair, row_id: int) -> CashRow:
        """Book a pair that was made anew."""
        later = max(pair.buy_fill_id, pair.sell_fill_id)
        return _earn(self.cash[account_id], pair, later, row_id)

    def roll(self, account_id: int, next_id: NextId, *, new_week: bool) -> CashRow:
        """Begin a new trading day: yesterday's figures become the starting ones."""
        cash = self.cash[account_id]
        cash.start_of_day_usd, cash.realized_usd = cash.amount_usd, ZERO
        if new_week:
            cash.week_realized_usd = ZERO
        for (owner, _), holding in self.holdings.items():
            if owner == account_id:
                _carry(holding)
        return _move(cash, CashKind.NEW_SESSION, ZERO, next_id())


def starts_week(before: date, after: date) -> bool:
    """Whether a week begins between two trading days; weeks are counted from their Monday."""
    return _monday(before) != _monday(after)


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


def _count(holding: Holding, fill: FillFact) -> None:
    value = EXACT.multiply(fill.price, Decimal(fill.qty))
    if fill.side is Side.BUY:
        holding.bought += fill.qty
        holding.bought_value += value
    else:
        holding.sold += fill.qty
        holding.sold_value += value


def _carry(holding: Holding) -> None:
    holding.prev_pos, holding.prev_price = holding.net, holding.net_price
    holding.bought, holding.bought_value = 0, ZERO
    holding.sold, holding.sold_value = 0, ZERO


def _pair(holding: Holding, fill: FillFact, next_id: NextId) -> list[Pair]:
    """Take the oldest lots of the other side; what is left of the fill becomes a lot."""
    pairs, left = [], fill.qty
    while left and holding.lots and holding.lots[0].side is not fill.side:
        lot = holding.lots[0]
        qty = min(left, lot.qty)
        pairs.append(_paired(lot, fill, qty, next_id()))
        left -= qty
        lot.qty -= qty
        if lot.qty == 0:
            holding.lots.popleft()
    if left:
        holding.lots.append(Lot(fill.id, fill.side, left, fill.price))
    return pairs


def _paired(lot: Lot, fill: FillFact, qty: int, pair_id: int) -> Pair:
    bought = lot.side is Side.BUY
    return Pair(
        id=pair_id,
        buy_fill_id=lot.fill_id if bought else fill.id,
        sell_fill_id=fill.id if bought else lot.fill_id,
        qty=qty,
        buy_price=lot.price if bought else fill.price,
        sell_price=fill.price if bought else lot.price,
        gross_usd=gross_usd(lot.price, fill.price, lot.side.sign * qty, fill.point_value),
    )


def _quantities(pairs: list[Pair]) -> dict[int, int]:
    paired: dict[int, int] = {}
    for pair in pairs:
        for fill_id in (pair.buy_fill_id, pair.sell_fill_id):
            paired[fill_id] = paired.get(fill_id, 0) + pair.qty
    return paired


def _earn(cash: Cash, pair: Pair, fill_id: int, row_id: int) -> CashRow:
    cash.realized_usd = EXACT.add(cash.realized_usd, pair.gross_usd)
    cash.week_realized_usd = EXACT.add(cash.week_realized_usd, pair.gross_usd)
    return _move(cash, CashKind.PAIRED, pair.gross_usd, row_id, fill_id=fill_id, pair_id=pair.id)


def _move(
    cash: Cash,
    kind: CashKind,
    exact_usd: Decimal,
    row_id: int,
    *,
    fill_id: int | None = None,
    pair_id: int | None = None,
) -> CashRow:
    before = cash.amount_usd
    cash.exact_usd = EXACT.add(cash.exact_usd, exact_usd)
    return CashRow(
        id=row_id,
        kind=kind,
        delta_usd=cash.amount_usd - before,
        amount_usd=cash.amount_usd,
        realized_usd=cash.realized_cents,
        week_realized_usd=cash.week_realized_cents,
        fill_id=fill_id,
        pair_id=pair_id,
    )
