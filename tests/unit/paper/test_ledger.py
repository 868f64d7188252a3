"""The cash ledger: exact to the cent for every product."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from itertools import count

from hypothesis import given
from hypothesis import strategies as st

from paper.book_values import Side
from paper.fees import FEE_GROUPS, FeeGroup, fee_usd
from paper.ledger import Booking, CashKind, FillFact, Ledger, starts_week
from shared.domain.instruments import PRODUCTS
from shared.domain.money import to_cents

START = Decimal("100000.00")
ACCOUNT, CONTRACT = 1, 2


def ids() -> Callable[[], int]:
    numbers = count(2**33)
    return lambda: next(numbers)


def opened() -> tuple[Ledger, Callable[[], int]]:
    ledger, next_id = Ledger(), ids()
    ledger.deposit(ACCOUNT, START, next_id)
    return ledger, next_id


def fill(number: int, side: Side, qty: int, price: str, root: str = "NQ") -> FillFact:
    point_value = PRODUCTS[root].point_value
    fee = fee_usd(root, qty)
    return FillFact(number, ACCOUNT, CONTRACT, side, qty, Decimal(price), point_value, fee)


def test_a_round_trip_pays_its_pair_and_both_fees() -> None:
    ledger, next_id = opened()
    ledger.book(fill(1, Side.BUY, 2, "20000.25"), next_id)
    done = ledger.book(fill(2, Side.SELL, 2, "20010.50"), next_id)
    assert [(p.buy_fill_id, p.sell_fill_id, p.qty, p.gross_usd) for p in done.pairs] == [
        (1, 2, 2, Decimal("410.00"))
    ]
    assert [(r.kind, r.delta_usd) for r in done.rows] == [
        (CashKind.PAIRED, Decimal("410.00")),
        (CashKind.COMMISSION, Decimal("-2.58")),
    ]
    assert ledger.cash[ACCOUNT].amount_usd == START + Decimal("410.00") - Decimal("5.16")
    assert ledger.holdings[ACCOUNT, CONTRACT].net_price is None


def test_the_oldest_lots_pair_first_and_a_reversal_leaves_the_rest() -> None:
    ledger, next_id = opened()
    ledger.book(fill(1, Side.SELL, 1, "20000"), next_id)
    ledger.book(fill(2, Side.SELL, 1, "20004"), next_id)
    done = ledger.book(fill(3, Side.BUY, 3, "19990"), next_id)
    assert [(p.sell_fill_id, p.gross_usd) for p in done.pairs] == [
        (1, Decimal(200)),
        (2, Decimal(280)),
    ]
    assert done.paired == {1: 1, 2: 1, 3: 2}
    holding = ledger.holdings[ACCOUNT, CONTRACT]
    assert (holding.net, holding.net_price) == (1, Decimal(19990))


def test_parts_of_a_cent_are_kept_and_only_the_amount_is_rounded() -> None:
    ledger, next_id = opened()
    rows = []
    for number in range(0, 8, 2):  # four round trips of one tick, 7.8125 USD each
        ledger.book(fill(number, Side.BUY, 1, "104", "ZT"), next_id)
        done = ledger.book(fill(number + 1, Side.SELL, 1, "104.00390625", "ZT"), next_id)
        rows += [row.delta_usd for row in done.rows if row.kind is CashKind.PAIRED]
    assert ledger.cash[ACCOUNT].exact_usd == START + Decimal("31.25") - 8 * Decimal("1.79")
    assert sum(rows) == Decimal("31.25")
    assert {row % Decimal("0.01") for row in rows} == {Decimal("0.00")}


def test_a_new_day_carries_the_position_and_resets_the_realised_figures() -> None:
    ledger, next_id = opened()
    ledger.book(fill(1, Side.BUY, 2, "20000"), next_id)
    ledger.book(fill(2, Side.SELL, 1, "20001"), next_id)
    row = ledger.roll(ACCOUNT, next_id, new_week=False)
    holding, cash = ledger.holdings[ACCOUNT, CONTRACT], ledger.cash[ACCOUNT]
    assert (holding.prev_pos, holding.prev_price, holding.bought) == (1, Decimal(20000), 0)
    assert (row.realized_usd, row.week_realized_usd) == (Decimal(0), Decimal(20))
    assert cash.start_of_day_usd == cash.amount_usd


def test_weeks_begin_on_monday() -> None:
    assert starts_week(date(2026, 3, 6), date(2026, 3, 9))
    assert not starts_week(date(2026, 3, 9), date(2026, 3, 13))


def test_every_root_has_a_fee() -> None:
    assert set(FEE_GROUPS) == set(PRODUCTS)
    assert FEE_GROUPS["MNQ"] is FeeGroup.MICRO
    assert FEE_GROUPS["NQ"] is FeeGroup.E_MINI
    assert FEE_GROUPS["CL"] is FeeGroup.STANDARD


_fills = st.lists(
    st.tuples(st.sampled_from(Side), st.integers(1, 5), st.integers(-200, 200)), max_size=40
)


@given(root=st.sampled_from(sorted(PRODUCTS)), fills=_fills)
def test_cash_is_start_plus_pairs_minus_fees_and_positions_are_the_sum_of_fills(
    root: str, fills: list[tuple[Side, int, int]]
) -> None:
    ledger, next_id = opened()
    product = PRODUCTS[root]
    bookings: list[Booking] = []
    fees = Decimal(0)
    for number, (side, qty, ticks) in enumerate(fills):
        price = (1000 + ticks) * product.tick_size
        bookings.append(ledger.book(fill(number, side, qty, str(price), root), next_id))
        fees += fee_usd(root, qty)
    gross = sum((p.gross_usd for b in bookings for p in b.pairs), Decimal(0))
    deltas = sum((row.delta_usd for b in bookings for row in b.rows), Decimal(0))
    cash = ledger.cash[ACCOUNT]
    assert cash.exact_usd == START + gross - fees
    assert START + deltas == cash.amount_usd == to_cents(cash.exact_usd)
    if fills:
        assert ledger.holdings[ACCOUNT, CONTRACT].net == sum(s.sign * q for s, q, _ in fills)
