from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from shared.domain.calendar import front_month
from shared.domain.gates.session import contract_ends, market_closed
from shared.domain.instruments import PRODUCTS
from tests.unit.domain.gates.builders import NOW, entry

SATURDAY = datetime(2026, 11, 7, 15, tzinfo=UTC)


def test_a_closed_market_takes_no_entry_and_says_when_it_opens() -> None:
    denied = market_closed(entry(scene={"now": SATURDAY, "keeps_hours": True}))
    assert denied is not None
    assert denied.code == "session.closed"
    assert denied.detail["next_open"] == "2026-11-08 23:00:00+00:00"


def test_an_open_market_does_and_so_does_a_venue_without_hours() -> None:
    assert market_closed(entry(scene={"keeps_hours": True})) is None
    assert market_closed(entry(scene={"now": SATURDAY})) is None


@pytest.mark.parametrize(
    ("minute", "code"),
    [(59, None), (60, "session.closed"), (119, "session.closed"), (120, None)],
)
def test_the_daily_break(minute: int, code: str | None) -> None:
    """16:00 to 17:00 in Chicago: from 22:00 UTC in winter."""
    now = datetime(2026, 11, 3, 21, tzinfo=UTC) + timedelta(minutes=minute)
    denied = market_closed(entry(scene={"now": now, "keeps_hours": True}))
    assert (None if denied is None else denied.code) == code


@pytest.mark.parametrize(
    ("on", "code"),
    [
        (date(2026, 12, 16), None),
        (date(2026, 12, 17), "contract.liquidation_only"),
        (date(2026, 12, 18), "contract.last_day"),
        (date(2026, 12, 21), "contract.expired"),
        (date(2027, 3, 1), "contract.expired"),
    ],
)
def test_the_last_days_of_a_contract(on: date, code: str | None) -> None:
    """The December contract of the index futures ends on the third Friday."""
    denied = contract_ends(entry(scene={"on": on}))
    assert (None if denied is None else denied.code) == code
    assert denied is None or denied.detail["last"] == "2026-12-18"


@pytest.mark.parametrize("product", PRODUCTS.values(), ids=lambda product: product.root)
def test_the_front_month_can_always_be_entered(product: object) -> None:
    known = next(each for each in PRODUCTS.values() if each is product)
    for days in range(0, 800, 1):
        on = NOW.date() + timedelta(days=days)
        name = front_month(known, on).name
        assert contract_ends(entry(root=known.root, contract=name, scene={"on": on})) is None
