"""What a slice owes, from its seed alone."""

from __future__ import annotations

from collections import Counter
from itertools import islice

from tests.chaos.layout import SERVICES, Kind, Size, alerts, closings, strategies, strikes

NAMES = [f"L{login}A{number}" for login in range(1, 6) for number in range(1, 5)]
SIZE = Size("1:3/20", 50, 5_000, 20, 2.8, ("execution-postgres", "execution-venue"))


def test_the_same_seed_is_the_same_slice() -> None:
    among = strategies(NAMES)
    assert list(islice(alerts(SIZE, among), 200)) == list(islice(alerts(SIZE, among), 200))
    assert strikes(SIZE) == strikes(SIZE)


def test_each_service_dies_twenty_times_in_a_whole_run_half_of_them_near_a_call() -> None:
    kills = [each for each in strikes(SIZE) if each.kind in {Kind.KILL, Kind.BACKEND}]
    assert len(kills) == SIZE.kills
    services = Counter(each.victim for each in kills if each.victim in SERVICES)
    assert set(services) == set(SERVICES)
    assert 20 * min(services.values()) >= 20
    aimed = [each for each in kills if each.victim in SERVICES and each.near_call]
    assert len(aimed) * 2 >= services.total()
    assert {each.victim for each in kills} >= {"postgres", "valkey"}


def test_all_other_blows_are_in_a_slice() -> None:
    assert {each.kind for each in strikes(SIZE)} == set(Kind)
    assert all(1 <= each.after < SIZE.alerts for each in strikes(SIZE))
    pauses = [each.lasts_s for each in strikes(SIZE) if each.kind is Kind.PAUSE]
    assert all(1 <= lasts_s <= 30 for lasts_s in pauses)


def test_no_two_strategies_trade_one_root_in_one_account() -> None:
    among = strategies(NAMES)
    owners = Counter((account, each.symbol) for each in among for account, _ in each.accounts)
    assert set(owners.values()) == {1}
    assert {len(each.accounts) for each in among} == {1, 2}
    assert {account for account, _ in owners} == set(NAMES)


def test_the_day_is_closed_for_every_strategy() -> None:
    among = strategies(NAMES)
    last = list(closings(100, among))
    assert [each.strategy for each in last] == [each.name for each in among]
    assert {str(each.asks) for each in last} == {
        "{'action': 'close'}",
        "{'market_position': 'flat', 'market_position_size': 0}",
    }
