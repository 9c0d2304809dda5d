"""Names and addresses of hosts, as settings list them."""

from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit

WILDCARDS = frozenset({"0.0.0.0", "::"})  # noqa: S104  (compared, not bound)


def listed(text: str) -> list[str]:
    """Return the parts of a list with commas."""
    return [part for part in (each.strip() for each in text.split(",")) if part]


def canonical(host: str) -> str:
    """Return a name in lower case, an address in its shortest form."""
    try:
        return str(ip_address(host))
    except ValueError:
        return host.lower().removesuffix(".")


def is_loopback(host: str) -> bool:
    """Return whether a name or address can only mean this machine."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def is_network(text: str) -> bool:
    """Return whether it is an address, or a network as in 10.0.0.0/8."""
    try:
        ip_network(text)
    except ValueError:
        return False
    return True


def is_host(text: str) -> bool:
    """Return whether it is a name or an address alone: no scheme, port or path."""
    return host_of(f"http://[{text}]" if ":" in text else f"http://{text}") == text.lower()


def is_web_address(url: str) -> bool:
    """Return whether it is an http or https URL that names a host."""
    return url.startswith(("http://", "https://")) and host_of(url) is not None


def host_of(url: str) -> str | None:
    """Return the host of a URL in lower case, None where there is none."""
    try:
        return urlsplit(url).hostname or None
    except ValueError:
        return None
