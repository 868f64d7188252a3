"""Rule sets as data: each can be an account's rules, stored and read back."""

from __future__ import annotations

import pytest

from shared.domain.errors import NotFound
from shared.domain.risk.prop_sets import PROP_SETS, PropSet, prop_set
from shared.domain.rules import AccountRules
from shared.domain.rules.prop import DrawdownKind


@pytest.mark.parametrize("found", PROP_SETS.values(), ids=lambda each: each.key)
def test_a_set_is_an_accounts_rules(found: PropSet) -> None:
    account = AccountRules(prop=prop_set(found.key).rules)
    stored = account.model_dump(mode="json", exclude_defaults=True)
    assert AccountRules.model_validate(stored) == account
    assert found.published_at
    assert found.rules.drawdown_usd < found.rules.start_balance_usd
    assert found.rules.flat_by is not None
    locked = found.rules.lock_at_usd
    assert locked is None or locked >= found.rules.start_balance_usd
    assert not found.verified, "say where it was compared before saying that it was"


def test_both_ways_of_trailing_are_there() -> None:
    kinds = {each.rules.drawdown_kind for each in PROP_SETS.values()}
    assert kinds == {DrawdownKind.INTRADAY, DrawdownKind.END_OF_DAY}


def test_an_unknown_name_is_told_with_the_known_ones() -> None:
    with pytest.raises(NotFound, match="topstep_combine_50k"):
        prop_set("nobody")
