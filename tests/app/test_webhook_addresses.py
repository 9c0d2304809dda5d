"""Where webhooks may be sent to: public addresses alone, and what the operator allows, looked at each time."""

from collections.abc import Sequence
from ipaddress import ip_address

import pytest
from pydantic import ValidationError

from app.webhooks import reaching
from app.webhooks.reaching import Unreachable, allowed, is_public, look
from sepme_core.settings import Settings

NOTHING = allowed("")
PUBLIC = "93.184.216.34"


def resolving(*answers: str) -> reaching.LookUp:
    def resolve(host: str, port: int) -> Sequence[str]:
        assert host
        assert port
        return answers

    return resolve


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.8.8.8",
        "::1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "fe80::1",
        "fe80::1%2",
        "fd00::1",
        "fd00:ec2::254",
        "fec0::1",
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "::10.0.0.1",
        "2002:0a00:0001::1",
        "2002:7f00:0001::1",
        "64:ff9b::10.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b:1::1",
        "2001:0:a00:1::1",
        "0.0.0.0",
        "::",
        "224.0.0.1",
        "ff02::1",
        "255.255.255.255",
        "240.0.0.1",
        "198.18.0.1",
        "192.0.2.1",
        "2001:db8::1",
    ],
)
def test_a_name_that_leads_to_what_is_not_public_is_refused_whatever_else_it_leads_to(address: str) -> None:
    assert not is_public(ip_address(address))
    with pytest.raises(Unreachable, match="public"):
        look("https://hooks.example/x", NOTHING, resolving(PUBLIC, address))


@pytest.mark.parametrize(
    "address", [PUBLIC, "2606:2800:220:1::1", "64:ff9b::5db8:d822", "::ffff:93.184.216.34", "2002:5db8:d822::1"]
)
def test_a_name_that_leads_to_what_is_public_is_not(address: str) -> None:
    place = look("https://hooks.example:8443/x?y=1", NOTHING, resolving(address))
    assert place.addresses == (str(ip_address(address)),)
    sent_to = place.at(place.addresses[0])
    assert ip_address(sent_to.raw_host.decode()) == ip_address(address)
    assert (place.host, sent_to.port, sent_to.raw_path) == ("hooks.example", 8443, b"/x?y=1")


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://[fe80::1%25eth0]/",
        "https://0/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0x7f.1/",
        "https://1572395042/",
        "https://0x5db8d822/",
        "https://0177.0.0.1/",
        "https://127.1/",
        "https://127.0.0.1./",
        "https://１２７.0.0.1/",
        "https://hooks.example./",
        "https://user@hooks.example/",
        "https://hooks.example:secret@10.0.0.1/",
        "https://hooks.example/#x",
        "https://hooks.example:0/",
        "https://hooks.example:99999/",
        "http://hooks.example/",
        "ftp://hooks.example/",
        "file:///etc/passwd",
        "https:///x",
        "https://hooks.example/a b",
        "https://hooks.example/\r\nX: y",
        "https://" + 64 * "a" + ".example/",
        "https://nobody.invalid/",
        "//hooks.example",
        "hooks.example",
        "",
        "https://hooks.example/" + 2000 * "a",
    ],
)
def test_a_url_in_which_another_address_could_hide_is_refused_without_a_connection(url: str) -> None:
    known = {"hooks.example": PUBLIC}

    def resolve(host: str, port: int) -> Sequence[str]:
        return [known[host]] if host in known else reaching.look_up(host, port)

    with pytest.raises(Unreachable):
        look(url, NOTHING, resolve)


def test_the_operator_allows_hosts_and_networks_even_without_tls_and_nothing_beside_them() -> None:
    allowing = allowed("Hooks.Internal, 10.0.0.0/8, 127.0.0.1")
    assert look("http://hooks.internal/x", allowing, resolving("192.168.1.1")).addresses == ("192.168.1.1",)
    assert look("http://anybody.example/x", allowing, resolving("10.9.9.9")).addresses == ("10.9.9.9",)
    assert look("http://127.0.0.1:8080/x", allowing).addresses == ("127.0.0.1",)
    for answers in (["10.9.9.9", "192.168.1.1"], ["127.0.0.2"], ["10.9.9.9", PUBLIC], ["::ffff:10.0.0.1"]):
        with pytest.raises(Unreachable):
            look("http://anybody.example/x", allowing, resolving(*answers))


@pytest.mark.parametrize("listed", ["https://hooks.internal", "hooks.internal:8080", "10.0.0.1/8", "10.0.0.0/99"])
def test_what_is_no_host_address_or_network_cannot_be_allowed(listed: str) -> None:
    with pytest.raises(ValidationError, match="is no host, address or network"):
        Settings(webhooks_allow=f"localhost, {listed}")
