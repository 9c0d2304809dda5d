"""Ids that cannot be guessed."""

import secrets


def new_id() -> str:
    """Return 128 random bits, url-safe: 22 characters."""
    return secrets.token_urlsafe(16)
