from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.errors import InvalidInput
from shared.domain.instruments import PRODUCTS
from shared.domain.price import Rounding, is_on_tick, offset, snap, ticks_between

all_ticks = st.sampled_from(sorted({product.tick_size for product in PRODUCTS.values()}))
prices = st.decimals(min_value=-200_000, max_value=200_000, places=9)
counts = st.integers(min_value=-(10**7), max_value=10**7)


@pytest.mark.parametrize(
    ("price", "tick", "on_tick"),
    [
        ("20000.25", "0.25", True),
        ("20000.30", "0.25", False),
        ("108.0078125", "0.0078125", True),  # 1/128
        ("118.03125", "0.03125", True),  # 1/32
        ("118.03", "0.03125", False),
        ("0.0067895", "0.0000005", True),
        ("0.00678951", "0.0000005", False),
        ("-37.63", "0.01", True),
        ("-37.635", "0.01", False),
        ("0", "5", True),
    ],
)
def test_the_grid(price: str, tick: str, on_tick: bool) -> None:
    assert is_on_tick(Decimal(price), Decimal(tick)) is on_tick


@pytest.mark.parametrize(
    ("price", "tick", "direction", "snapped"),
    [
        ("20000.30", "0.25", Rounding.DOWN, "20000.25"),
        ("20000.30", "0.25", Rounding.UP, "20000.50"),
        ("20000.30", "0.25", Rounding.NEAREST, "20000.25"),
        ("20000.40", "0.25", Rounding.NEAREST, "20000.50"),
        ("20000.125", "0.25", Rounding.NEAREST, "20000.00"),  # half-way: the even tick
        ("20000.375", "0.25", Rounding.NEAREST, "20000.50"),
        ("20000.25", "0.25", Rounding.DOWN, "20000.25"),
        ("20000.25", "0.25", Rounding.UP, "20000.25"),
        ("-37.635", "0.01", Rounding.DOWN, "-37.64"),  # below zero, down is still lower
        ("-37.635", "0.01", Rounding.UP, "-37.63"),
        ("-37.635", "0.01", Rounding.NEAREST, "-37.64"),
        ("118.04", "0.03125", Rounding.UP, "118.0625"),
        ("0.00678951", "0.0000005", Rounding.DOWN, "0.0067895"),
    ],
)
def test_snap(price: str, tick: str, direction: Rounding, snapped: str) -> None:
    assert snap(Decimal(price), Decimal(tick), direction) == Decimal(snapped)


@given(price=prices, tick=all_ticks)
def test_snap_lands_on_the_grid_and_never_crosses_the_wrong_way(
    price: Decimal, tick: Decimal
) -> None:
    down = snap(price, tick, Rounding.DOWN)
    up = snap(price, tick, Rounding.UP)
    nearest = snap(price, tick, Rounding.NEAREST)

    assert down <= price <= up
    assert up - down == (0 if is_on_tick(price, tick) else tick)
    assert nearest in {down, up}
    assert abs(nearest - price) * 2 <= tick
    assert all(is_on_tick(snapped, tick) for snapped in (down, up, nearest))


@given(price=prices, count=counts, tick=all_ticks)
def test_offset_and_distance_are_inverse(price: Decimal, count: int, tick: Decimal) -> None:
    assert ticks_between(price, offset(price, count, tick), tick) == count
    assert ticks_between(offset(price, count, tick), price, tick) == -count


def test_offset_keeps_a_price_off_the_grid_where_it_was() -> None:
    assert offset(Decimal("20000.30"), -2, Decimal("0.25")) == Decimal("19999.80")


def test_a_distance_between_ticks_is_refused_with_its_values() -> None:
    with pytest.raises(InvalidInput) as caught:
        ticks_between(Decimal("1.00"), Decimal("1.30"), Decimal("0.25"))
    assert caught.value.code == "price.off_tick"
    assert caught.value.context["b"] == Decimal("1.30")


def test_an_unknown_direction_fails_loudly() -> None:
    with pytest.raises(AssertionError):
        snap(Decimal(1), Decimal(1), "sideways")  # type: ignore[arg-type] # a wrong direction


@pytest.mark.parametrize("tick", ["0", "-0.25"])
def test_a_tick_is_positive(tick: str) -> None:
    with pytest.raises(ValueError, match="must be positive"):
        is_on_tick(Decimal(1), Decimal(tick))
