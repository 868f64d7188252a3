"""A price from the broker's word on a whole account, where only one contract has none."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.ids import AccountId, StrategyId
from shared.domain.money import gross_usd
from shared.domain.risk.facts import HeldFact
from shared.domain.risk.said import with_said

D = Decimal
HERE, ONE, TWO = AccountId(1), StrategyId(1), StrategyId(2)
NQ = HeldFact(HERE, ONE, "NQZ6", "NQ", 2, D(20000), None, 0)
ES = HeldFact(HERE, ONE, "ESZ6", "ES", -1, D(5000), D(5010), 0)


def test_the_one_contract_without_a_price_gets_it() -> None:
    (nq,) = with_said([NQ], {HERE: D(-400)})
    assert nq.mark == D(19990)


def test_what_has_a_price_is_taken_off_first() -> None:
    nq, es = with_said([NQ, ES], {HERE: D(-900)})  # 500 of it is ES
    assert (nq.mark, es.mark) == (D(19990), D(5010))


def test_owners_on_both_sides_have_one_price() -> None:
    other = replace(NQ, strategy_id=TWO, net_qty=-1, avg_price=D(20010))
    mine, theirs = with_said([NQ, other], {HERE: D(-200)})
    assert mine.mark == theirs.mark == D(19980)  # 800 lost by one, 600 won by the other


@pytest.mark.parametrize(
    "held",
    [
        [NQ, replace(ES, mark=None)],  # two that nobody can tell apart
        [NQ, replace(NQ, strategy_id=TWO, net_qty=-2)],  # the sum says nothing about the price
        [replace(NQ, root="XX")],
        [NQ, replace(ES, root="XX")],
    ],
)
def test_it_is_never_a_guess(held: list[HeldFact]) -> None:
    assert list(with_said(held, {HERE: D(100)})) == held


def test_another_accounts_word_is_none() -> None:
    assert with_said([NQ], {AccountId(2): D(100)}) == (NQ,)


nets = st.lists(st.integers(-5, 5).filter(bool), min_size=1, max_size=4)
averages = st.lists(st.integers(19_000, 21_000), min_size=4, max_size=4)


@given(nets, averages, st.integers(76_000, 84_000))
def test_it_is_the_price_the_sum_was_made_with(
    qtys: list[int], at: list[int], quarters: int
) -> None:
    price = D(quarters) / 4
    held = [
        replace(NQ, strategy_id=StrategyId(n), net_qty=qty, avg_price=D(at[n]))
        for n, qty in enumerate(qtys)
    ]
    said = sum((gross_usd(e.avg_price, price, e.net_qty, D(20)) for e in held), D(0))
    marks = {each.mark for each in with_said(held, {HERE: said})}
    assert marks == ({price} if sum(qtys) else {None})
