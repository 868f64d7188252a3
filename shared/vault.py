"""Sealed boxes: X25519 + HKDF-SHA256 + AES-256-GCM, each bound to one place in the database.

    box = version[1] | key id[4] | ephemeral public key[32] | ciphertext and tag

    shared  = X25519(ephemeral private, recipient public)
    key|nonce = HKDF-SHA256(shared, info = "tm-vault" + both public keys)       44 bytes
    AAD     = version, key id, table, row id, column, each with its length

Each box has a key of its own, so its nonce never repeats. Whoever holds the public key can only
seal; a box copied to another row, column or table does not open.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from shared.ports.vault import VaultError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

__all__ = ["Opener", "Sealer", "VaultError", "generate_keypair"]

VERSION: Final = 1
_KEY_BYTES: Final = 32
_KEY_ID_BYTES: Final = 4
_NONCE_BYTES: Final = 12
_TAG_BYTES: Final = 16
_HEAD_BYTES: Final = 1 + _KEY_ID_BYTES + _KEY_BYTES
_INFO: Final = b"tm-vault-1"

# `cryptography` is imported inside: it costs start-up time that most processes never use.


def generate_keypair() -> tuple[str, str]:
    """(private, public), in hex."""
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

    private = X25519PrivateKey.generate()
    return private.private_bytes_raw().hex(), private.public_key().public_bytes_raw().hex()


class Sealer:
    """Seals; cannot open. Raises `ValueError` for a key that is none."""

    def __init__(self, public_hex: str) -> None:
        from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey

        self._raw = _key(public_hex)
        self._public: X25519PublicKey = X25519PublicKey.from_public_bytes(self._raw)

    def seal(self, plain: bytes, *, table: str, row_id: int, column: str) -> bytes:
        """A box for exactly this place; a different one at each call."""
        from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        ephemeral = X25519PrivateKey.generate()
        ours = ephemeral.public_key().public_bytes_raw()
        head = bytes([VERSION]) + _key_id(self._raw) + ours
        key, nonce = _derive(ephemeral.exchange(self._public), ours, self._raw)
        return head + AESGCM(key).encrypt(nonce, plain, _place(head, table, row_id, column))


class Opener:
    """Opens what the matching `Sealer` sealed, and can seal too, holding both halves.

    While keys are changed it is given the one before too: it opens both, and seals with the new.
    """

    def __init__(self, private_hex: str, previous_hex: str = "") -> None:
        from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

        self._previous = Opener(previous_hex) if previous_hex else None

        self._private: X25519PrivateKey = X25519PrivateKey.from_private_bytes(_key(private_hex))
        self._raw = self._private.public_key().public_bytes_raw()
        self._sealer = Sealer(self._raw.hex())

    def seal(self, plain: bytes, *, table: str, row_id: int, column: str) -> bytes:
        """For the services that keep what the broker gave them (tokens)."""
        return self._sealer.seal(plain, table=table, row_id=row_id, column=column)

    @property
    def head(self) -> bytes:
        """How every box begins that was sealed with the present key."""
        return bytes([VERSION]) + _key_id(self._raw)

    def open(self, sealed: bytes, *, table: str, row_id: int, column: str) -> bytes:
        """Raises `VaultError` unless it was sealed for exactly this place, and is whole."""
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        known = self.head
        if self._previous is not None and not sealed.startswith(known):
            return self._previous.open(sealed, table=table, row_id=row_id, column=column)
        head, rest = sealed[:_HEAD_BYTES], sealed[_HEAD_BYTES:]
        if len(rest) < _TAG_BYTES or not head.startswith(known):
            raise VaultError("this is no box for this key")
        theirs = head[len(known) :]
        try:
            secret = self._private.exchange(X25519PublicKey.from_public_bytes(theirs))
            key, nonce = _derive(secret, theirs, self._raw)
            return AESGCM(key).decrypt(nonce, rest, _place(head, table, row_id, column))
        except (InvalidTag, ValueError) as error:
            raise VaultError("this box does not open here") from error


def _derive(secret: bytes, ephemeral: bytes, recipient: bytes) -> tuple[bytes, bytes]:
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    length = _KEY_BYTES + _NONCE_BYTES
    hkdf = HKDF(algorithm=SHA256(), length=length, salt=None, info=_INFO + ephemeral + recipient)
    both = hkdf.derive(secret)
    return both[:_KEY_BYTES], both[_KEY_BYTES:]


def _place(head: bytes, table: str, row_id: int, column: str) -> bytes:
    """Each part with its length, so that no two places give the same bytes."""
    parts = (head, table.encode(), str(row_id).encode(), column.encode())
    return b"".join(len(part).to_bytes(4) + part for part in parts)


def _key_id(public: bytes) -> bytes:
    """Tells which key a box needs: rotation keeps two openers and finds the right one."""
    return hashlib.sha256(public).digest()[:_KEY_ID_BYTES]


def _key(text: str) -> bytes:
    try:
        raw = bytes.fromhex(text)
    except ValueError:
        raw = b""
    if len(raw) != _KEY_BYTES:
        raise ValueError(f"a vault key is {_KEY_BYTES} bytes in hex")
    return raw
