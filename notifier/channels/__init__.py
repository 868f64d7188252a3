"""The channels there are. A new one is a file here and a line below."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from notifier.channels.base import Channel
from notifier.channels.discord import DiscordChannel
from notifier.channels.log import LogChannel
from notifier.settings import NotifierSettings
from shared.ports.clock import Clock
from shared.runtime.settings import SettingsError


def _discord(settings: NotifierSettings, clock: Clock) -> Channel:
    return DiscordChannel(settings.discord_api_url, settings.discord_bot_token, clock)


def _to_log(_settings: NotifierSettings, _clock: Clock) -> Channel:
    return LogChannel()


CHANNELS: Final[dict[str, Callable[[NotifierSettings, Clock], Channel]]] = {
    "discord": _discord,
    "log": _to_log,
}


def make_channels(settings: NotifierSettings, clock: Clock) -> Sequence[Channel]:
    """Those the settings name. Raises `SettingsError` for a name nobody knows."""
    if unknown := sorted(set(settings.notifier_channels) - CHANNELS.keys()):
        raise SettingsError(f"TM_NOTIFIER_CHANNELS: there is no channel {unknown[0]!r}")
    return [CHANNELS[name](settings, clock) for name in settings.notifier_channels]
