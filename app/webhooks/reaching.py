"""Which addresses webhooks may be sent to: public ones, and what SEPME_WEBHOOKS_ALLOW names.

Whoever may make a webhook would otherwise reach, through this machine, what its network keeps from others. A name is
resolved once for each message, and the connection goes to an address that was looked at: what a name server answers the
second time (DNS rebinding) nobody asks.
"""

import re
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

import httpx

from sepme_core import addresses

Address = IPv4Address | IPv6Address
LookUp = Callable[[str, int], Sequence[str]]
PORTS = {"https": 443, "http": 80}
LONGEST_URL = 2000
NAT64 = IPv6Network("64:ff9b::/96")
UNICAST = IPv6Network("2000::/3")
"""All that was ever given to anybody of what is global; old and local kinds lie beside it."""
HIGHEST_PORT = 65535
ALLOW = "SEPME_WEBHOOKS_ALLOW"
_VISIBLE = re.compile(r"[\x21-\x7e]+")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*", re.IGNORECASE)


class Unreachable(Exception):
    """Nothing may be sent there; the text says why, as a rule that does not hold."""


class Unresolved(Unreachable):
    """Its name has no address, at this moment."""

    def __init__(self, host: str) -> None:
        super().__init__(f"must name a host that resolves: {host} does not")


@dataclass(frozen=True)
class Allowed:
    """Hosts and networks that need be neither public nor reached by https."""

    hosts: frozenset[str]
    networks: tuple[IPv4Network | IPv6Network, ...]

    def excuses(self, host: str, address: Address) -> bool:
        """Whether the operator named it."""
        return host in self.hosts or any(address in network for network in self.networks)


@dataclass(frozen=True)
class Place:
    """Where a message may go, at this moment.

    Attributes:
        url: what the webhook says.
        host: the name in it, by which its certificate is checked.
        addresses: of the host, each of which was looked at.
    """

    url: httpx.URL
    host: str
    addresses: tuple[str, ...]

    def at(self, address: str) -> httpx.URL:
        """The same, at one address: nobody resolves the name again."""
        return self.url.copy_with(host=address)


def allowed(text: str) -> Allowed:
    """What SEPME_WEBHOOKS_ALLOW says."""
    listed = addresses.listed(text)
    networks = tuple(ip_network(each) for each in listed if addresses.is_network(each))
    return Allowed(frozenset(addresses.canonical(each) for each in listed), networks)


def look_up(host: str, port: int) -> Sequence[str]:
    """Resolve a name.

    Raises:
        Unresolved: it has no address.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Unresolved(host) from error
    return [str(each[4][0]) for each in found]


def look(text: str, allowing: Allowed, resolve: LookUp = look_up) -> Place:
    """Find out where a URL leads, and whether a message may go there.

    Raises:
        Unreachable: it may not.
    """
    url, host = _parsed(text)
    found = [ip_address(each) for each in _addresses(url, host, resolve)]
    if not found:
        raise Unresolved(host)
    excused = [allowing.excuses(host, address) for address in found]
    for address, named in zip(found, excused, strict=True):
        if not named and not is_public(address):
            raise Unreachable(
                f"must lead to public addresses, and {address} is none; an operator may allow it ({ALLOW})"
            )
    if url.scheme != "https" and not all(excused):
        raise Unreachable(f"must be https; an operator may allow the host plain http ({ALLOW})")
    return Place(url, host, tuple(dict.fromkeys(map(str, found))))


def is_public(address: Address) -> bool:
    """Whether anybody may be reached at it; of an IPv6 address that stands for another one, at that."""
    stands_for = _stands_for(address)
    if stands_for is not None:
        return is_public(stands_for)
    if isinstance(address, IPv6Address) and address not in UNICAST:
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def _stands_for(address: Address) -> IPv4Address | None:
    if isinstance(address, IPv4Address):
        return None
    if address in NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour


def _parsed(text: str) -> tuple[httpx.URL, str]:
    if len(text) > LONGEST_URL or not _VISIBLE.fullmatch(text):
        raise Unreachable(
            f"must be at most {LONGEST_URL} visible characters of ASCII, as in https://hooks.example/sepme"
        )
    try:
        url = httpx.URL(text)
        host = url.raw_host.decode("ascii").lower()
    except (httpx.InvalidURL, ValueError) as error:
        raise Unreachable("must be a URL, as in https://hooks.example/sepme") from error
    if url.scheme not in PORTS or not host or (url.port is not None and not 0 < url.port <= HIGHEST_PORT):
        raise Unreachable("must be an https URL that names a host, as in https://hooks.example/sepme")
    if url.userinfo or url.fragment:
        raise Unreachable("must hold neither a user nor a fragment")
    if host.endswith(".") or "%" in host:
        raise Unreachable("must name its host without a dot at the end or a zone")
    return url, host


def _addresses(url: httpx.URL, host: str, resolve: LookUp) -> Sequence[str]:
    """An address stands for itself, in its usual form: resolvers read 127.1, 0x7f000001 and 0177.0.0.1 as well."""
    try:
        return [str(ip_address(host))]
    except ValueError:
        pass
    if _NUMBER.fullmatch(host.rpartition(".")[2]):
        raise Unreachable("must write an address as four decimal numbers with dots, or in brackets")
    return resolve(host, url.port or PORTS[url.scheme])
