"""Quotes, on both sockets."""

from __future__ import annotations

from paper.calls import Call, Refusal, endpoint


@endpoint("md/subscribequote", socket_only=True)
def subscribe_quote(call: Call) -> object:
    """From now on quotes of the contract come as `md` events; the first one at once."""
    contract_id, socket = _contract(call), call.socket
    if socket is None:
        raise Refusal(404, "Not found")
    call.venue.hub.subscribe(socket, contract_id)
    socket.follow_with(lambda: call.venue.tell_quote(contract_id))
    return {}


@endpoint("md/unsubscribequote", socket_only=True)
def unsubscribe_quote(call: Call) -> object:
    if call.socket is not None:
        call.venue.hub.unsubscribe(call.socket, _contract(call))
    return {}


def _contract(call: Call) -> int:
    instrument = call.venue.reference.of_symbol(call.text("symbol"))
    if instrument is None:
        raise Refusal(404, "Symbol is not found")
    return instrument.contract_id
