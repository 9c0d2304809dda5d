"""What users type and call: the `sepme` command, which starts the other rooms as processes, and the Python client.

What the client is made of is imported when it is first named: `import sepme` alone costs nothing.
"""

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from sepme.client import *  # noqa: F403
else:

    def __getattr__(name: str) -> Any:
        """What `sepme.client` has under a name that begins with a capital (PEP 562)."""
        if name[:1].isupper():
            from sepme import client

            if name in client.__all__:
                return getattr(client, name)
        raise AttributeError(f"module 'sepme' has no attribute {name!r}")

    def __dir__() -> list[str]:
        """With what `sepme.client` has."""
        from sepme import client

        return sorted({*globals(), *client.__all__})
