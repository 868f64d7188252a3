"""Writes what happens to orders as rows, in the order in which the broker tells it.

One filled market order: command New (Pending) · order, version · command RiskPassed, report ·
command AtExecution, execution report New, order Working · execution report Trade · fill, fee,
position, pair · cash balance · order Filled. A child stops at Suspended until it is released.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Final

from msgspec.structs import replace

from paper.book_values import Side, Terms, Traded
from paper.rows import (
    Command,
    CommandReport,
    ExecutionReport,
    Fill,
    Order,
    OrderVersion,
    TradeDate,
    stamp,
    trade_date_of,
)
from paper.store import Store
from shared.domain.calendar import trade_date

FINAL: Final = frozenset({"Canceled", "Completed", "Expired", "Filled", "Rejected"})
_PRICE_STEP: Final = Decimal("1E-10")
_AVERAGE: Final = Context(prec=60, rounding=ROUND_HALF_EVEN)
_PROVIDER: Final = 1
_REFUSED: Final = "RiskRejected"


@dataclass(frozen=True, slots=True)
class Sender:
    """Who gives a command, and the marks that come back on it. The venue itself has no ids."""

    user_id: int | None = None
    session_id: int | None = None
    cl_ord_id: str | None = None
    custom_tag50: str | None = None
    is_automated: bool | None = None
    activation_time: str | None = None


VENUE: Final = Sender()


@dataclass(frozen=True, slots=True)
class NewOrder:
    """An order about to be written. `oco_id` is the sibling's id, `parent_id` the parent's."""

    id: int
    account_id: int
    contract_id: int
    side: Side
    terms: Terms
    sender: Sender
    text: str | None = None
    max_show: int | None = None
    parent_id: int | None = None
    oco_id: int | None = None
    admin: bool = False


@dataclass(frozen=True, slots=True)
class Changed:
    """A version about to take the place of the one in force."""

    order_id: int
    terms: Terms
    sender: Sender
    text: str | None = None
    max_show: int | None = None


@dataclass(slots=True)
class _Filled:
    qty: int = 0
    value: Decimal = Decimal(0)

    @property
    def average(self) -> Decimal | None:
        if self.qty == 0:
            return None
        return _AVERAGE.divide(self.value, self.qty).quantize(_PRICE_STEP, context=_AVERAGE)


class Scribe:
    """Rows of orders, commands, reports and fills."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._filled: dict[int, _Filled] = {}
        self._ruling: dict[int, int] = {}
        self._now = ""
        self._trade_date = TradeDate(year=1, month=1, day=1)

    def at(self, now: datetime) -> None:
        """The instant of everything that is written from here on."""
        self._now, self._trade_date = stamp(now), trade_date_of(trade_date(now))

    # ---- a new order

    def placed(self, new: NewOrder) -> None:
        """Steps 1 and 2: the command, the order and its version."""
        command = self._command(new.id, new.account_id, "New", new.sender)
        self._store.put(
            Order(
                id=new.id,
                account_id=new.account_id,
                contract_id=new.contract_id,
                timestamp=self._now,
                action=new.side.value,
                ord_status="PendingNew",
                execution_provider_id=_PROVIDER,
                oco_id=new.oco_id,
                linked_id=new.oco_id,
                parent_id=new.parent_id,
                admin=new.admin,
            ),
            new.account_id,
        )
        self._version(command.id, new.id, new.terms, new.account_id, new.text, new.max_show)

    def accepted(self, order_id: int, *, waiting: bool) -> None:
        """Steps 3 and 4: through the risk check and to the exchange, or into waiting."""
        command = self.command_of(order_id)
        self._report(self._step(command, "RiskPassed"))
        if waiting:
            self._step(command, "ExecutionSuspended")
            self._execution(order_id, "Suspended", "Suspended")
            self._status(order_id, "Suspended")
        else:
            self.released(order_id)

    def released(self, order_id: int) -> None:
        """The order works from now on."""
        self._step(self.command_of(order_id), "AtExecution")
        self._execution(order_id, "New", "Working")
        self._status(order_id, "Working")

    def rejected(self, order_id: int, reason: str, text: str) -> None:
        """The risk check refuses the order."""
        command = self._step(self.command_of(order_id), _REFUSED)
        self._report(command, reason=reason, text=text, status="Rejected")
        self._execution(order_id, "Rejected", "Rejected", reason=reason, text=text)
        self._status(order_id, "Rejected")

    # ---- its life

    def traded(self, event: Traded) -> Fill:
        """Step 5; the fill of step 6 is returned for the cashier, who writes it as paired."""
        order = self._store.must(Order, event.order_id)
        filled = self._filled.setdefault(event.order_id, _Filled())
        filled.qty += event.qty
        filled.value += event.price * event.qty
        status = "Filled" if event.done else "Working"
        self._execution(order.id, "Trade", status, last_qty=event.qty, last_px=event.price)
        return Fill(
            id=self._store.next_id(),
            order_id=order.id,
            contract_id=order.contract_id,
            timestamp=self._now,
            trade_date=self._trade_date,
            action=order.action,
            qty=event.qty,
            price=event.price,
            active=True,
            finally_paired=0,
            external=False,
        )

    def take_out(self, fill: Fill) -> None:
        """Count a fill no longer; the book still does for an order that lives."""
        if self._store.must(Order, fill.order_id).ord_status in FINAL:
            filled = self._filled[fill.order_id]
            filled.qty -= fill.qty
            filled.value -= fill.price * fill.qty

    def busted(self, fill: Fill) -> None:
        """A fill was taken back; it refers to the report that told it."""
        self.take_out(fill)
        order = self._store.must(Order, fill.order_id)
        told = self._told(fill)
        self._execution(
            order.id,
            "TradeCancel",
            order.ord_status,
            last_qty=fill.qty,
            last_px=fill.price,
            ref=None if told is None else told.name,
        )

    def corrected(self, fill: Fill, price: Decimal) -> Fill:
        """The fill that stands in the place of a busted one."""
        filled = self._filled[fill.order_id]
        order = self._store.must(Order, fill.order_id)
        if order.ord_status in FINAL:
            filled.qty += fill.qty
            filled.value += price * fill.qty
        told = self._told(fill)
        self._execution(
            order.id,
            "TradeCorrect",
            order.ord_status,
            last_qty=fill.qty,
            last_px=price,
            ref=None if told is None else told.name,
        )
        return replace(
            fill,
            id=self._store.next_id(),
            price=price,
            active=True,
            finally_paired=0,
            timestamp=self._now,
            trade_date=self._trade_date,
        )

    def _told(self, fill: Fill) -> ExecutionReport | None:
        reports = [
            report
            for command in self._store.of_master(Command, fill.order_id)
            for report in self._store.of_master(ExecutionReport, command.id)
        ]
        for report in reports:
            trade = report.exec_type in {"Trade", "TradeCorrect"}
            if trade and (report.timestamp, report.last_px) == (fill.timestamp, fill.price):
                return report
        return None

    def filled(self, order_id: int) -> None:
        """Step 8."""
        self._status(order_id, "Filled")

    def cancelled(self, order_id: int, sender: Sender, account_id: int) -> int:
        """A cancel was asked for and is about to be done; returns the command's id."""
        command = self._command(order_id, account_id, "Cancel", sender)
        self._status(order_id, "PendingCancel")
        self._report(self._step(command, "RiskPassed"))
        self._step(command, "AtExecution")
        return command.id

    def ended(self, order_id: int, status: str, text: str | None, reason: str | None) -> None:
        self._execution(order_id, status, status, text=text, reason=reason)
        self._status(order_id, status)

    def modified(self, change: Changed) -> int:
        """A new version rules; returns the id of its command."""
        order_id, command = change.order_id, self._changing(change)
        order = self._store.must(Order, order_id)
        self._ruling[order_id] = command.id
        self._report(self._step(command, "RiskPassed"))
        suspended = order.ord_status == "Suspended"
        self._step(command, "ExecutionSuspended" if suspended else "AtExecution")
        self._execution(order_id, "Replaced", order.ord_status)
        return command.id

    def change_rejected(self, change: Changed, reason: str, text: str) -> int:
        """The risk check refuses a modification; the version before it rules on."""
        command = self._step(self._changing(change), _REFUSED)
        self._report(command, reason=reason, text=text)
        return command.id

    def _changing(self, change: Changed) -> Command:
        account_id = self._store.must(Order, change.order_id).account_id
        command = self._command(change.order_id, account_id, "Modify", change.sender)
        self._version(
            command.id, change.order_id, change.terms, account_id, change.text, change.max_show
        )
        return command

    def resized(self, order_id: int, terms: Terms) -> None:
        """The venue itself changed a quantity: a version of its own with the text kept."""
        last = self.version_of(order_id)
        self.modified(Changed(order_id, terms, VENUE, last.text, last.max_show))

    # ---- reading back

    def command_of(self, order_id: int) -> Command:
        """The last command that is no cancel and no refused change: its version rules."""
        command_id = self._ruling.get(order_id)
        if command_id is not None:
            return self._store.must(Command, command_id)
        commands = self._store.of_master(Command, order_id)
        command = next(c for c in reversed(commands) if _may_rule(c))
        self._ruling[order_id] = command.id
        return command

    def version_of(self, order_id: int) -> OrderVersion:
        return self._store.must(OrderVersion, self.command_of(order_id).id)

    def filled_qty(self, order_id: int) -> int:
        filled = self._filled.get(order_id)
        return 0 if filled is None else filled.qty

    def restore(self, fill: Fill) -> None:
        filled = self._filled.setdefault(fill.order_id, _Filled())
        filled.qty += fill.qty
        filled.value += fill.price * fill.qty

    # ---- rows

    def _command(self, order_id: int, account_id: int, kind: str, sender: Sender) -> Command:
        command = Command(
            id=self._store.next_id(),
            order_id=order_id,
            timestamp=self._now,
            cl_ord_id=sender.cl_ord_id,
            command_type=kind,
            command_status="Pending",
            sender_id=sender.user_id,
            user_session_id=sender.session_id,
            activation_time=sender.activation_time,
            custom_tag50=sender.custom_tag50,
            is_automated=sender.is_automated,
        )
        self._store.put(command, account_id)
        if kind == "New":
            self._ruling[order_id] = command.id
        return command

    def _step(self, command: Command, status: str) -> Command:
        account_id = self._store.account_of(Command, command.id)
        command = replace(self._store.must(Command, command.id), command_status=status)
        self._store.put(command, account_id)
        return command

    def _report(
        self,
        command: Command,
        reason: str | None = None,
        text: str | None = None,
        status: str | None = None,
    ) -> None:
        report = CommandReport(
            id=self._store.next_id(),
            command_id=command.id,
            timestamp=self._now,
            command_status=command.command_status,
            reject_reason=reason,
            text=text,
            ord_status=status,
        )
        self._store.put(report, self._store.account_of(Command, command.id))

    def _version(
        self,
        version_id: int,
        order_id: int,
        terms: Terms,
        account_id: int,
        text: str | None,
        max_show: int | None,
    ) -> None:
        ends = terms.expires_at if terms.tif.value == "GTD" else None
        version = OrderVersion(
            id=version_id,
            order_id=order_id,
            order_qty=terms.qty,
            order_type=terms.kind.value,
            price=terms.price,
            stop_price=terms.stop_price,
            peg_difference=terms.trail.distance if terms.trail and terms.kind.trails else None,
            max_show=max_show,
            time_in_force=terms.tif.value,
            expire_time=None if ends is None else stamp(ends),
            text=text,
        )
        self._store.put(version, account_id)

    def _execution(
        self,
        order_id: int,
        exec_type: str,
        status: str,
        *,
        last_qty: int | None = None,
        last_px: Decimal | None = None,
        reason: str | None = None,
        text: str | None = None,
        ref: str | None = None,
    ) -> None:
        order = self._store.must(Order, order_id)
        filled = self._filled.get(order_id, _NOTHING)
        report_id = self._store.next_id()
        report = ExecutionReport(
            id=report_id,
            command_id=self.command_of(order_id).id,
            name=str(report_id),
            account_id=order.account_id,
            contract_id=order.contract_id,
            timestamp=self._now,
            trade_date=self._trade_date,
            order_id=order_id,
            exec_type=exec_type,
            exec_ref_id=ref,
            ord_status=status,
            action=order.action,
            cum_qty=filled.qty,
            avg_px=filled.average,
            last_qty=last_qty,
            last_px=last_px,
            reject_reason=reason,
            text=text,
            exchange_order_id=str(order_id),
        )
        self._store.put(report, order.account_id)

    def _status(self, order_id: int, status: str) -> None:
        order = self._store.must(Order, order_id)
        self._store.put(replace(order, ord_status=status), order.account_id)


def _may_rule(command: Command) -> bool:
    match command.command_type:
        case "Modify":
            return command.command_status != _REFUSED
        case kind:
            return kind == "New"


_NOTHING: Final = _Filled()
