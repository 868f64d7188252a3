"""Contracts and products are made when somebody asks, so they have finders of their own."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from paper import rows
from paper.calls import Call, Refusal, endpoint
from paper.endpoints.entities import NOT_FOUND
from paper.fees import fee_usd
from paper.margins import MARGINS
from paper.reference import Instrument
from shared.domain.instruments import PRODUCTS

_SUGGESTED: Final = 10
_ZERO: Final = Decimal("0.00")


@endpoint("contract/find")
def find(call: Call) -> object:
    instrument = call.venue.reference.found(call.text("name"))
    if instrument is None:
        raise Refusal(404, NOT_FOUND)
    return _row(call, instrument)


@endpoint("contract/suggest")
def suggest(call: Call) -> object:
    limit = call.number("l") if "l" in call.params else _SUGGESTED
    return [_row(call, x) for x in call.venue.reference.suggested(call.text("t"), limit)]


@endpoint("contract/rollcontract")
def roll_contract(call: Call) -> object:
    """The neighbour; with `ifExpired` only of a contract that trades no more, else itself."""
    forward = str(call.params.get("forward", True)).lower() != "false"
    reference, name = call.venue.reference, call.text("name")
    instrument = reference.found(name)
    if_expired = str(call.params.get("ifExpired", False)).lower() == "true"
    lives = instrument is not None and call.venue.clock.now() < instrument.ends_at
    if not (if_expired and lives):
        instrument = reference.rolled(name, forward=forward)
    if instrument is None:
        return {"errorText": "Contract is not found"}
    return {"contract": _row(call, instrument)}


@endpoint("contract/getproductfeeparams")
def get_product_fee_params(call: Call) -> object:
    products = (call.venue.store.get(rows.Product, x) for x in call.numbers("productIds"))
    return {"params": [_fees(product) for product in products if product is not None]}


@endpoint("product/list")
def list_products(call: Call) -> object:
    return [call.venue.reference.product(root) for root in PRODUCTS]


@endpoint("product/find")
def find_product(call: Call) -> object:
    product = call.venue.reference.product(call.text("name"))
    if product is None:
        raise Refusal(404, NOT_FOUND)
    return product


def _row(call: Call, instrument: Instrument) -> rows.Contract:
    return call.venue.store.must(rows.Contract, instrument.contract_id)


def _fees(product: rows.Product) -> object:
    return {
        "productId": product.id,
        "clearingFee": _ZERO,
        "clearingCurrencyId": rows.USD,
        "exchangeFee": _ZERO,
        "exchangeCurrencyId": rows.USD,
        "nfaFee": _ZERO,
        "nfaCurrencyId": rows.USD,
        "brokerageFee": _ZERO,
        "brokerageCurrencyId": rows.USD,
        "ipFee": _ZERO,
        "ipCurrencyId": rows.USD,
        "commission": fee_usd(product.name, 1),
        "commissionCurrencyId": rows.USD,
        "orderRoutingFee": _ZERO,
        "orderRoutingCurrencyId": rows.USD,
        "dayMargin": MARGINS[product.name].day_usd,
        "nightMargin": MARGINS[product.name].initial_usd,
        "fullMargin": MARGINS[product.name].initial_usd,
    }
