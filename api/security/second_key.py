"""Secrets that the API itself must read again, under a key that no other service is given.

Broker secrets are sealed under the vault's key, which the API cannot open; here it can.
"""

from __future__ import annotations

from typing import Final

from api.settings import ApiSettings
from shared.vault import Opener

_INFO: Final = b"tm-second-factor"
_KEY_BYTES: Final = 32


def opener(settings: ApiSettings) -> Opener:
    """The operator's key, else one derived from `TM_SECRET_KEY`, which only the API has."""
    given = settings.second_factor_key.get_secret_value()
    if given:
        return Opener(given)
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    hkdf = HKDF(algorithm=SHA256(), length=_KEY_BYTES, salt=None, info=_INFO)
    return Opener(hkdf.derive(settings.secret).hex())
