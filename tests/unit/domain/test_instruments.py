from decimal import Decimal

import pytest

from shared.domain.errors import InvalidInput
from shared.domain.instruments import PRODUCTS, ExpiryRule, Product, ProductGroup, product_of

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


def test_the_doubtful_rows_are_marked() -> None:
    doubtful = {root for root, product in PRODUCTS.items() if not product.verified}
    assert doubtful == {"PA", "6A", "6S", "6N", "M6E", "ETH", "MET"}


@pytest.mark.parametrize("root", ["", "XX", "nq", "NQ1!"])
def test_an_unknown_root_is_refused(root: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        product_of(root)
    assert caught.value.code == "symbol.unknown_root"


def test_the_table_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        PRODUCTS["XX"] = product_of("NQ")  # type: ignore[index] # that is the point
