"""The headers of a message by Standard Webhooks (standardwebhooks.com), version 1: an HMAC of id, time and body."""

import base64
import hashlib
import hmac
from collections.abc import Mapping

from sepme_core.registry.deliveries import Sending
from sepme_core.registry.webhooks import SECRET_PREFIX


def headers(sending: Sending, now: int) -> Mapping[str, str]:
    """By which its receiver can tell that a message is ours, that it is fresh, and whether it came before.

    Args:
        sending: the message.
        now: seconds since 1970, of this attempt.
    """
    signed = f"{sending.id}.{now}.{sending.body}".encode()
    return {
        "webhook-id": sending.id,
        "webhook-timestamp": str(now),
        "webhook-signature": " ".join(_signature(secret, signed) for secret in sending.secrets),
    }


def _signature(secret: str, signed: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
