"""What the broker documents and the venue must therefore have: endpoints, fields, faults.

Field lists are those of Tradovate's partner OpenAPI (2026-08) and its swagger file of 2021.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
import pytest

import paper.endpoints  # noqa: F401 - imported for what it registers
from paper import rows
from paper.calls import find
from paper.describe import page
from paper.endpoints.asked import Asked
from paper.policy import ABOUT
from paper.rows import KINDS
from tests.unit.paper.test_long_life import buy, timed
from tests.unit.paper.test_venue import ask

ITEMS: Final = "item items"
TABLE: Final = "list item items deps ldeps"
ENDPOINTS: Final = {
    "auth": "accesstokenrequest renewaccesstoken me oauthtoken",
    "account": "list item items find deps ldeps",
    "cashBalance": "list deps item getcashbalancesnapshot changedemobalance",
    "cashBalanceLog": "deps item",
    **dict.fromkeys(
        ("position", "orderVersion", "command", "commandReport", "executionReport"), TABLE
    ),
    **dict.fromkeys(("fill", "fillFee", "fillPair"), TABLE),
    "order": f"{TABLE} placeorder placeoso placeoco modifyorder cancelorder liquidateposition "
    "liquidatepositions",
    "orderStrategy": "startorderstrategy interruptorderstrategy list item deps",
    "orderStrategyLink": "deps list",
    "contract": "find item items suggest deps rollcontract getproductfeeparams",
    "contractMaturity": f"{ITEMS} deps",
    "product": f"{ITEMS} deps find list",
    "exchange": ITEMS,
    "currency": ITEMS,
    "productMargin": f"{ITEMS} deps",
    "user": "syncrequest list item",
    "marginSnapshot": "deps item list",
    "accountRiskStatus": "deps item list",
    "userAccountAutoLiq": "deps item list update",
    "md": "subscribequote unsubscribequote getchart cancelchart",
}
FIELDS: Final = {
    "account": "id name userId accountType clearingHouseId riskCategoryId autoLiqProfileId "
    "marginAccountType legalStatus timestamp active restricted closed readonly futuresDisabled "
    "swapEnabled spotMarginEnabled ssfRiskDisclosureAcknowledgment evaluationSize ccEmail",
    "cashBalance": "id accountId timestamp tradeDate currencyId amount realizedPnL "
    "weekRealizedPnL amountSOD",
    "cashBalanceLog": "id accountId timestamp tradeDate currencyId amount realizedPnL "
    "weekRealizedPnL cashChangeType fillPairId fillId fundTransactionId comment delta senderId",
    "marginSnapshot": "id timestamp riskTimePeriodId initialMargin maintenanceMargin autoLiqLevel "
    "liqOnlyLevel totalUsedMargin fullInitialMargin positionMargin totalUsedFullMargin "
    "openCollateralReq",
    "accountRiskStatus": "id adminAction adminTimestamp liquidateOnly userTriggeredLiqOnly "
    "maxNetLiq minNetLiq",
    "userAccountAutoLiq": "id changesLocked marginPercentageAlert dailyLossPercentageAlert "
    "dailyLossAlert marginPercentageLiqOnly dailyLossPercentageLiqOnly dailyLossLiqOnly "
    "marginPercentageAutoLiq dailyLossPercentageAutoLiq dailyLossAutoLiq weeklyLossAutoLiq "
    "dailyProfitAutoLiq weeklyProfitAutoLiq flattenTimestamp trailingMaxDrawdown "
    "trailingMaxDrawdownLimit trailingMaxDrawdownMode doNotUnlock",
    "position": "id accountId contractId timestamp tradeDate netPos netPrice bought boughtValue "
    "sold soldValue prevPos prevPrice",
    "order": "id accountId contractId spreadDefinitionId timestamp action ordStatus "
    "executionProviderId ocoId parentId linkedId admin",
    "orderVersion": "id orderId orderQty orderType price stopPrice limitIfTouchedPrice "
    "pegDifference maxShow timeInForce expireTime text",
    "command": "id orderId timestamp clOrdId commandType commandStatus senderId userSessionId "
    "activationTime customTag50 isAutomated",
    "commandReport": "id commandId timestamp commandStatus rejectReason text ordStatus",
    "executionReport": "id commandId name accountId contractId timestamp tradeDate orderId "
    "execType execRefId ordStatus action cumQty avgPx lastQty lastPx rejectReason text "
    "exchangeOrderId",
    "fill": "id orderId contractId timestamp tradeDate action qty price active finallyPaired "
    "external",
    "fillPair": "id positionId buyFillId sellFillId qty buyPrice sellPrice active",
    "fillFee": "id clearingFee exchangeFee nfaFee brokerageFee ipFee commission orderRoutingFee "
    "clearingCurrencyId exchangeCurrencyId nfaCurrencyId brokerageCurrencyId ipCurrencyId "
    "commissionCurrencyId orderRoutingCurrencyId",
    "orderStrategy": "id accountId timestamp contractId orderStrategyTypeId initiatorId action "
    "params uuid status failureMessage senderId customTag50 userSessionId",
    "orderStrategyLink": "id orderStrategyId orderId label",
    "orderStrategyType": "id name enabled",
    "contract": "id name contractMaturityId timestamp status",
    "contractMaturity": "id productId expirationMonth expirationDate firstIntentDate underlyingId "
    "isFront",
    "product": "id name currencyId productType description exchangeId contractGroupId "
    "riskDiscountContractGroupId status months isSecured valuePerPoint priceFormatType "
    "priceFormat tickSize isMicro",
    "productMargin": "id initialMargin maintenanceMargin timestamp",
    "contractMargin": "id initialMargin maintenanceMargin timestamp",
    "productSession": "id openTime startTime stopTime closeTime sundayOpenTime allDay",
    "exchange": "id name micCode",
    "currency": "id name symbol",
    "contractGroup": "id name",
    "user": "id name timestamp email status professional organizationId",
}
FEES: Final = ["clearing", "exchange", "nfa", "brokerage", "ip", "commission", "orderRouting"]


@pytest.mark.parametrize("path", [f"{e}/{o}" for e, ops in ENDPOINTS.items() for o in ops.split()])
def test_every_endpoint_that_clients_use_is_there(path: str) -> None:
    endpoint = find(path)
    assert endpoint is not None
    assert endpoint.name.lower() == path.lower()


def test_every_entity_has_its_documented_fields_and_no_others() -> None:
    shown = {name: kind for name, kind in KINDS.items() if not kind.hidden}
    has = {name: set(kind.row.__struct_encode_fields__) for name, kind in shown.items()}
    assert has == {name: set(fields.split()) for name, fields in FIELDS.items()}


def test_the_page_names_every_field_fault_and_switch() -> None:
    text = page("")
    told = {name for fields in FIELDS.values() for name in fields.split()}
    assert [name for name in told if f"`{name}" not in text] == []
    assert [name for name in ABOUT if f"`{name}`" not in text] == []


def test_a_fee_names_the_currency_of_each_of_its_parts() -> None:
    venue = timed()
    buy(venue)
    (fee,) = ask(venue, "fillFee/list", {})
    (product,) = [p for p in ask(venue, "product/list", {}) if p["name"] == "NQ"]
    asked = {"productIds": [product["id"]]}
    (params,) = ask(venue, "contract/getproductfeeparams", asked)["params"]
    for part in FEES:
        assert fee[f"{part}CurrencyId"] == params[f"{part}CurrencyId"] == rows.USD


def test_a_journal_of_before_these_fields_is_still_read() -> None:
    old = b'{"id":1,"orderId":2,"contractId":3,"timestamp":"","tradeDate":{"year":1,"month":1,'
    old += b'"day":1},"action":"Buy","qty":1,"price":1,"active":true,"finallyPaired":0}'
    assert msgspec.json.decode(old, type=rows.Fill).external is None


@pytest.mark.parametrize(("if_expired", "found"), [(True, "NQM6"), (False, "NQU6")])
def test_a_contract_that_lives_is_rolled_unless_only_an_expired_one_is_to_be(
    *, if_expired: bool, found: str
) -> None:
    asked: dict[str, Any] = {"name": "NQM6", "forward": True, "ifExpired": if_expired}
    assert ask(timed(), "contract/rollcontract", asked)["contract"]["name"] == found


def test_requests_know_every_documented_parameter_that_is_served() -> None:
    served = (
        "accountSpec accountId clOrdId action symbol orderQty orderType price stopPrice maxShow "
        "pegDifference timeInForce expireTime text activationTime customTag50 isAutomated "
        "bracket1 bracket2 other orderId"
    )
    assert set(served.split()) <= set(Asked.__struct_encode_fields__)
