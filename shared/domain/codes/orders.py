"""How decisions and orders end, and what commands come to."""

from __future__ import annotations

from typing import Final

DECISIONS: Final = {
    "strategy.disabled": "The strategy is switched off.",
    "strategy.no_accounts": "No account is linked to the strategy.",
    "account.disabled": "The account is switched off for this strategy.",
    "symbol.missing": "Neither the alert nor the strategy names a symbol.",
    "size.turn_unknown": "The alert turns a position that is not held here, and its quantity counts"
    " what it ends.",
    "size.part_unknown": "The alert takes off a part, and it is not known of how many.",
    "plan.no_entries": "No entry is waiting to be filled.",
    "average.no_stop": "The position has a stop that the add would not have.",
    "drift.position": "Our books and the broker's differ here: entries are held until they agree.",
    "position.naked": "A position stands without its stop: entries are held until it has one.",
    "exit.stuck": "An exit does not get through: entries are held until it does.",
    "price.off_tick": "A price does not lie on the product's tick.",
}
ENDS: Final = {
    "signal.expired": "The order's turn came later than its maximum age: it was not sent.",
    "entry.withdrawn": "An alert took the entry back before it had filled.",
    "entry.superseded": "An exit came while the entry was not sent: it is not sent any more.",
    "exit.flat": "Flat already: nothing was left to close.",
    "exit.part_closed": "Closed already: nothing of the part was left.",
    "rung.closed": "Nothing was left for this part of the entry.",
    "reverse.not_flat": "The exit before it ended with contracts still held: nothing was entered.",
    "average.ended": "The position ended before its add left.",
    "average.stopped": "The position's stop is reached: nothing is added.",
    "bracket.no_reference": "No fresh quote and no price in the alert to place the bracket from.",
    "bracket.wrong_side": "A stop or target would be on the wrong side of the entry.",
    "login.rests": "The broker takes no orders of this login now: the exit waits, its legs work.",
    "market.closed": "The market is closed: the order waits until it opens.",
    "order.filled": "The order was filled.",
    "order.*": "The order ended in the state that the rest of the code names.",
}
BROKERS_WORD: Final = {
    "broker.rejected": "The broker or the exchange rejected the order; its words stand beside it.",
    "broker.refused.*": "The broker refused the order: the rest of the code is its reason.",
    "broker.refused.violations": "The broker's risk rules refused the order.",
    "broker.refused.error_text": "The broker refused the order, in the words beside it.",
    "broker.order_final": "The order was final already: nothing was cancelled or changed.",
    "broker.no_id": "The broker answered without a number: it is asked what became of the order.",
    "broker.status_*": "The broker answered with this HTTP status: it is asked what became of it.",
    "broker.unreadable": "The broker's answer cannot be read: it is asked again.",
    "broker.never_arrived": "The order never arrived at the broker.",
    "broker.left": "The request had left when the connection ended: its fate is asked for.",
    "broker.not_found": "The broker does not know what was asked for.",
    "broker.strategy_unsettled": "What the order strategy placed is not known yet.",
    "broker.unauthorized": "The broker does not accept our session.",
    "broker.risk_check_timeout": "The broker's risk check took too long: its fate is asked for.",
    "broker.unknown_reason": "The broker gave no reason: the order's fate is asked for.",
    "broker.other_execution_related": "The broker is unsure: the order's fate is asked for.",
}
COMMANDS: Final = {
    "command.done": "It was carried out.",
    "command.pending": "It is not carried out yet: ask for the command again.",
    "command.expired": "It was not carried out in time, and will not be any more.",
    "command.malformed": "The command says something that cannot be.",
    "command.unknown": "There is no such command.",
    "command.secret_gone": "What the command carried sealed was not taken in time: ask again.",
    "handover.unknown": "One of the two strategies is not there any more.",
    "handover.busy": "Orders of the strategy are under way: nothing was handed over.",
    "handover.meets_other": "The other strategy holds or works something in the same contract.",
    "handover.not_linked": "The other strategy does not trade that account.",
    "drift.unknown": "No difference of yours is held there now.",
    "drift.nothing_to_give": "Nothing of others is there to give, or the strategy does not trade"
    " that account.",
    "broker.consent_unknown": "The way back from the broker was not begun here, or too long ago.",
    "broker.consent_refused": "The person refused at the broker.",
    "broker.consent_other_app": "The consent was given to another application.",
    "broker.consent_other_login": "The consent is of another login than the one that was asked.",
}
