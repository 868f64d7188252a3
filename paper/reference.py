"""Products, maturities and contracts as rows, made when somebody first asks for them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from itertools import islice
from typing import Final

from paper import rows
from paper.clock import Clock
from paper.hours import day_order_ends, is_trading, product_session, trading_ends
from paper.margins import MARGINS
from paper.rows import stamp
from paper.store import Store
from shared.domain.calendar import CHICAGO, front_month, last_trading_day, listed, trade_date
from shared.domain.errors import InvalidInput
from shared.domain.instruments import PRODUCTS, Product, ProductGroup
from shared.domain.symbols import ContractMonth, parse_contract

# Of these groups only the months of the cycle are listed; the others have serial months too.
_CYCLE_ONLY: Final = frozenset({ProductGroup.INDEX, ProductGroup.FX, ProductGroup.RATES})
_ENDS_AT: Final = time(16, 29)  # the broker's dates carry a clock time that means nothing
_FRACTIONS: Final = {"ZB": -5, "UB": -5, "ZN": -6, "TN": -6, "ZF": -7, "ZT": -8}
_LISTED_MAX: Final = 20


@dataclass(frozen=True, slots=True)
class Instrument:
    """A contract as the venue trades it."""

    contract_id: int
    name: str
    product: Product
    month: ContractMonth

    @property
    def last_day(self) -> date:
        return last_trading_day(self.product, self.month.year, self.month.month)

    @property
    def ends_at(self) -> datetime:
        """The first instant without trading for ever."""
        return trading_ends(self.month)

    def day_ends(self, at: datetime) -> datetime:
        """When a Day order given at that time ends."""
        return day_order_ends(self.month, at)

    def trades(self, at: datetime) -> bool:
        return is_trading(self.month, at)


class Reference:
    """Looks rows up and makes them; the same name always gives the same row."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._instruments: dict[int, Instrument] = {}

    @property
    def today(self) -> date:
        return trade_date(self._clock.now())

    def found(self, name: str) -> Instrument | None:
        """The contract of this exact name (`NQZ6`), or None."""
        row = self._store.named(rows.Contract, name)
        if row is not None:
            return self.instrument(row.id)
        try:
            month = parse_contract(name, self.today)
        except InvalidInput:
            return None
        known = month.name == name.strip().upper() and _is_listed(month)
        return self.of_month(month) if known else None

    def of_symbol(self, symbol: str) -> Instrument | None:
        """The same, where a contract's id as text is good too (market data takes both)."""
        return self.instrument(int(symbol)) if symbol.isdigit() else self.found(symbol)

    def instrument(self, contract_id: int) -> Instrument | None:
        known = self._instruments.get(contract_id)
        if known is None:
            contract = self._store.get(rows.Contract, contract_id)
            if contract is None:
                return None
            known = self._instruments[contract_id] = self._read(contract)
        return known

    def must(self, contract_id: int) -> Instrument:
        """KeyError when there is no such contract."""
        instrument = self.instrument(contract_id)
        if instrument is None:
            raise KeyError(contract_id)
        return instrument

    def of_month(self, month: ContractMonth) -> Instrument:
        row = self._store.named(rows.Contract, month.name)
        if row is None:
            row = rows.Contract(
                id=self._store.next_id(),
                name=month.name,
                contract_maturity_id=self._maturity(month).id,
                timestamp=stamp(self._clock.now()),
                status="DefinitionChecked",
            )
            self._store.put(row)
            asked = MARGINS[month.root]
            self._store.put(
                rows.ContractMargin(
                    id=row.id,
                    initial_margin=asked.initial_usd,
                    maintenance_margin=asked.maintenance_usd,
                    timestamp=row.timestamp,
                )
            )
        return self.must(row.id)

    def suggested(self, text: str, limit: int) -> list[Instrument]:
        """Contracts whose name begins with `text`, nearer months and shorter roots first."""
        names = (month for month in self._near_months(text.strip().upper()))
        return [self.of_month(month) for month in islice(names, min(limit, _LISTED_MAX))]

    def rolled(self, name: str, *, forward: bool) -> Instrument | None:
        """The next or the previous month of the same product."""
        here = self.found(name)
        if here is None:
            return None
        months = listed(here.product, date(here.month.year - 2, 1, 1), 60)
        beside = [m for m in months if (m > here.month if forward else m < here.month)]
        if not beside:
            return None
        return self.of_month(beside[0] if forward else beside[-1])

    def product(self, root: str) -> rows.Product | None:
        """The row of a root of the product table, or None."""
        row = self._store.named(rows.Product, root)
        known = PRODUCTS.get(root.upper())
        return row if row is not None or known is None else self._new_product(known)

    def open(self, root: str) -> None:
        """See that a root has its row and what depends on it, also from an older journal."""
        row = self.product(root)
        if row is not None and self._store.get(rows.ProductMargin, row.id) is None:
            self._add_dependents(row, PRODUCTS[root])

    def _read(self, contract: rows.Contract) -> Instrument:
        maturity = self._store.must(rows.ContractMaturity, contract.contract_maturity_id)
        root = self._store.must(rows.Product, maturity.product_id).name
        year, month = divmod(maturity.expiration_month, 100)
        return Instrument(
            contract.id, contract.name, PRODUCTS[root], ContractMonth(root, year, month)
        )

    def _near_months(self, text: str) -> Iterator[ContractMonth]:
        for root in sorted(PRODUCTS, key=lambda root: (len(root), root)):
            if root.startswith(text) or text.startswith(root):
                product = PRODUCTS[root]
                for number in range(1, 5):
                    month = front_month(product, self.today, number)
                    if month.name.startswith(text):
                        yield month

    def _maturity(self, month: ContractMonth) -> rows.ContractMaturity:
        product, row = PRODUCTS[month.root], self.product(month.root)
        if row is None:
            raise KeyError(month.root)
        ends = datetime.combine(
            last_trading_day(product, month.year, month.month), _ENDS_AT, CHICAGO
        )
        maturity = rows.ContractMaturity(
            id=self._store.next_id(),
            product_id=row.id,
            expiration_month=month.year * 100 + month.month,
            expiration_date=stamp(ends.astimezone(UTC)),
            is_front=listed(product, self.today, 1) == [month],
        )
        self._store.put(maturity)
        return maturity

    def _new_product(self, product: Product) -> rows.Product:
        fraction = _FRACTIONS.get(product.root)
        decimals = product.tick_size.as_tuple().exponent
        row = rows.Product(
            id=self._store.next_id(),
            name=product.root,
            currency_id=rows.USD,
            product_type="Futures",
            description=product.name,
            exchange_id=self._named(rows.Exchange, product.exchange),
            contract_group_id=self._named(rows.ContractGroup, product.group.value),
            status="ReadyToTrade",
            months=product.cycle,
            is_secured=True,
            value_per_point=product.point_value,
            price_format_type="Decimal" if fraction is None else "Fractional",
            price_format=int(decimals) if fraction is None else fraction,
            tick_size=product.tick_size,
            is_micro=product.micro_of is not None,
        )
        self._store.put(row)
        self._add_dependents(row, product)
        return row

    def _add_dependents(self, row: rows.Product, product: Product) -> None:
        asked = MARGINS[product.root]
        self._store.put(
            rows.ProductMargin(
                id=row.id,
                initial_margin=asked.initial_usd,
                maintenance_margin=asked.maintenance_usd,
                timestamp=stamp(self._clock.now()),
            )
        )
        self._store.put(product_session(row.id, product.hours))

    def _named(self, row_type: type[rows.Exchange | rows.ContractGroup], name: str) -> int:
        row = self._store.named(row_type, name)
        if row is None:
            row = row_type(id=self._store.next_id(), name=name)
            self._store.put(row)
        return row.id


def _is_listed(month: ContractMonth) -> bool:
    product = PRODUCTS[month.root]
    return product.group not in _CYCLE_ONLY or month.letter in product.cycle
