"""Where no price is at hand: what the broker says an account's open P&L is.

It is a sum over all that is held. Where only one contract has no price of its own, the sum tells
that price, exactly; where several have none, it tells the sum and nothing more.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Final

from shared.domain.ids import AccountId
from shared.domain.instruments import PRODUCTS
from shared.domain.money import Usd, average_price, gross_usd
from shared.domain.risk.facts import HeldFact

# An account is asked about at most so often, and only while it is at risk without a price.
ASK_EVERY: Final = timedelta(seconds=30)
# A position without a quote for so long will not have one in a moment.
ASK_AFTER: Final = timedelta(seconds=3)
# What was said counts until the next answer has had time to come, unless the position changed.
SAID_FRESH: Final = timedelta(seconds=40)


def with_said(held: Sequence[HeldFact], said: Mapping[AccountId, Usd]) -> tuple[HeldFact, ...]:
    """The holdings, with the price of an account's one contract that had none."""
    marks = {account: _mark(held, account, usd) for account, usd in said.items()}
    return tuple(
        each
        if each.mark is not None
        else replace(each, mark=marks.get(each.account_id, {}).get(each.contract))
        for each in held
    )


def _mark(held: Sequence[HeldFact], account: AccountId, said_usd: Usd) -> dict[str, Decimal]:
    mine = [each for each in held if each.account_id == account]
    unpriced = [each for each in mine if each.mark is None]
    contracts, net_qty = {each.contract for each in unpriced}, sum(e.net_qty for e in unpriced)
    product = PRODUCTS.get(unpriced[0].root) if unpriced else None
    known = list(_open_usd(mine))
    if len(contracts) != 1 or net_qty == 0 or product is None or None in known:
        return {}
    left_usd = said_usd - sum((usd for usd in known if usd is not None), Usd(0))
    points = left_usd / product.point_value + sum(e.avg_price * e.net_qty for e in unpriced)
    sign = 1 if net_qty > 0 else -1
    return {contracts.pop(): average_price([(points * sign / abs(net_qty), 1)])}


def _open_usd(held: Sequence[HeldFact]) -> Iterator[Usd | None]:
    """Of those with a price; None where a point's value is not known."""
    for each in held:
        if each.mark is not None:
            product = PRODUCTS.get(each.root)
            if product is None:
                yield None
            else:
                yield gross_usd(each.avg_price, each.mark, each.net_qty, product.point_value)
