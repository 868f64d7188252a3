from decimal import Decimal

import pytest

from shared.domain.errors import InvalidInput
from shared.domain.instruments import (
    PRODUCTS,
    Difference,
    ExpiryRule,
    Product,
    ProductGroup,
    product_of,
    sibling,
    warning_of,
    with_broker_figures,
)

every_product = pytest.mark.parametrize("product", PRODUCTS.values(), ids=list(PRODUCTS))


@pytest.mark.parametrize(
    ("root", "tick_value_usd"),
    [
        ("ES", "12.50"),
        ("MNQ", "0.50"),
        ("GC", "10.00"),
        ("MGC", "1.00"),
        ("HG", "12.50"),
        ("ZB", "31.25"),
        ("ZN", "15.625"),
        ("ZF", "7.8125"),
        ("ZT", "7.8125"),
        ("6E", "6.25"),
        ("6J", "6.25"),
        ("RB", "4.20"),
        ("ZL", "6.00"),
        ("GF", "12.50"),
        ("MET", "0.05"),
    ],
)
def test_the_value_of_a_tick(root: str, tick_value_usd: str) -> None:
    assert product_of(root).tick_value == Decimal(tick_value_usd)


@every_product
def test_a_row_makes_sense(product: Product) -> None:
    assert product is PRODUCTS[product.root]
    assert product.name
    assert product.exchange in {"CME", "CBOT", "NYMEX", "COMEX", "ICEUS", "CFE"}
    assert product.tick_size > 0
    assert product.point_value > 0
    assert product.hours in {"A", "B", "C", "D", "E"}
    assert list(product.cycle) == sorted(set(product.cycle))
    assert set(product.cycle) <= set("FGHJKMNQUVXZ")
    assert product.cycle


@every_product
def test_a_micro_is_a_fraction_of_its_large_contract(product: Product) -> None:
    if product.micro_of is None:
        return
    large = product_of(product.micro_of)
    assert large.micro_of is None
    assert large.point_value > product.point_value
    assert (product.group, product.hours, product.cycle) == (large.group, large.hours, large.cycle)


def test_every_group_and_rule_is_used() -> None:
    assert {product.group for product in PRODUCTS.values()} == set(ProductGroup)
    assert {product.expiry for product in PRODUCTS.values()} == set(ExpiryRule)


def test_the_doubtful_rows_are_marked_and_warn() -> None:
    ticks = {root for root, product in PRODUCTS.items() if not product.tick_verified}
    rules = {root for root, product in PRODUCTS.items() if not product.rule_verified}
    assert ticks == {"PA", "6A", "6N", "6S", "ETH", "MET"}
    assert rules == {"BZ", "ETH"}
    assert {root for root, product in PRODUCTS.items() if warning_of(product)} == ticks | rules


def test_a_warning_says_what_is_doubtful_and_why() -> None:
    assert warning_of(product_of("6S")) == (
        "6S: not verified: tick size and value of a point"
        " (older specifications have 0.0001 where 0.00005 stands here)."
    )
    assert warning_of(product_of("ETH")) == (
        "ETH: not verified: tick size and value of a point (two vendors state it differently);"
        " last trading day (read for the micro contract only)."
    )
    assert warning_of(product_of("NQ")) is None


def test_the_brokers_figures_rule_and_a_difference_is_named() -> None:
    told, difference = with_broker_figures(product_of("6S"), Decimal("0.0001"), Decimal(125_000))
    assert (told.tick_size, told.point_value) == (Decimal("0.0001"), Decimal(125_000))
    assert told.tick_value == Decimal("12.5")
    assert warning_of(told) is None
    assert difference == Difference(
        "6S", Decimal("0.00005"), Decimal("0.0001"), Decimal(125_000), Decimal(125_000)
    )
    assert difference.text == "6S: tick size is 0.0001 at the broker and 0.00005 in our table."


def test_a_difference_names_both_figures() -> None:
    _, difference = with_broker_figures(product_of("NQ"), Decimal("0.5"), Decimal(2))
    assert difference is not None
    assert difference.text == (
        "NQ: tick size is 0.5 at the broker and 0.25 in our table;"
        " value of a point in USD is 2 at the broker and 20 in our table."
    )


def test_figures_that_agree_are_no_difference_and_settle_the_doubt() -> None:
    assert with_broker_figures(product_of("NQ"), Decimal("0.250"), Decimal("20.0")) == (
        product_of("NQ"),
        None,
    )
    told, difference = with_broker_figures(product_of("ETH"), Decimal("0.5"), Decimal(50))
    assert difference is None
    assert warning_of(told) == (
        "ETH: not verified: last trading day (read for the micro contract only)."
    )


@pytest.mark.parametrize(("tick", "point"), [("0", "20"), ("0.25", "0"), ("-1", "1"), ("1", "-1")])
def test_figures_that_cannot_be_are_refused(tick: str, point: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        with_broker_figures(product_of("NQ"), Decimal(tick), Decimal(point))
    assert caught.value.code == "instrument.figures_invalid"


@pytest.mark.parametrize(
    ("root", "other"),
    [("NQ", "MNQ"), ("GC", "MGC"), ("SI", "SIL"), ("CL", "MCL"), ("6E", "M6E"), ("ETH", "MET")],
)
def test_siblings(root: str, other: str) -> None:
    assert sibling(root) == other
    assert sibling(other) == root


@every_product
def test_a_sibling_is_mutual(product: Product) -> None:
    other = sibling(product.root)
    assert other is None or sibling(other) == product.root


def test_a_product_may_stand_alone() -> None:
    assert sibling("ZC") is None
    with pytest.raises(InvalidInput):
        sibling("XX")


@every_product
def test_every_rule_is_stated_in_words(product: Product) -> None:
    assert len(product.expiry_in_words.split()) > 3


@pytest.mark.parametrize("root", ["", "XX", "nq", "NQ1!"])
def test_an_unknown_root_is_refused(root: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        product_of(root)
    assert caught.value.code == "symbol.unknown_root"


def test_the_table_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        PRODUCTS["XX"] = product_of("NQ")  # type: ignore[index] # that is the point
