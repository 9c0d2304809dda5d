"""Whether the server was told to stop: held lines are then let go, so that a restart does not wait for them."""

import signal

from sse_starlette.sse import AppStatus


def is_draining() -> bool:
    """Whether uvicorn got its signal.

    ASGI has no word for that. The library of the event streams patches uvicorn to learn it, which comes too late where
    uvicorn imports the application after it has set its signal handlers; then the handler is a method of the server,
    which knows.
    """
    server = getattr(signal.getsignal(signal.SIGTERM), "__self__", None)
    return AppStatus.should_exit or bool(getattr(server, "should_exit", False))
