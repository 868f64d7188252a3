"""What is noticed rather than asked: differences, alarms, the calendar, messages, records."""

from __future__ import annotations

from typing import Final

DRIFTS: Final = {
    "drift.manual_exit": "Somebody else's order closed a part of a strategy's position.",
    "drift.manual_entry": "Somebody else's orders hold something in this account.",
    "drift.quantity": "The broker holds another quantity than our fills sum to.",
    "drift.unknown_position": "The broker holds a position of which we know no fill.",
    "drift.fill_busted": "The broker took a fill back.",
    "drift.target_missed": "The book of a strategy is not where its last alert asked it to be.",
    "drift.foreign_order": "Orders that are not ours work in the account.",
    "drift.heal_unsure": "The difference may not be mended by itself: a person has to decide.",
}
# The watchman's, see docs/reliability.md: each stops entries where it is found.
ALARMS: Final = {
    "conservation.order_twice": "Two orders at the broker carry one of our order ids.",
    "conservation.order_unclaimed": "An order of ours works that nobody claimed.",
    "conservation.order_larger": "An order at the broker is larger than what we asked for.",
    "conservation.order_unknown": "The broker works an order of ours that we do not know.",
    "conservation.entries_exceed_legs": "Protective orders are for more than was entered.",
    "conservation.overfilled": "More was filled than the order was for.",
    "conservation.filled_beyond_order": "The broker filled more than its order was for.",
    "conservation.position_over_limit": "A position is larger than its limit.",
    "conservation.account_over_limit": "An account holds more than its limit.",
    "conservation.book_differs": "A position is not the sum of its fills.",
    "conservation.broker_differs": "The broker's position is not the sum of ours.",
    "instrument.figures_differ": "Tick or point value at the broker are not those of our table.",
    "instrument.figures_invalid": "The broker's figures of a product cannot be right.",
    "instrument.expiry_differs": "The broker names another last trading day than our calendar.",
    "instrument.front_differs": "The broker names another front month than our calendar.",
}
CALENDAR: Final = {
    "roll.moved": "The position was moved to the next contract.",
    "roll.kept": "The position was kept in its contract, as its strategy says.",
    "roll.closed": "The position was closed before its contract ends, and not entered again.",
    "roll.exit_lost": "The exit of the roll did not get through.",
    "roll.leg_reached": "A stop or target would be reached at once in the next contract.",
    "roll.overtaken": "An alert, a guard or a person decided meanwhile: it was not entered again.",
    "roll.too_late": "The next contract could not be entered in time.",
    "watchdog.quiet": "No alert has come for longer than the strategy expects.",
    "watchdog.not_by": "No alert had come by the time at which the strategy expects one.",
}
MESSAGES: Final = {
    "discord.not_configured": "The installation has no bot at Discord.",
    "discord.unknown_user": "Discord does not know the linked user any more: link again.",
    "discord.dms_closed": "The user takes no direct messages of our bot: share a server with it.",
    "discord.refused": "Discord refused the message.",
    "discord.unauthorized": "Discord does not accept our bot: its operator has to look.",
    "discord.rate_limited": "Discord asked us to wait.",
    "discord.server_error": "Discord had an error; it is tried again.",
    "discord.unreachable": "Discord cannot be reached; it is tried again.",
    "discord.unavailable": "Discord cannot be asked now; try again.",
    "discord.timeout": "Discord did not answer in time; it is tried again.",
    "notice.switched_off": "The user does not want this kind of message.",
}
RECORDS: Final = {
    "recording.off": "The strategy's recording is switched off.",
    "fill.external": "The fill is of no order of ours.",
    "recorder.fill_unknown": "A fill was told that is not on record yet; it is tried again.",
    "recorder.owner_unknown": "A fill's owner is not on record yet; it is tried again.",
}
