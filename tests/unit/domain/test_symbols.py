from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.errors import AlertRefused, InvalidInput
from shared.domain.instruments import PRODUCTS
from shared.domain.symbols import ContractMonth, parse_contract, read_symbol, root_of

TODAY = date(2026, 10, 5)
NQ_DECEMBER = ContractMonth("NQ", 2026, 12)

roots = st.sampled_from(sorted(PRODUCTS))
months = st.integers(min_value=1, max_value=12)
days = st.dates(min_value=date(2002, 1, 1), max_value=date(2089, 12, 31))


@pytest.mark.parametrize(
    ("text", "root", "rank"),
    [
        ("NQ1!", "NQ", 1),
        ("NQ2!", "NQ", 2),
        ("CME_MINI:NQ1!", "NQ", 1),
        ("NQ", "NQ", 1),
        ("/NQ", "NQ", 1),
        ("@NQ", "NQ", 1),
        ("  cme_mini:nq1!\n", "NQ", 1),
        ("COMEX_MINI:MGC1!", "MGC", 1),
        ("CBOT:GC1!", "GC", 1),  # a wrong exchange says nothing
        ("SIL1!", "SIL", 1),
        ("SI1!", "SI", 1),
        ("M2K1!", "M2K", 1),
        ("M6E", "M6E", 1),
        ("6E9!", "6E", 9),
        ("MNQ1!", "MNQ", 1),
        ("CBOT_MINI:YM1!", "YM", 1),
        ("CME:MBT1!", "MBT", 1),
        ("/ES:XCME", "ES", 1),
        ("@ES.CME", "ES", 1),
        ("GC=F", "GC", 1),
    ],
)
def test_continuous(text: str, root: str, rank: int) -> None:
    symbol = read_symbol(text, TODAY)
    assert (symbol.root, symbol.continuous, symbol.contract) == (root, rank, None)
    assert symbol.text == text.strip().upper()


@pytest.mark.parametrize(
    "text",
    [
        "NQZ6",
        "NQZ26",
        "NQZ2026",
        "nqz6",
        "/NQZ6",
        "CME_MINI:NQZ2026",
        "NQ 12-26",
        "NQ12-26",
        "/NQZ26:XCME",
        "NQZ26.CME",
        "@NQZ6",
        "/NQZ2026",
        "CME_MINI:NQZ26.CME_MINI",
    ],
)
def test_one_contract_in_all_its_spellings(text: str) -> None:
    symbol = read_symbol(text, TODAY)
    assert (symbol.root, symbol.continuous, symbol.contract) == ("NQ", None, NQ_DECEMBER)
    assert parse_contract(text, TODAY) == NQ_DECEMBER


@pytest.mark.parametrize(
    ("text", "contract"),
    [
        ("GCJ6", ContractMonth("GC", 2026, 4)),  # two letters of root, not three
        ("MGCJ7", ContractMonth("MGC", 2027, 4)),
        ("6EU6", ContractMonth("6E", 2026, 9)),
        ("M2KM6", ContractMonth("M2K", 2026, 6)),
        ("SIN7", ContractMonth("SI", 2027, 7)),
        ("SILN7", ContractMonth("SIL", 2027, 7)),
        ("ES 09-26", ContractMonth("ES", 2026, 9)),
        ("ESM6", ContractMonth("ES", 2026, 6)),
        ("/CLF27:XNYM", ContractMonth("CL", 2027, 1)),
        ("ESH2019", ContractMonth("ES", 2019, 3)),
        ("NQZ5", ContractMonth("NQ", 2025, 12)),  # last year
        ("NQZ4", ContractMonth("NQ", 2034, 12)),  # not the year before last
    ],
)
def test_roots_and_years(text: str, contract: ContractMonth) -> None:
    assert parse_contract(text, TODAY) == contract


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  ",
        ":",
        "AAPL",
        "BTCUSD",
        "NQ0!",
        "NQ10!",
        "NQ1",
        "NQ!",
        "NQA6",  # no such month letter
        "NQZ",
        "NQZ1999",
        "NQZ202",
        "NQ 13-26",
        "NQ 00-26",
        "NQ1!X",
        "NQ.XYZ",
        "NQ1!=G",
        "CME:",
        "NQ1!:AAPL:MSFT",
        "CME",
        "//NQ",
        "NQZ\u0666",  # a digit, but not one of ours
        "NQ1!" + " " * 100,
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(AlertRefused) as refused:
        read_symbol(text, TODAY)
    assert refused.value.code == "symbol.unknown"
    with pytest.raises(InvalidInput):
        parse_contract(text, TODAY)


@pytest.mark.parametrize("text", ["NQ1!", "NQ", "@NQ", "AAPL"])
def test_a_continuous_symbol_is_no_contract(text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_contract(text, TODAY)
    assert caught.value.code == "symbol.not_a_contract"
    assert not isinstance(caught.value, AlertRefused)


@given(root=roots, month=months, today=days, ahead=st.integers(min_value=-1, max_value=8))
def test_a_contract_is_found_by_its_own_names(
    root: str, month: int, today: date, ahead: int
) -> None:
    contract = ContractMonth(root, today.year + ahead, month)
    assert read_symbol(contract.name, today).contract == contract
    assert read_symbol(contract.key, today).contract == contract


@given(text=st.text(max_size=80), today=days)
def test_no_text_breaks_the_reader(text: str, today: date) -> None:
    try:
        symbol = read_symbol(text, today)
    except AlertRefused:
        return
    assert (symbol.continuous is None) != (symbol.contract is None)
    assert symbol.root in PRODUCTS


def test_names() -> None:
    assert NQ_DECEMBER.name == "NQZ6"
    assert NQ_DECEMBER.key == "NQZ2026"


def test_contracts_of_a_root_are_ordered_by_time() -> None:
    later = [ContractMonth("NQ", 2027, 3), NQ_DECEMBER, ContractMonth("NQ", 2026, 9)]
    assert [contract.name for contract in sorted(later)] == ["NQU6", "NQZ6", "NQH7"]


def test_the_root_of_an_unknown_product_is_its_name() -> None:
    assert root_of("MNQZ6", TODAY) == "MNQ"
    assert root_of("STRANGE1", TODAY) == "STRANGE1"
    assert root_of("NQ1!", TODAY) == "NQ1!"
