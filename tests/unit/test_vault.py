"""A box opens for the place it was sealed for, with the key it was sealed for, and nowhere else."""

from __future__ import annotations

import pytest

from shared.vault import Opener, Sealer, VaultError, generate_keypair

PRIVATE, PUBLIC = generate_keypair()
PLACE = {"table": "broker_connections", "column": "password_sealed"}


@pytest.fixture(scope="module")
def box() -> bytes:
    return Sealer(PUBLIC).seal(b"canary-4711", row_id=7, **PLACE)


def test_a_box_opens_where_it_was_sealed(box: bytes) -> None:
    assert Opener(PRIVATE).open(box, row_id=7, **PLACE) == b"canary-4711"


def test_a_box_shows_nothing_of_its_content_and_never_repeats(box: bytes) -> None:
    again = Sealer(PUBLIC).seal(b"canary-4711", row_id=7, **PLACE)
    assert b"canary" not in box
    assert again != box
    assert again[:5] == box[:5]  # version and key id


@pytest.mark.parametrize(
    ("table", "row_id", "column"),
    [
        ("broker_connections", 8, "password_sealed"),
        ("broker_connections", 7, "secret_sealed"),
        ("broker_sessions", 7, "password_sealed"),
        ("broker_connections7", 7, "password_sealed"),
    ],
)
def test_a_box_moved_elsewhere_stays_shut(box: bytes, table: str, row_id: int, column: str) -> None:
    with pytest.raises(VaultError):
        Opener(PRIVATE).open(box, table=table, row_id=row_id, column=column)


def test_another_key_opens_nothing(box: bytes) -> None:
    other, _ = generate_keypair()
    with pytest.raises(VaultError):
        Opener(other).open(box, row_id=7, **PLACE)


def test_every_changed_or_missing_byte_is_noticed(box: bytes) -> None:
    opener = Opener(PRIVATE)
    for index in range(len(box)):
        changed = bytearray(box)
        changed[index] ^= 1
        with pytest.raises(VaultError):
            opener.open(bytes(changed), row_id=7, **PLACE)
        with pytest.raises(VaultError):
            opener.open(box[:index], row_id=7, **PLACE)


def test_the_empty_secret_is_a_secret() -> None:
    sealed = Sealer(PUBLIC).seal(b"", row_id=1, **PLACE)
    assert Opener(PRIVATE).open(sealed, row_id=1, **PLACE) == b""


@pytest.mark.parametrize("key", ["", "00", "zz" * 32, "00" * 31, "00" * 33])
def test_what_is_no_key_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Sealer(key)
    with pytest.raises(ValueError, match="32 bytes"):
        Opener(key)


def test_a_box_without_a_contribution_of_its_own_is_refused() -> None:
    """The all-zero point makes every shared secret zero; X25519 must not accept it."""
    box = Sealer(PUBLIC).seal(b"x", row_id=1, **PLACE)
    forged = box[:5] + bytes(32) + box[37:]
    with pytest.raises(VaultError):
        Opener(PRIVATE).open(forged, row_id=1, **PLACE)
