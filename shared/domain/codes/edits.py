"""What people did, as the audit log and the owner's log name it."""

from __future__ import annotations

from typing import Final

EDITS: Final = {
    "account.changed": "Settings of an account were changed.",
    "account.enable_live": "An account was enabled for real money.",
    "account.disable_live": "An account was locked for real money.",
    "strategy.created": "A strategy was made.",
    "strategy.changed": "A strategy was changed.",
    "strategy.deleted": "A strategy was deleted.",
    "strategy.all_off": "Every strategy of a user was switched off.",
    "strategy.recording_on": "Recording of a strategy was switched on.",
    "strategy.recording_off": "Recording of a strategy was switched off.",
    "strategy.key_rotated": "A strategy was given a new webhook key.",
    "strategy.key_ended": "A strategy's earlier webhook key was ended.",
    "control.kill": "Trading was killed in a scope.",
    "control.pause": "Entries were paused in a scope.",
    "control.resume": "Trading was resumed in a scope.",
    "control.flatten": "Everything in a scope was asked to be closed.",
    "drift.release": "Entries were let through although books had parted.",
    "drift.give_external": "What others hold was given to a strategy.",
    "order.manual": "An order was placed by hand.",
    "position.close": "A position was closed by hand.",
    "job.created": "A job was begun.",
    "job.cancelled": "A job was cancelled.",
    "job.undone": "A job was undone.",
    "api_key.made": "An API key was made.",
    "api_key.revoked": "An API key was revoked.",
    "user.registered": "A user signed up.",
    "user.invited": "Somebody was invited.",
    "user.changed": "An administrator changed a user.",
    "user.password": "The password was changed.",
    "user.renamed": "The user name was changed.",
    "user.email": "The address was changed.",
    "user.totp_on": "The second factor was switched on.",
    "user.totp_off": "The second factor was switched off.",
    "user.discord_linked": "Discord was linked.",
    "user.discord_unlinked": "Discord was unlinked.",
    "vault.rotated": "Broker credentials were sealed anew, under another key.",
    "user.deleted": "The user left for good.",
}
