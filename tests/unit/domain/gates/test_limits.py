from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from shared.domain.decision.scene import Exposure
from shared.domain.decision.words import Move
from shared.domain.gates.exposure import exposure_of, once_exited, worst_of
from shared.domain.gates.limits import over_order_limit, over_position_limit
from shared.domain.order import Action, IntentState, Role
from shared.domain.plan import Book, Denied, Held
from shared.domain.rules import AccountRules, StrategyRules
from shared.domain.rules.limits import Limits
from tests.unit.domain.gates.builders import LINK, book, entry, under_way


def code(denied: Denied | None) -> str | None:
    return None if denied is None else denied.code


def strategy(**limits: Any) -> dict[str, Any]:
    return {"rules": StrategyRules(limits=Limits(**limits))}


def account(**limits: Any) -> dict[str, Any]:
    return {"account": AccountRules(limits=Limits(**limits))}


@pytest.mark.parametrize(("whose", "name"), [(strategy, "strategy"), (account, "account")])
def test_the_size_of_an_order(whose: Any, name: str) -> None:
    refused = f"limits.{name}_order"
    assert code(over_order_limit(entry(**whose(max_order_contracts=3), qty_contracts=3))) is None
    assert code(over_order_limit(entry(**whose(max_order_contracts=3), qty_contracts=4))) == refused
    assert code(over_order_limit(entry(**whose(max_order_contracts=0)))) == refused
    assert code(over_order_limit(entry(**whose(), qty_contracts=1_000_000))) is None


@pytest.mark.parametrize(
    ("held", "coming", "qty", "action", "worst"),
    [
        (0, (), 2, Action.BUY, 2),
        (1, (), 1, Action.BUY, 2),
        (0, (1,), 1, Action.BUY, 2),
        (0, (2,), 1, Action.SELL, 2),
        (2, (-2,), 1, Action.BUY, 3),
        (2, (-2,), 1, Action.SELL, 3),
        (-2, (), 1, Action.SELL, 3),
        (-1, (2,), 1, Action.BUY, 3),
    ],
)
def test_the_worst_of_what_may_fill(
    held: int, coming: tuple[int, ...], qty: int, action: Action, worst: int
) -> None:
    known = book(held, *coming)
    assert worst_of(known, "NQ", ("NQZ6", action.sign * qty)) == worst
    made: dict[str, Any] = {"scene": {"book": known}, "qty_contracts": qty, "action": action}
    for limits, refused in (
        (strategy(max_position_contracts=worst), None),
        (strategy(max_position_contracts=worst - 1), "limits.strategy_position"),
        (strategy(max_root_contracts={"NQ": worst}), None),
        (strategy(max_root_contracts={"NQ": worst - 1}), "limits.strategy_root"),
        (strategy(max_root_contracts={"ES": 0}), None),
        (account(max_position_contracts=worst), None),
        (account(max_position_contracts=worst - 1), "limits.account_position"),
        (account(max_root_contracts={"NQ": worst}), None),
        (account(max_root_contracts={"NQ": worst - 1}), "limits.account_root"),
        ({"link": replace(LINK, max_contracts=worst)}, None),
        ({"link": replace(LINK, max_contracts=worst - 1)}, "limits.link"),
    ):
        assert code(over_position_limit(entry(**made, **limits))) == refused


def test_a_maximum_of_zero_on_the_link_is_none_and_a_limit_of_zero_is_one() -> None:
    assert over_position_limit(entry(link=replace(LINK, max_contracts=0))) is None
    denied = over_position_limit(entry(**strategy(max_position_contracts=0)))
    assert denied is not None
    assert denied.detail == {"contracts": "1", "limit": "0", "root": "NQ"}


def test_an_exit_under_way_may_fail() -> None:
    leaving = replace(book(1), open_intents=(under_way(-1, role=Role.EXIT),))
    made = entry(scene={"book": leaving}, **strategy(max_position_contracts=1))
    assert code(over_position_limit(made)) == "limits.strategy_position"
    assert over_position_limit(replace(made, action=Action.SELL)) is None


_EXIT, _PART, _TP, _SL = Role.EXIT, Role.REDUCE, Role.TAKE_PROFIT, Role.STOP_LOSS


@pytest.mark.parametrize(
    ("held", "closing", "qty", "worst"),
    [
        (3, ((-3, _EXIT),), -4, 4),  # it may fill wholly, and then nothing of it is left
        (0, ((-3, _EXIT),), -4, 7),  # the entry of another way in took it to flat
        (1, ((-3, _EXIT),), -4, 6),
        (-1, ((-2, _EXIT),), -1, 4),
        (-1, ((-2, _EXIT),), 2, 3),
        (3, ((-1, _PART), (-2, _TP), (-2, _SL)), -1, 3),
        (1, ((-1, _TP), (-1, _SL)), -1, 1),  # a pair ends itself
        (0, ((-2, _TP), (-2, _SL)), -3, 5),  # orphans
        (0, ((-2, _TP), (-2, _SL)), 3, 3),
        (0, ((-2, _TP), (-3, _SL), (-1, _EXIT)), -1, 5),
    ],
)
def test_what_closes_counts_beyond_what_is_held(
    held: int, closing: tuple[tuple[int, Role], ...], qty: int, worst: int
) -> None:
    under = tuple(under_way(each, role=role) for each, role in closing)
    known = replace(book(held), open_intents=under)
    assert worst_of(known, "NQ", ("NQZ6", qty)) == worst
    facts = {"book": known, "exposure": exposure_of([known])}
    action = Action.BUY if qty > 0 else Action.SELL
    made: dict[str, Any] = {"scene": facts, "qty_contracts": abs(qty), "action": action}
    for whose, name in ((strategy, "strategy"), (account, "account")):
        assert over_position_limit(entry(**made, **whose(max_position_contracts=worst))) is None
        less = entry(**made, **whose(max_position_contracts=worst - 1))
        assert code(over_position_limit(less)) == f"limits.{name}_position"
    pending = tuple(replace(each, state=IntentState.PENDING) for each in under)
    waits = replace(known, open_intents=pending)  # it will be sized by what is held then
    assert worst_of(waits, "NQ") == abs(held)


def test_the_entry_of_a_reverse_starts_from_flat() -> None:
    facts = {"book": book(3), "exposure": exposure_of([book(3)])}
    limits = {**strategy(max_position_contracts=3), **account(max_position_contracts=3)}
    turn = entry(scene=facts, move=Move.REVERSE, action=Action.SELL, qty_contracts=3, **limits)
    assert over_position_limit(turn) is None
    four = replace(turn, qty_contracts=4)
    assert code(over_position_limit(four)) == "limits.strategy_position"


def test_what_a_reverse_does_not_end_still_counts() -> None:
    leaving = Book(
        held=(Held("NQU6", "NQ", 2), Held("NQZ6", "NQ", 1)),
        open_intents=(under_way(-2, contract="NQU6", role=Role.EXIT),),
    )
    assert once_exited(leaving, "NQ").held == (Held("NQU6", "NQ", 2),)


def test_opposite_owners_count_both() -> None:
    mine, other = book(2), book(-3)
    facts = {"book": mine, "exposure": exposure_of([mine, other])}
    assert facts["exposure"] == Exposure(net={"NQ": -1}, gross={"NQ": 5})
    assert over_position_limit(entry(scene=facts, **account(max_position_contracts=6))) is None
    denied = over_position_limit(entry(scene=facts, **account(max_position_contracts=5)))
    assert denied is not None
    assert denied.detail["contracts"] == "6"


def test_a_net_position_beyond_the_gross_one_is_not_overlooked() -> None:
    """Books of the owners that do not add up: the larger figure rules."""
    facts = {"exposure": Exposure(net={"NQ": 4}, gross={"NQ": 1})}
    assert code(over_position_limit(entry(scene=facts, **account(max_position_contracts=4)))) == (
        "limits.account_position"
    )


def test_all_roots_count_for_a_position_and_one_for_a_root() -> None:
    mine = Book(held=(Held("NQZ6", "NQ", 1), Held("ESZ6", "ES", -2)))
    facts = {"book": mine, "exposure": exposure_of([mine])}
    for whose in (strategy, account):
        four = entry(scene=facts, **whose(max_position_contracts=4, max_root_contracts={"NQ": 2}))
        assert over_position_limit(four) is None
        assert over_position_limit(entry(scene=facts, **whose(max_position_contracts=3)))


def test_two_contracts_of_a_root_do_not_cancel_out() -> None:
    spread = Book(held=(Held("NQZ6", "NQ", 1), Held("NQH7", "NQ", -1)))
    assert worst_of(spread, "NQ", ("NQZ6", 1)) == 3
