"""Whatever is asked, filled, refused or forgotten: no limit is ever passed.

What holds is checked here from the facts, by other means than the gates use.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.domain.alert_signal import Side
from shared.domain.decision import decide as decision
from shared.domain.ids import StrategyId
from shared.domain.order import Role
from shared.domain.rules import AccountRules, StrategyRules
from shared.domain.rules.entries import EntryRules, Hours, Opposite
from shared.domain.rules.limits import Brakes, Limits
from shared.domain.strategy import SizeFrom
from tests.unit.domain.gates.builders import LINK, STRATEGY
from tests.unit.domain.gates.test_windows import MINUTE, hours, walk, window
from tests.unit.domain.gates.world import Asked, Filled, Order, World

# Two nights in which New York changes its clocks, and one of sleep.
STARTS = [datetime(2026, *day, 20, tzinfo=UTC) for day in ((3, 7), (10, 31), (11, 3))]


@dataclass(frozen=True, slots=True)
class Step:
    """After `wait_s` an alert (`side` None closes), or the venue acts on its `nth` open order."""

    wait_s: float
    act: str
    who: int
    side: Side | None
    qty: int
    root: str
    nth: int


steps = st.builds(
    Step,
    wait_s=st.sampled_from([0, 0, 0, 0.5, 1, 1, 29, 30, 59.999, 60, 61, 600, 3600]),
    act=st.sampled_from(["alert", "alert", "alert", "fill", "fill", "end"]),
    who=st.integers(0, 1),
    side=st.sampled_from([Side.BUY, Side.BUY, Side.SELL, None]),
    qty=st.integers(1, 4),
    root=st.sampled_from(["NQ", "NQ", "ES"]),
    nth=st.integers(0, 5),
)
# One rule at a time for the most part: all together leave little to happen.
limits = st.sampled_from([{}, {}, {"max_order_contracts": 3}]) | st.one_of(
    st.fixed_dictionaries({"max_position_contracts": st.integers(0, 8)}),
    st.fixed_dictionaries(
        {"max_root_contracts": st.dictionaries(st.sampled_from(["NQ", "ES"]), st.integers(0, 5))}
    ),
)
brakes = st.sampled_from(
    [
        {},
        {},
        {"duplicate_s": 1},
        {"duplicate_s": 60},
        {"max_entries_per_minute": 1},
        {"max_entries_per_minute": 3},
        {"entries_before_review": 4},
    ]
)
pauses = st.sampled_from(
    [{}, {}, {"add_delay_s": 30}, {"add_delay_s": 60}, {"every_nth": 2}, {"cooldown_s": 60}]
)
times = st.sampled_from(
    [
        Hours(),
        Hours(),
        Hours(),
        hours(window("22:00", "02:30")),
        hours(window("01:30", "03:15"), window("08:00", "20:00")),
    ]
)
rules = st.builds(
    StrategyRules,
    opposite=st.sampled_from([Opposite.REVERSE, Opposite.REVERSE, Opposite.CLOSE]),
    hours=times,
    entries=pauses.map(EntryRules.model_validate),
    limits=limits.map(Limits.model_validate),
    brakes=brakes.map(Brakes.model_validate),
)
account = st.builds(
    AccountRules,
    hours=times,
    limits=limits.map(Limits.model_validate),
    brakes=brakes.map(Brakes.model_validate),
)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    plain = replace(STRATEGY, size_from=SizeFrom.SIGNAL)
    two = tuple(replace(plain, id=StrategyId(each), rules=draw(rules)) for each in (1, 2))
    link = replace(
        LINK,
        exclusive=draw(st.booleans()),
        max_contracts=draw(st.sampled_from([0, 0, 0, 3])),
        rules=draw(account),
    )
    return World(two, link)


def act(world: World, step: Step, now: datetime) -> None:
    match step.act:
        case "alert":
            world.alert(Asked(now, step.who, step.side, step.qty, step.root))
        case "fill":
            world.fill(now, step.nth, step.qty)
        case _:
            world.end(step.nth)


def check(world: World) -> None:
    """Limits at this moment: what is held and what may still fill, each side by itself."""
    sides: dict[tuple[int, str], list[int]] = {}
    for (who, contract), qty in world.net.items():
        sides[who, contract] = [max(0, qty), max(0, -qty)]
    for number, left in world.remaining.items():
        order = world.orders[number]
        if order.role is Role.ENTRY and not waits(world, number):
            both = sides.setdefault((order.who, order.contract), [0, 0])
            both[0 if left > 0 else 1] += abs(left)
    if world.link.exclusive:
        owners = {(contract[:2], who) for (who, contract), both in sides.items() if any(both)}
        assert len(owners) == len({root for root, _ in owners}), "owner"
    most = {key: max(both) for key, both in sides.items()}
    for who, strategy in enumerate(world.strategies):
        mine = {contract: qty for (owner, contract), qty in most.items() if owner == who}
        within(strategy.rules.limits, mine)
        cap = world.link.max_contracts
        assert cap == 0 or all(qty <= cap for qty in mine.values()), "the link's maximum"
    everyone: Counter[str] = Counter()
    for (_, contract), qty in most.items():
        everyone[contract] += qty
    within(world.link.rules.limits, everyone)


def waits(world: World, number: int) -> bool:
    """The entry of a reverse has not left before its exit is over; it never does beside a rest."""
    order = world.orders[number]
    if order.after is None or world.remaining[number] != order.qty:
        return False
    return order.after in world.remaining or world.net.get((order.who, order.contract), 0) != 0


def within(limit: Limits, contracts: dict[str, int]) -> None:
    most = limit.max_position_contracts
    assert most is None or sum(contracts.values()) <= most, "position"
    for contract, qty in contracts.items():
        bound = limit.max_root_contracts.get(contract[:2])
        assert bound is None or qty <= bound, "root"


def check_entries(world: World) -> None:
    """What holds of all entries that were ever planned."""
    for who, strategy in enumerate(world.strategies):
        made, own = world.entries(who), strategy.rules
        check_paces(made, own.limits, own.brakes)
        for before, entry in pairwise(made):
            if entry.add:
                assert seconds(before, entry) >= own.entries.add_delay_s, "add delay"
        check_signals(world, who)
        check_hours(own.hours, made)
        check_hours(world.link.rules.hours, made)
    check_paces(world.entries(), world.link.rules.limits, world.link.rules.brakes)


def check_signals(world: World, who: int) -> None:
    """Each n-th signal, and the rest after a position: the facts told once more, in order."""
    own = world.strategies[who].rules.entries
    asked, net, ended = 0, Counter[str](), None
    for fact in world.facts:
        match fact:
            case Asked() if fact.who == who:
                asked += fact.side is not None
            case Filled() if world.orders[fact.order].who == who:
                net[world.orders[fact.order].contract] += fact.qty
                ended = None if any(net.values()) else fact.at
            case Order() if fact.who == who and fact.role is Role.ENTRY:
                assert asked % own.every_nth == 0, "each nth"
                if own.cooldown_s and not fact.add:
                    turns = fact.after is not None or net[fact.contract] != 0
                    rested = ended is None or fact.at - ended >= timedelta(seconds=own.cooldown_s)
                    assert rested and not turns, "cooldown"  # noqa: PT018 - one rule


def check_hours(setting: Hours, made: list[Order]) -> None:
    if not setting.windows or not made:
        return
    since = made[0].at.replace(second=0, microsecond=0)
    open_at = dict(walk(setting, since, int((made[-1].at - since) / MINUTE) + 1))
    for entry in made:
        assert open_at[entry.at.replace(second=0, microsecond=0)], "hours"


def check_paces(made: list[Order], limit: Limits, brake: Brakes) -> None:
    bound, per_minute = limit.max_order_contracts, brake.max_entries_per_minute
    assert bound is None or all(abs(each.qty) <= bound for each in made), "order"
    review = brake.entries_before_review
    assert review is None or len(made) <= review, "review"
    for number, entry in enumerate(made):
        earlier = made[:number]
        latest = [each for each in earlier if seconds(each, entry) < 60]
        assert per_minute is None or len(latest) < per_minute, "per minute"
        alike = [
            each for each in earlier if (each.contract, each.qty) == (entry.contract, entry.qty)
        ]
        assert all(seconds(each, entry) >= brake.duplicate_s for each in alike), "duplicate"


def seconds(first: Order, second: Order) -> float:
    return (second.at - first.at).total_seconds()


def run(world: World, taken: list[Step], start: datetime, restarts: frozenset[int]) -> World:
    """Acts step by step; at each of `restarts` all that is not a fact is lost."""
    now = start
    for number, step in enumerate(taken):
        if number in restarts:
            world = world.again()
        now += timedelta(seconds=step.wait_s)
        act(world, step, now)
        check(world)
    check_entries(world)
    return world


many = st.lists(steps, min_size=15, max_size=40)
points = st.frozensets(st.integers(0, 40), max_size=4)


@settings(  # each is a small life of two strategies; drawing one takes a loaded machine a while
    deadline=None,
    max_examples=150,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(worlds(), many, st.sampled_from(STARTS), points)
def test_no_limit_is_ever_passed_and_a_restart_changes_nothing(
    world: World, taken: list[Step], start: datetime, restarts: frozenset[int]
) -> None:
    other = world.again()
    once = run(world, taken, start, frozenset())
    again = run(other, taken, start, restarts)
    assert once.facts == again.facts


def bare(*waits: float, side: Side | None = Side.BUY, qty: int = 1) -> list[Step]:
    """An alert after each wait, filled at once."""
    fill = Step(0, "fill", 0, None, 9, "NQ", 0)
    return [each for wait in waits for each in (Step(wait, "alert", 0, side, qty, "NQ", 0), fill)]


CLOSES = [*bare(0), *bare(1, side=None), *bare(1)]
WRONG = [
    ("position", StrategyRules(limits=Limits(max_position_contracts=1)), bare(0, 1)),
    ("root", StrategyRules(limits=Limits(max_root_contracts={"NQ": 0})), bare(0)),
    ("order", StrategyRules(limits=Limits(max_order_contracts=1)), bare(0, qty=2)),
    ("add delay", StrategyRules(entries=EntryRules(add_delay_s=2)), bare(0, 1)),
    ("each nth", StrategyRules(entries=EntryRules(every_nth=2)), bare(0)),
    ("cooldown", StrategyRules(entries=EntryRules(cooldown_s=2)), CLOSES),
    (
        "cooldown",
        StrategyRules(entries=EntryRules(cooldown_s=2)),
        bare(0) + bare(9, side=Side.SELL),
    ),
    ("duplicate", StrategyRules(brakes=Brakes(duplicate_s=2)), bare(0, 1)),
    ("per minute", StrategyRules(brakes=Brakes(max_entries_per_minute=1)), bare(0, 59)),
    ("review", StrategyRules(brakes=Brakes(entries_before_review=1)), bare(0, 9)),
    ("hours", StrategyRules(hours=hours(window("09:00", "10:00"))), bare(0)),
]


@pytest.mark.parametrize(("what", "own", "taken"), WRONG, ids=lambda value: str(value)[:12])
@pytest.mark.parametrize("of_the_account", [False, True])
def test_each_check_can_fail(
    monkeypatch: pytest.MonkeyPatch,
    what: str,
    own: StrategyRules,
    taken: list[Step],
    of_the_account: bool,
) -> None:
    """With the gates away the same steps pass the limit, and are caught; with them they do not."""
    strategy, link = replace(STRATEGY, rules=own), LINK
    if of_the_account and own.entries == EntryRules():
        whole = AccountRules(limits=own.limits, brakes=own.brakes, hours=own.hours)
        strategy, link = STRATEGY, replace(LINK, rules=whole)
    run(World((strategy,), link), taken, STARTS[0], frozenset())
    monkeypatch.setattr(decision, "first_denial", lambda _: None)
    with pytest.raises(AssertionError, match=what):
        run(World((strategy,), link), taken, STARTS[0], frozenset())


def test_the_links_maximum_counts_what_may_still_fill(monkeypatch: pytest.MonkeyPatch) -> None:
    """Close, and the same side again while the exit works: flat is expected, not certain."""
    alerts = [*bare(0, qty=2), *bare(1, side=None, qty=2)[:1], *bare(1, qty=2)[:1]]
    link = replace(LINK, max_contracts=2)
    world = run(World((STRATEGY,), link), alerts, STARTS[0], frozenset())
    assert len(world.entries()) == 1
    monkeypatch.setattr(decision, "first_denial", lambda _: None)
    with pytest.raises(AssertionError, match="maximum"):
        run(World((STRATEGY,), link), alerts, STARTS[0], frozenset())
