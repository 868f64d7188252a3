"""Is it a person? Pluggable; `off` is refused in production by the settings."""

from __future__ import annotations

from typing import Final, Protocol
from urllib.parse import urlsplit

from api.settings import ApiSettings

TIMEOUT_S: Final = 2.0


class Captcha(Protocol):
    async def is_solved(self, token: str | None, address: str) -> bool: ...


class NoCaptcha:
    """For a machine only its owner reaches."""

    async def is_solved(self, token: str | None, address: str) -> bool:  # noqa: ARG002 - port
        return True


class GoogleCaptcha:
    """reCAPTCHA v2. Google itself holds a token to one use and two minutes.

    Fails closed: when Google cannot be asked, nobody signs in. (Google, "Verifying the user's
    response".)
    """

    def __init__(self, verify_url: str, secret: str, hostname: str) -> None:
        self._verify_url = verify_url
        self._secret = secret
        self._hostname = hostname

    async def is_solved(self, token: str | None, address: str) -> bool:
        # Imported late: 0.2 s of start-up that a local run never needs.
        import httpx

        if not token:
            return False
        form = {"secret": self._secret, "response": token, "remoteip": address}
        try:
            async with httpx.AsyncClient(timeout=TIMEOUT_S, trust_env=False) as client:
                found = (await client.post(self._verify_url, data=form)).json()
        except (httpx.HTTPError, ValueError):
            return False
        return (
            isinstance(found, dict)
            and found.get("success") is True
            and found.get("hostname") == self._hostname
        )


def make_captcha(settings: ApiSettings) -> Captcha:
    """As the settings say."""
    if settings.captcha == "off":
        return NoCaptcha()
    hostname = urlsplit(settings.public_url).hostname or ""
    secret = settings.captcha_secret.get_secret_value()
    return GoogleCaptcha(settings.captcha_verify_url, secret, hostname)
