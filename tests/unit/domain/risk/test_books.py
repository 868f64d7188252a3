"""What is won, held and may be lost, to the dollar; and what is remembered of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.money import Usd
from shared.domain.order import Action, Fill
from shared.domain.risk.assess import NOTHING_KEPT, Kept, observed, standing_of
from shared.domain.risk.books import Books, Cash, Coming, Holding, StopLeg, Sums, anchor_of
from shared.domain.risk.limits import LimitKind, Reached
from shared.domain.risk.prop import floor_usd, room_usd
from shared.domain.risk.realized import fold_realized
from shared.domain.rules.limits import Limits
from shared.domain.rules.prop import DrawdownKind, PropRules

NOW = datetime(2026, 11, 3, 15, tzinfo=UTC)
ON = date(2026, 11, 3)
D = Decimal
NO_LIMITS = Limits()
LOSS = Limits(daily_loss_usd=D(1000))
FIRM = PropRules(name="50K", start_balance_usd=D(50000), drawdown_usd=D(2500))
LONG = Holding("NQ", 2, D(20000), D(20010), (StopLeg(2, D(19990)),))


def fills(*trades: tuple[int, str]) -> list[Fill]:
    """Signed contracts and a price each."""
    return [
        Fill(Action.BUY if qty > 0 else Action.SELL, abs(qty), D(price), NOW)
        for qty, price in trades
    ]


def test_what_is_realised_comes_from_the_average_and_a_turn_opens_anew() -> None:
    found = fold_realized(fills((2, "100"), (-1, "110"), (-2, "90"), (1, "95")), D(20))
    assert [earned for earned, _ in found] == [0, 200, -200, -100]


trades = st.lists(
    st.tuples(st.sampled_from([-3, -2, -1, 1, 2, 3]), st.integers(90, 110)), max_size=20
)


@given(trades, st.integers(90, 110))
def test_realised_and_open_are_all_the_money_that_moved(
    made: list[tuple[int, int]], mark: int
) -> None:
    walked = list(fold_realized(fills(*((q, str(p)) for q, p in made)), D(20)))
    held = walked[-1][1] if walked else None
    open_usd = (
        D(0)
        if held is None or held.avg_price is None
        else (mark - held.avg_price) * held.net_qty * 20
    )
    net = sum(qty for qty, _ in made)
    moved = sum(-qty * price for qty, price in made) * 20 + net * mark * 20
    assert abs(sum((e for e, _ in walked), D(0)) + open_usd - moved) < D("1e-15")


def test_open_and_further_losses_are_told_to_the_dollar() -> None:
    books = Books(ON, Sums(D(-100)), Sums(D(300)), (LONG,))
    assert books.mark is not None
    assert (books.mark.day_usd, books.mark.week_usd) == (D(300), D(700))
    # 20 points of 20 USD for each of two contracts, and 5 USD a side to close
    assert books.further_usd == 2 * 20 * 20 + 2 * 5
    slipping = replace(books, held=(replace(LONG, slippage_ticks=4),))
    assert slipping.further_usd == 810 + 2 * 4 * 5


def test_entries_under_way_and_untold_fees_are_counted() -> None:
    books = Books(ON, week=Sums(untold={"NQ": 3}), coming=(Coming("NQ", 2, 10, 1),))
    assert books.further_usd == 2 * 11 * 5 + 2 * 10 + 3 * 5


@pytest.mark.parametrize(
    "change",
    [
        {"stops": ()},
        {"stops": (StopLeg(1, D(19990)),)},
        {"mark": None},
        {"root": "ZZZ"},
    ],
)
def test_without_a_stop_or_a_price_there_is_no_bound(change: dict[str, object]) -> None:
    held = replace(LONG, **change)  # type: ignore[arg-type] # fields vary
    assert Books(ON, held=(held,)).further_usd is None


def test_the_farthest_of_too_many_stops_count_and_a_passed_one_costs_slippage() -> None:
    two = (StopLeg(1, D(20005)), StopLeg(1, D(19990)), StopLeg(2, D(19995)))
    assert Books(ON, held=(replace(LONG, stops=two),)).further_usd == 20 * 20 + 15 * 20 + 10
    passed = replace(LONG, mark=D(19980), slippage_ticks=2)
    assert Books(ON, held=(passed,)).further_usd == 2 * 2 * 5 + 10
    short = Holding("NQ", -1, D(20000), D(19990), (StopLeg(1, D(20010)),))
    assert Books(ON, held=(short,)).further_usd == 20 * 20 + 5


def test_a_reached_limit_outlives_a_better_mark_and_an_unknown_one_until_midnight_is_past() -> None:
    worst = observed(NOTHING_KEPT, LOSS, None, Books(ON, Sums(D(-1000)), Sums(D(-1000))))
    assert [each.kind for each in worst.reached] == [LimitKind.DAILY_LOSS]
    better = observed(worst, LOSS, None, Books(ON, Sums(D(50)), Sums(D(50))))
    blind = Books(ON, held=(replace(LONG, mark=None),))
    assert standing_of(better, LOSS, None, blind).reached == worst.reached
    tomorrow = ON + timedelta(days=1)
    assert observed(better, LOSS, None, replace(blind, on=tomorrow)).reached == frozenset()


def test_a_reached_limit_outlives_a_change_of_the_limit() -> None:
    kept = Kept(frozenset({Reached(LimitKind.DAILY_LOSS, ON, D(1000), D(-1000))}))
    assert observed(kept, NO_LIMITS, None, Books(ON)).reached == kept.reached


def cash(balance: int) -> Cash:
    return Cash(D(balance), NOW)


def firm_books(on: date, balance: int, day: int, open_points: int | None = 0) -> Books:
    """One NQ whose open result is 20 USD a point; None: no price."""
    mark = None if open_points is None else D(20000 + open_points)
    held = (Holding("NQ", 1, D(20000), mark, (StopLeg(1, D(19900)),)),)
    return Books(on, Sums(D(day)), held=held if open_points != 0 else (), cash=cash(balance))


def test_a_prop_account_that_traded_before_hangs_from_its_highest_known_balance() -> None:
    state = standing_of(NOTHING_KEPT, NO_LIMITS, FIRM, firm_books(ON, 51000, 400)).prop
    assert state is not None
    assert (state.day_start_usd, state.peak_usd) == (D(50600), D(51000))
    poorer = standing_of(NOTHING_KEPT, NO_LIMITS, FIRM, firm_books(ON, 49000, -100)).prop
    assert poorer is not None
    assert floor_usd(poorer, FIRM) == 47500


def test_what_was_realised_unseen_belongs_to_the_day_it_was_realised_on() -> None:
    by = FIRM.model_copy(update={"drawdown_kind": DrawdownKind.END_OF_DAY})
    kept = observed(NOTHING_KEPT, NO_LIMITS, by, firm_books(ON, 50000, 0))
    # down since; meanwhile 1,000 were made on the same day, and 200 lost on the next
    tomorrow = ON + timedelta(days=1)
    kept = observed(kept, NO_LIMITS, by, firm_books(tomorrow, 50800, -200))
    assert kept.prop is not None
    assert kept.prop.days == {ON: 1000}
    assert kept.prop.day_start_usd == 51000
    assert room_usd(kept.prop, by) == 50800 - 48500


def test_a_breach_is_named_even_while_nothing_is_known() -> None:
    kept = observed(NOTHING_KEPT, NO_LIMITS, FIRM, firm_books(ON, 47500, -2500))
    blind = firm_books(ON + timedelta(days=1), 60000, 0, open_points=None)
    stopped = standing_of(kept, NO_LIMITS, FIRM, blind).prop
    assert stopped is not None
    assert stopped.breach == "prop.drawdown"
    fine = observed(NOTHING_KEPT, NO_LIMITS, FIRM, firm_books(ON, 50000, 0))
    assert standing_of(fine, NO_LIMITS, FIRM, blind).prop is None


def test_the_brokers_cash_counts_when_the_account_is_flat_and_quiet() -> None:
    kept, said = Cash(D(1), NOW - timedelta(hours=1)), Cash(D(2), NOW)
    later = NOW + timedelta(seconds=2)
    assert anchor_of(kept, said, NOW, later, flat=True) == said
    assert anchor_of(None, said, None, NOW, flat=True) == said
    assert anchor_of(kept, said, NOW, NOW, flat=True) == kept  # not settled
    assert anchor_of(kept, said, NOW, later, flat=False) == kept
    assert anchor_of(kept, None, None, later, flat=True) == kept
    assert anchor_of(said, kept, None, later, flat=True) == said  # an older word
    much_later = NOW + timedelta(minutes=1)
    unheard = NOW + timedelta(seconds=1)  # a fill that the word cannot know
    assert anchor_of(kept, said, unheard, much_later, flat=True) == kept


def test_the_balance_goes_on_by_the_accounts_own_fills() -> None:
    assert Cash(Usd(50000), NOW, Usd(-300)).balance_usd == 49700


def test_the_brokers_word_stands_in_for_prices_that_are_missing() -> None:
    unknown = Books(ON, held=(replace(LONG, mark=None),), said_usd=D(-150))
    assert (unknown.is_priced, unknown.open_usd, unknown.further_usd) == (False, D(-150), None)
    known = Books(ON, held=(LONG,), said_usd=D(-150))
    assert known.is_priced
    assert known.open_usd != D(-150)
