"""Who is asking. There are no keys yet, so everyone is the same holder.

Everything that belongs to somebody (jobs, pictures, idempotency keys, audit entries) is already written by holder: when
keys come, `get_holder` is the place that changes.
"""

from typing import Annotated

from fastapi import Depends

ANONYMOUS = "anonymous"


async def get_holder() -> str:
    """The holder of the request's key."""
    return ANONYMOUS


Holder = Annotated[str, Depends(get_holder)]
