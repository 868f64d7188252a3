"""Charts: minute bars and ticks, the past first and then each trade."""

from __future__ import annotations

from typing import Final

import msgspec

from paper.calls import Call, Refusal, endpoint
from paper.charts import BARS_MAX
from paper.hub import CHARTS_MAX, Chart

_DAY_MINUTES: Final = 1440
_ELEMENTS: Final = 100


class _Description(msgspec.Struct, rename="camel"):
    underlying_type: str
    element_size: int = 1


class _Range(msgspec.Struct, frozen=True, rename="camel"):
    as_much_as_elements: int | None = None


class _Asked(msgspec.Struct, rename="camel"):
    symbol: str
    chart_description: _Description
    time_range: _Range = _Range()


@endpoint("md/getchart", socket_only=True)
def get_chart(call: Call) -> object:
    """MinuteBar (any size in minutes), DailyBar or Tick; other charts are refused with a text."""
    asked, venue, socket = call.read(_Asked), call.venue, call.socket
    instrument = venue.reference.of_symbol(asked.symbol)
    if instrument is None or socket is None:
        raise Refusal(404, "Symbol is not found")
    kind, size = asked.chart_description.underlying_type, asked.chart_description.element_size
    minutes = {"MinuteBar": size, "DailyBar": size * _DAY_MINUTES, "Tick": 0}.get(kind)
    if minutes is None or size < 1 or (kind == "Tick" and size > 1):
        return {"errorText": f"{kind} charts of size {size} are not served"}
    if len(venue.hub.charts) >= CHARTS_MAX:
        return {"errorText": "Too many charts"}
    count = min(asked.time_range.as_much_as_elements or _ELEMENTS, BARS_MAX)
    chart = Chart(
        venue.store.next_id(), venue.store.next_id(), socket, instrument.contract_id, minutes
    )
    venue.hub.charts[chart.realtime_id] = chart
    socket.follow_with(lambda: venue.tell_past(chart, count))
    return {"historicalId": chart.historical_id, "realtimeId": chart.realtime_id}


@endpoint("md/cancelchart", socket_only=True)
def cancel_chart(call: Call) -> object:
    """By either id, as samples use both."""
    wanted = call.number("subscriptionId")
    for chart in list(call.venue.hub.charts.values()):
        if chart.listener is call.socket and wanted in (chart.realtime_id, chart.historical_id):
            del call.venue.hub.charts[chart.realtime_id]
    return {}
