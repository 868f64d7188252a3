"""Which contract of a product is in front at the broker, and which one comes after it.

`contract/suggest` answers by relevance, nearest active month first; `isFront` of a maturity is no
help, it flips only when the old front has expired (education site and FAQ).
"""

from __future__ import annotations

import re
from typing import Final

from shared.brokers.tradovate.contracts import ContractBook
from shared.brokers.tradovate.reads import Reader
from shared.domain.errors import BrokerUnavailable, NotFound
from shared.ports.broker import FrontContract

_SUGGESTED_MAX: Final = 10
_MONTH: Final = re.compile(r"[FGHJKMNQUVXZ]\d{1,2}")


async def find_front(reader: Reader, contracts: ContractBook, root: str) -> FrontContract:
    """Raises NotFound, BrokerUnavailable."""
    rows = await reader.rows("contract/suggest", t=root, l=str(_SUGGESTED_MAX))
    for row in rows:
        match row:
            case {"name": str(name)} if is_contract_of(name, root):
                info = await contracts.info(name)
                if info.root == root:
                    return FrontContract(info, await _after(reader, name))
            case _:
                pass
    raise NotFound("broker.not_found", "The broker lists no contract of it.", root=root)


def is_contract_of(name: str, root: str) -> bool:
    """Whether a contract's name is the root and a month: `MESH7` is none of `ME`."""
    return name.startswith(root) and _MONTH.fullmatch(name.removeprefix(root)) is not None


async def _after(reader: Reader, name: str) -> str | None:
    """The next maturity; None when the broker tells of none."""
    try:
        said = await reader.answer("contract/rollcontract", {"name": name, "forward": True})
    except (BrokerUnavailable, NotFound):
        return None  # an error text: nothing is listed after it
    match said:
        case {"contract": {"name": str(after)}}:
            return after
        case _:
            return None
