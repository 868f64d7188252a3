"""What a result was at each fill, reckoned back from what it is now."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from shared.domain.ids import AccountId, StrategyId
from shared.domain.risk.facts import FillSeen, HeldFact, swings_usd

D = Decimal
BEGAN = datetime(2026, 11, 3, 15, tzinfo=UTC)
HERE, ONE = AccountId(1), StrategyId(1)
POINT_USD = {"NQZ6": 20, "ESZ6": 50}


def fill(number: int, contract: str, qty: int, price: int, fee: int = 0) -> FillSeen:
    at = BEGAN + timedelta(seconds=number)
    root = contract[:2]
    return FillSeen(HERE, ONE, contract, root, qty, D(price), D(fee), at, number)


def held(contract: str, qty: int, mark: int | None, average: int = 20000) -> HeldFact:
    price = None if mark is None else D(mark)
    return HeldFact(HERE, ONE, contract, contract[:2], qty, D(average), price, 0)


def test_a_target_at_the_high_shows_what_all_was_worth_there() -> None:
    now = [held("NQZ6", 1, 20010)]
    assert swings_usd(now, [fill(1, "NQZ6", -1, 20050)]) == (D(800),)


def test_when_all_is_closed_the_last_fill_is_what_it_is_now() -> None:
    fills = [fill(1, "NQZ6", -1, 20050, fee=5), fill(2, "NQZ6", -1, 20040, fee=5)]
    assert swings_usd([], fills) == (D(205), D(0))


def test_a_contract_without_a_price_leaves_all_untold() -> None:
    assert swings_usd([held("ESZ6", 1, None)], [fill(1, "NQZ6", 1, 20000)]) == ()


fills = st.lists(
    st.tuples(
        st.sampled_from(sorted(POINT_USD)),
        st.integers(-3, 3).filter(bool),
        st.integers(100, 140),
        st.integers(0, 9),
    ),
    max_size=12,
)


@given(fills, st.integers(90, 150))
def test_it_is_what_moving_cash_says(traded: list[tuple[str, int, int, int]], mark: int) -> None:
    """Forward, one fill after the other; the contract that did not trade as it stands now."""
    seen = [fill(n, *each) for n, each in enumerate(traded)]
    net = {name: sum(q for c, q, _, _ in traded if c == name) for name in POINT_USD}
    now = [held(name, qty, mark) for name, qty in net.items() if qty]

    def made(upto: int, contract: str, price: int) -> Decimal:
        mine = [each for each in traded[:upto] if each[0] == contract]
        qty = sum(q for _, q, _, _ in mine)
        points = qty * price - sum(q * p for _, q, p, _ in mine)
        return D(points * POINT_USD[contract] - sum(fee for _, _, _, fee in mine))

    expected = [
        made(n + 1, contract, price) - made(len(traded), contract, mark)
        for n, (contract, _, price, _) in enumerate(traded)
    ]
    assert list(swings_usd(now, seen)) == expected
