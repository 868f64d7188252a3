"""The whole venue as one object: its parts, its transactions, and how it begins."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from itertools import islice
from random import Random
from typing import Final

import msgspec

from paper import journal, rows
from paper.charts import Charts, bar_packet, tick_packet
from paper.clock import Clock, ManualClock, WallClock
from paper.faults import Faults
from paper.guard import Guard
from paper.hub import Chart, Hub
from paper.journal import FileJournal, Journal, Line, NoJournal
from paper.market import Market, family_of
from paper.oauth import Grants
from paper.prices import start_price
from paper.reference import Reference
from paper.replay import Replay, read_replay
from paper.rows import stamp
from paper.sessions import Sessions
from paper.settings import Login, PaperSettings
from paper.store import Change, Store
from paper.strategies import Strategies
from paper.strategy_rows import BRACKET_TYPE
from paper.trading import Trading
from shared.domain.instruments import PRODUCTS, Product
from shared.runtime.logging import get_logger

_log = get_logger(__name__)

_CLEARING_HOUSE: Final = 1


class Venue:
    """Parts by name. One thread owns it; every public change ends with `commit`."""

    def __init__(self, settings: PaperSettings, clock: Clock | None = None) -> None:
        self.settings = settings
        self.clock: Clock = _clock(settings) if clock is None else clock
        self.store = Store()
        self.faults = Faults()
        self.hub = Hub(self.store, self.faults)
        self.guard = Guard()
        self.grants = Grants({client.id: client.secret for client in settings.paper_clients})
        self.charts = Charts(settings.paper_seed)
        self.chance = Random(settings.paper_seed)  # noqa: S311 - reproducible, nothing secret
        self.replay = _replay(settings)
        self.market = Market(self._first_price)
        self.reference = Reference(self.store, self.clock)
        self.trading = Trading(self.store, self.reference, self.market, self.clock)
        self.risk = self.trading.risk
        self.risk.policy = settings.paper_policy
        self.strategies = Strategies(self.store, self.trading, self.reference, self.clock)
        self.sessions = Sessions(self.store, self.clock, settings.paper_token_life_s)
        self.sessions.on_ended = self.hub.end_session
        self.journal: Journal = NoJournal()
        self._written_prices: dict[str, Decimal] = {}

    def begin(self) -> None:
        """Read the journal, if there is one, then open whatever logins and accounts it lacks."""
        if self.settings.paper_data is not None:
            path = journal.open_file(self.settings.paper_data)
            self.remember(journal.read(path))
            journal.compact(path, self.summary())
            self.journal = FileJournal(path)
        if self.store.get(rows.Currency, rows.USD) is None:
            self.store.put(rows.Currency(id=rows.USD, name="USD", symbol="$"))
        if self.store.get(rows.OrderStrategyType, BRACKET_TYPE) is None:
            kind = rows.OrderStrategyType(id=BRACKET_TYPE, name="Bracket", enabled=True)
            self.store.put(kind)
        for root in PRODUCTS:
            self.reference.open(root)
        for number, login in enumerate(self.settings.logins()):
            self._open_login(login, login.prefix or _prefix(number))
        for account in self.store.all(rows.Account):
            self.risk.open(account.id, self.clock.now())
        self.trading.on_time()
        self.trading.on_replay_time = self._replay_time_came
        self.commit()
        _log.info(
            "venue_ready",
            accounts=len(list(self.store.all(rows.Account))),
            orders=len(list(self.store.all(rows.Order))),
        )

    def remember(self, lines: Iterable[Line]) -> None:
        """Become what the lines of a journal tell."""
        for line in lines:
            self._remember(line)
        self.trading.restore()
        self.strategies.restore()
        self.sessions.restore()

    def summary(self) -> Iterator[Line]:
        """The lines of a journal that brings back this venue and nothing of its past steps.

        Sessions that are over are left out: their tokens are unknown from then on.
        """
        kept = (
            (kind.name, account_id, msgspec.Raw(rows.encode(row)))
            for kind, account_id, row in self.store.owned()
            if not (isinstance(row, rows.Session) and self.sessions.is_done(row))
        )
        while chunk := list(islice(kept, _LINE_ROWS_MAX)):
            yield Line(self.store.last_id, chunk)
        bar = None if self.replay is None else self.replay.at
        yield Line(self.store.last_id, [], self.market.prices(), bar)

    def commit(self) -> None:
        """Journal what has changed, if anything, and tell it once it is durable."""
        changes = self.store.take_changes()
        if not changes:
            return
        line = journal.line_of(self.store.last_id, changes)
        self.journal.append(self._with_prices(line))
        self.journal.after(lambda: self.hub.publish(changes))

    def note_prices(self) -> None:
        """Journal the prices alone, so that a restart does not jump far."""
        line = self._with_prices(Line(self.store.last_id, []))
        if line.prices:
            self.journal.append(line)

    def trade(self, family: str, price: Decimal) -> None:
        """One trade of the market, with everything that follows from it."""
        self.trading.trade(family, price)
        self.charts.record(family, self.market.last(family), self.clock.now())
        self.commit()
        for contract_id in self.hub.quotes:
            if family_of(self.reference.must(contract_id).product.root) == family:
                self.tell_quote(contract_id)
        if self.hub.charts:
            self.tell_charts(family)

    def tell_past(self, chart: Chart, count: int) -> None:
        """The past of a chart in packets, then the end of history."""
        family, product = self._of(chart)
        if chart.minutes:
            last = self.market.last(family)
            bars = self.charts.bars(family, chart.minutes, count, self.clock.now(), last)
            for start in range(0, len(bars), _PACKET_BARS):
                packet = bar_packet(chart.historical_id, bars[start : start + _PACKET_BARS])
                _push(chart, packet)
        elif ticks := self.charts.ticks(family, count):
            _push(chart, tick_packet(chart.historical_id, ticks, product.tick_size))
        _push(chart, {"id": chart.historical_id, "eoh": True})

    def tell_charts(self, family: str) -> None:
        """The newest bar or tick to whoever follows the family."""
        for chart in list(self.hub.charts.values()):
            of_chart, product = self._of(chart)
            if of_chart != family:
                continue
            if chart.minutes:
                last = self.market.last(family)
                bars = self.charts.bars(family, chart.minutes, 1, self.clock.now(), last)
                _push(chart, bar_packet(chart.realtime_id, bars))
            else:
                ticks = self.charts.ticks(family, 1)
                _push(chart, tick_packet(chart.realtime_id, ticks, product.tick_size))

    def _of(self, chart: Chart) -> tuple[str, Product]:
        product = self.reference.must(chart.contract_id).product
        return family_of(product.root), product

    def tell_quote(self, contract_id: int) -> None:
        listeners = self.hub.quotes.get(contract_id)
        if listeners:
            message = rows.encode({"e": "md", "d": {"quotes": [self.quote(contract_id)]}})
            for listener in listeners:
                listener.push(message)

    def _replay_time_came(self) -> None:
        if self.risk.policy.replay_day:
            self.commit()
            self.replay_day()

    def replay_day(self) -> int:
        """Tell the rows of this trading day again, as seen of the broker at 16:00; how many."""
        day = rows.trade_date_of(self.trading.day)
        told = []
        for row_type in _REPLAYED:
            for row in self.store.all(row_type):
                if getattr(row, "trade_date", None) == day:
                    account_id = self.store.account_of(row_type, row.id)
                    told.append(Change(rows.KIND_OF[row_type], row, False, account_id))
        self.hub.publish(told)
        return len(told)

    def quote(self, contract_id: int) -> dict[str, object]:
        """A full quote as the market-data socket tells it."""
        root = self.reference.must(contract_id).product.root
        quote = self.market.quote(root)
        return {
            "timestamp": stamp(self.clock.now()),
            "contractId": contract_id,
            "entries": {
                "Bid": {"price": quote.bid, "size": _SHOWN_SIZE},
                "Offer": {"price": quote.ask, "size": _SHOWN_SIZE},
                "Trade": {"price": quote.last, "size": 1},
                "TotalTradeVolume": {"size": self.market.volume(root)},
            },
        }

    # ---- beginning

    def _remember(self, line: Line) -> None:
        self.store.last_id = max(self.store.last_id, line.last_id)
        for kind_name, account_id, raw in line.rows:
            kind, row = journal.read_row(kind_name, raw)
            self.store.load(kind, row, account_id)
        for family, price in line.prices.items():
            self.market.trade(family, price)
            self._written_prices[family] = price
        if self.replay is not None and line.bar is not None:
            self.replay.at = min(line.bar, self.replay.length)

    def _with_prices(self, line: Line) -> Line:
        prices = self.market.prices()
        changed = {f: p for f, p in prices.items() if self._written_prices.get(f) != p}
        if not changed:
            return line
        self._written_prices.update(changed)
        bar = None if self.replay is None else self.replay.at
        return Line(line.last_id, line.rows, changed, bar)

    def _first_price(self, family: str) -> Decimal:
        """The replay's first price where it drives the family, a made-up one elsewhere."""
        if self.replay is not None and self.replay.family == family:
            return self.replay.first_price
        return start_price(family)

    def _open_login(self, login: Login, prefix: str) -> None:
        now = self.clock.now()
        user = self.store.named(rows.User, login.user)
        if user is None:
            user = rows.User(
                id=self.store.next_id(),
                name=login.user,
                timestamp=stamp(now),
                email=f"{login.user}@paper.invalid",
                status="Active",
                professional=False,
            )
            self.store.put(user)
        self.sessions.know(user, login)
        for number in range(len(self.store.accounts_of(user.id)), login.accounts):
            self._open_account(user.id, f"{prefix}{number + 1}", now)

    def _open_account(self, user_id: int, name: str, now: datetime) -> None:
        account = rows.Account(
            id=self.store.next_id(),
            name=name,
            user_id=user_id,
            account_type="Customer",
            clearing_house_id=_CLEARING_HOUSE,
            risk_category_id=1,
            auto_liq_profile_id=1,
            margin_account_type="Speculator",
            legal_status="Individual",
            timestamp=stamp(now),
            active=True,
            restricted=False,
            closed=False,
            readonly=False,
            futures_disabled=False,
        )
        # Its own id is its account, so that the row is seen by its user and told to nobody else.
        self.store.put(account, account.id)
        self.trading.cashier.open(account.id, self.settings.paper_start_usd, now)


_SHOWN_SIZE: Final = 10
_PACKET_BARS: Final = 200
_LINE_ROWS_MAX: Final = 500
_REPLAYED: Final = (rows.ExecutionReport, rows.Fill, rows.Position)


def _push(chart: Chart, packet: dict[str, object]) -> None:
    chart.listener.push(rows.encode({"e": "chart", "d": {"charts": [packet]}}))


def _clock(settings: PaperSettings) -> Clock:
    if settings.paper_clock == "manual":
        return ManualClock(settings.paper_clock_start or datetime.now(UTC))
    return WallClock()


def _replay(settings: PaperSettings) -> Replay | None:
    path = settings.paper_prices
    return None if path is None else read_replay(path, settings.paper_seed)


def _prefix(number: int) -> str:
    """`PAPER1`, `PAPER2` of the first login; `PAPERB_1` of the second."""
    return "PAPER" if number == 0 else f"PAPER{chr(ord('A') + number % 26)}{number // 26 or ''}_"
