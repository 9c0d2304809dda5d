"""Ids that cannot be guessed."""

import secrets

ID_LENGTH = 32
"""The longest that an id may be."""


def new_id() -> str:
    """Return 128 random bits, url-safe: 22 characters."""
    return secrets.token_urlsafe(16)
