"""The whole table of `outcomes`, line by line."""

from __future__ import annotations

from decimal import Decimal

import pytest

from shared.brokers.tradovate.outcomes import (
    Answered,
    Kind,
    NeverLeft,
    NoAnswer,
    Reply,
    decide,
    snake,
    ticket_of,
    words_of,
)
from shared.ports.broker import Accepted, NotSent, Outcome, Refused, Unknown

PLACE, MODIFY, CANCEL = Kind.PLACE, Kind.MODIFY, Kind.CANCEL
START, INTERRUPT = Kind.START, Kind.INTERRUPT
ORDER = 296445350031

TABLE: list[tuple[Kind, Reply, Outcome]] = [
    # the transport
    (PLACE, NeverLeft("broker.connect"), NotSent("broker.connect")),
    (PLACE, NoAnswer("broker.timeout"), Unknown("broker.timeout")),
    (CANCEL, NoAnswer("broker.reset"), Unknown("broker.reset")),
    # accepted
    (PLACE, Answered(200, {"orderId": ORDER}), Accepted(ORDER)),
    (PLACE, Answered(200, {"orderId": ORDER, "failureReason": "Success"}), Accepted(ORDER)),
    (PLACE, Answered(200, {"orderId": ORDER, "failureReason": None}), Accepted(ORDER)),
    (PLACE, Answered(200, {"orderId": ORDER, "errorText": ""}), Accepted(ORDER)),
    (PLACE, Answered(200, {"orderId": ORDER, "violations": []}), Accepted(ORDER)),
    (PLACE, Answered(201, {"orderId": ORDER}), Accepted(ORDER)),
    (START, Answered(200, {"orderStrategy": {"id": 5}}), Accepted(5, is_strategy=True)),
    (START, Answered(200, {"orderStrategy": {}}), Unknown("broker.no_id")),
    (START, Answered(200, {"orderId": ORDER}), Unknown("broker.no_id")),
    (START, NoAnswer("broker.timeout"), Unknown("broker.timeout")),
    (
        START,
        Answered(200, {"errorText": "Invalid or missed parameters"}),
        Refused("broker.refused.error_text", "Invalid or missed parameters"),
    ),
    (
        START,
        Answered(
            200, {"orderStrategy": {"id": 5, "status": "ExecutionFailed", "failureMessage": "No"}}
        ),
        Refused("broker.refused.execution_failed", "No"),
    ),
    (
        INTERRUPT,
        Answered(200, {"orderStrategy": {"id": 5, "status": "ExecutionInterrupted"}}),
        Accepted(5, is_strategy=True),
    ),
    (MODIFY, Answered(200, {"commandId": 9}), Accepted(7)),
    (CANCEL, Answered(200, {"commandId": 9, "failureReason": "Success"}), Accepted(7)),
    # refused in so many words
    (
        PLACE,
        Answered(200, {"failureReason": "InvalidPrice", "failureText": "Off tick"}),
        Refused("broker.refused.invalid_price", "Off tick"),
    ),
    (
        PLACE,
        Answered(200, {"orderId": ORDER, "failureReason": "MaxPosLimitReached"}),
        Refused("broker.refused.max_pos_limit_reached", "MaxPosLimitReached"),
    ),
    (
        PLACE,
        Answered(200, {"failureReason": "NeverHeardOf"}),
        Refused("broker.refused.never_heard_of", "NeverHeardOf"),
    ),
    (
        PLACE,
        Answered(200, {"violations": [{"constraint": "NotNull", "description": "No account"}]}),
        Refused("broker.refused.violations", "No account"),
    ),
    (
        PLACE,
        Answered(200, {"errorText": "No such account"}),
        Refused("broker.refused.error_text", "No such account"),
    ),
    (
        MODIFY,
        Answered(200, {"failureReason": "AnotherCommandPending"}),
        Refused("broker.refused.another_command_pending", "AnotherCommandPending"),
    ),
    (PLACE, Answered(404, "Not found"), Refused("broker.refused.status_404", "Not found")),
    (
        PLACE,
        Answered(400, {"errorText": "Bad body"}),
        Refused("broker.refused.status_400", "Bad body"),
    ),
    # nothing to cancel
    (CANCEL, Answered(401, "Access is denied"), Refused("broker.order_final", "Access is denied")),
    (CANCEL, Answered(401, None), Refused("broker.order_final", "")),
    (
        CANCEL,
        Answered(200, {"failureReason": "TooLate"}),
        Refused("broker.order_final", "TooLate"),
    ),
    # turned away at the door
    (PLACE, Answered(401, "Access is denied"), NotSent("broker.unauthorized")),
    (PLACE, Answered(401, None), NotSent("broker.unauthorized")),
    (PLACE, Answered(403, None), NotSent("broker.unauthorized")),
    (PLACE, Answered(400, "Expired Access Token"), NotSent("broker.unauthorized")),
    (CANCEL, Answered(401, "Expired Access Token"), NotSent("broker.unauthorized")),
    (PLACE, Answered(429, None), NotSent("broker.rate_limited", 30.0)),
    (
        PLACE,
        Answered(200, {"p-ticket": "t", "p-time": 7}),
        NotSent("broker.penalty", 7.0),
    ),
    (
        PLACE,
        Answered(200, {"p-ticket": "t", "p-time": Decimal("2.5"), "orderId": ORDER}),
        NotSent("broker.penalty", 2.5),
    ),
    (
        CANCEL,
        Answered(200, {"p-ticket": "t", "p-time": 19, "p-captcha": True}),
        NotSent("broker.captcha", 3600.0),
    ),
    (PLACE, Answered(429, {"p-ticket": "t", "p-time": 1}), NotSent("broker.penalty", 1.0)),
    # anybody's guess
    (
        PLACE,
        Answered(200, {"failureReason": "RiskCheckTimeout"}),
        Unknown("broker.risk_check_timeout"),
    ),
    (PLACE, Answered(200, {"failureReason": "UnknownReason"}), Unknown("broker.unknown_reason")),
    (
        MODIFY,
        Answered(200, {"failureReason": "OtherExecutionRelated"}),
        Unknown("broker.other_execution_related"),
    ),
    (PLACE, Answered(200, {}), Unknown("broker.no_id")),
    (PLACE, Answered(200, {"failureReason": "Success"}), Unknown("broker.no_id")),
    (PLACE, Answered(200, {"orderId": 0}), Unknown("broker.no_id")),
    (PLACE, Answered(200, {"orderId": True}), Unknown("broker.no_id")),
    (PLACE, Answered(200, {"orderId": "12"}), Unknown("broker.no_id")),
    (PLACE, Answered(200, {"commandId": 9}), Unknown("broker.no_id")),
    (CANCEL, Answered(200, {"orderId": 9}), Unknown("broker.no_id")),
    (PLACE, Answered(200, None), Unknown("broker.unreadable")),
    (PLACE, Answered(200, "words"), Unknown("broker.unreadable")),
    (PLACE, Answered(200, []), Unknown("broker.unreadable")),
    (PLACE, Answered(302, None), Unknown("broker.status_302")),
    (PLACE, Answered(404, None), Unknown("broker.status_404")),
    (PLACE, Answered(408, "Session displaced"), Unknown("broker.status_408")),
    (PLACE, Answered(423, "Locked"), Unknown("broker.status_423")),
    (PLACE, Answered(500, {"orderId": ORDER}), Unknown("broker.status_500")),
    (PLACE, Answered(503, None), Unknown("broker.status_503")),
    (CANCEL, Answered(502, None), Unknown("broker.status_502")),
    (PLACE, Answered(0, None), Unknown("broker.status_0")),
]


@pytest.mark.parametrize(("kind", "reply", "outcome"), TABLE)
def test_the_table(kind: Kind, reply: Reply, outcome: Outcome) -> None:
    assert decide(kind, reply, order_id=7) == outcome


@pytest.mark.parametrize(
    ("body", "legs", "ids"),
    [
        ({"oso1Id": 2, "oso2Id": 3}, 2, (2, 3)),
        ({"oso1Id": 2, "oso2Id": 3}, 1, (2,)),
        ({"oso1Id": 2, "oso2Id": 3}, 0, ()),
        ({"oso1Id": 2}, 2, (2,)),
        ({"oso2Id": 3}, 2, ()),  # a shifted id would bind the target's row to the stop
    ],
)
def test_ids_of_legs_follow_the_legs_sent(
    body: dict[str, object], legs: int, ids: tuple[int, ...]
) -> None:
    assert decide(PLACE, Answered(200, {"orderId": 1} | body), legs=legs) == Accepted(1, ids)


def test_words_are_bounded() -> None:
    outcome = decide(PLACE, Answered(200, {"errorText": "x" * 9_000}))
    assert isinstance(outcome, Refused)
    assert len(outcome.reason) == 500


def test_a_ticket_is_not_shown() -> None:
    ticket = ticket_of({"p-ticket": "s3cret", "p-time": 3})
    assert ticket is not None
    assert "s3cret" not in repr(ticket)


def test_a_body_without_a_ticket_has_none() -> None:
    assert ticket_of({"orderId": 1}) is None
    assert ticket_of("p-ticket") is None


def test_failure_text_wins_over_its_reason() -> None:
    assert words_of({"failureReason": "NoQuote", "failureText": "No market"}) == "No market"


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        ("InvalidPrice", "invalid_price"),
        ("SSFNFAComplianceRequired", "ssfnfa_compliance_required"),
        ("MaxTotalPosLimitReached", "max_total_pos_limit_reached"),
        ("No such thing!", "nosuchthing"),
    ],
)
def test_reasons_become_codes(reason: str, code: str) -> None:
    assert snake(reason) == code
