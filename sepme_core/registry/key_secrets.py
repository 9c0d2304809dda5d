"""The text of keys, `sepme_<id>_<secret>`, and the keyed hash that is all the registry holds of one (RFC 2104)."""

import hashlib
import hmac
import re
import secrets
import string
from pathlib import Path

from sepme_core.secret_files import write_once

PREFIX = "sepme"
ALPHABET = string.ascii_letters + string.digits
ID_CHARACTERS, SECRET_CHARACTERS = 12, 43
"""43 characters of 62 are 256 bits."""
PEPPER_BYTES = 32
_KEY = re.compile(rf"{PREFIX}_([A-Za-z0-9]{{{ID_CHARACTERS}}})_([A-Za-z0-9]{{{SECRET_CHARACTERS}}})", re.ASCII)


class PepperUnusable(Exception):
    """The file without which no key can be told from another cannot be had; the text says why, and what helps."""


def new_id() -> str:
    """The part of a key that may be shown."""
    return _random(ID_CHARACTERS)


def new_text(key_id: str) -> str:
    """A whole key with this id, to be shown once."""
    return f"{PREFIX}_{key_id}_{_random(SECRET_CHARACTERS)}"


def id_of(text: str) -> str | None:
    """The id within the text of a key; None where it is none."""
    match = _KEY.fullmatch(text)
    return None if match is None else match[1]


def keyed_hash(pepper: bytes, text: str) -> str:
    """What is stored of a key: useless to who reads the database without the pepper."""
    return "hmac:" + hmac.new(pepper, text.encode(), hashlib.sha256).hexdigest()


def is_hash_of(stored: str, pepper: bytes, text: str) -> bool:
    """Whether it is, in a time that does not tell how much of it fits."""
    return hmac.compare_digest(stored.encode(), keyed_hash(pepper, text).encode())


def read_pepper(file: Path) -> bytes:
    """The bytes that hashes are keyed with.

    Raises:
        PepperUnusable: where the file is missing, cannot be read, or holds something else.
    """
    try:
        pepper = file.read_bytes()
    except FileNotFoundError:
        raise PepperUnusable(
            f"{file} is not there: bring it back, or let SEPME_KEYS_PEPPER name where it is. Without it no key that was"
            " made can be told; a new one is made with the next key where none was made yet"
        ) from None
    except OSError as error:
        raise PepperUnusable(f"{file} cannot be read: {error.strerror}") from error
    if len(pepper) != PEPPER_BYTES:
        raise PepperUnusable(f"{file} holds {len(pepper)} bytes, not the {PEPPER_BYTES} that were made")
    return pepper


def make_pepper(file: Path) -> bytes:
    """The same, made where it is missing: whoever comes first makes it, and only its owner may read it.

    Raises:
        PepperUnusable: where it cannot be written or read.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        if not file.exists():
            write_once(file, secrets.token_bytes(PEPPER_BYTES))
    except OSError as error:
        raise PepperUnusable(f"{file} cannot be written: {error.strerror}") from error
    return read_pepper(file)


def _random(length: int) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(length))
