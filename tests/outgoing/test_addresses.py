"""Where webhooks may go: each special range in each spelling, and names whose addresses change or differ."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from app.errors import InvalidValue
from app.outgoing import addresses
from app.outgoing.failures import NOT_CONNECTED, NOT_RESOLVED, REFUSED_ADDRESS, TIMED_OUT, OutgoingError
from app.outgoing.http import Answer, deliver

LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
PUBLIC = "93.184.215.14"
"""An address of the public internet, to which no test connects."""


@pytest.mark.parametrize("address", [
    "0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.127.255.254", "127.0.0.1", "127.8.9.10",
    "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.0.9", "192.0.0.170", "192.0.2.1",
    "192.88.99.1", "192.168.1.1", "198.18.0.1", "198.19.255.255", "198.51.100.7", "203.0.113.9", "224.0.0.1",
    "239.255.255.250", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::7f00:1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b::808:808",
    "64:ff9b:1::a00:1", "100::1", "2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:2::1", "2001:10::1",
    "2001:20::1", "2001:db8::1", "2002:7f00:1::", "2002:c0a8:101::1", "3fff::1", "5f00::1", "fc00::1", "fd12::1",
    "fe80::1", "fe80::1%lo", "fec0::1", "ff02::1", "ff0e::1",
])
def test_ev_104_a_special_address_is_not_public(address: str) -> None:
    with pytest.raises(OutgoingError, match="SCIMD_WEBHOOK_NETWORKS") as raised:
        addresses.connect(address, 443, plain=False, allowed=())
    assert raised.value.reason == REFUSED_ADDRESS
    unwrapped = ip_address(address)
    assert not addresses.is_public(getattr(unwrapped, "ipv4_mapped", None) or unwrapped)


@pytest.mark.parametrize("address", ["8.8.8.8", PUBLIC, "100.63.0.1", "100.128.0.1", "172.32.0.1", "192.0.1.1", "223.255.255.1", "2606:4700::1111", "2a00:1450:4001::1", "2620:fe::fe"])
def test_ev_104_a_public_address_is(address: str) -> None:
    assert addresses.is_public(ip_address(address))


@pytest.mark.parametrize("host", [
    "127.0.0.1", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.0.0.1", "0177.0.0.1", "017700000001",
    "127.0.0.1.", "localhost", "LOCALHOST", "localhost.", "[::1]", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]", "[0000:0000:0000:0000:0000:ffff:7f00:0001]", "%31%32%37.0.0.1", "0", "0.0.0.0", "[::]",
    "\u2460\u2461\u2466.\u24ea.\u24ea.\u2460", "127\u30020\u30020\u30021", "[::1%25lo]",
])
def test_ev_140_no_spelling_of_this_machine_leads_there(host: str, receiver: Receiver) -> None:
    """Each of them is refused, or is no name at all, whichever of the two the system makes of it."""
    url = f"https://{host}:{receiver.port}/"
    with pytest.raises(OutgoingError) as raised:
        send(url)
    if raised.value.reason != REFUSED_ADDRESS:
        assert host.strip("[]") in ("127.0.0.1.", "%31%32%37.0.0.1", "::1%25lo") or not host.isascii()
    with pytest.raises((InvalidValue, OutgoingError)) as refused:
        addresses.check_url(url, ())
    assert isinstance(refused.value, InvalidValue) or refused.value.reason == NOT_RESOLVED
    assert receiver.accepted == 0


@pytest.mark.parametrize("url", [
    "http://example.com/", "ftp://127.0.0.1/", "file:///etc/passwd", "gopher://127.0.0.1/", "//127.0.0.1/", "example.com",
    "https://", "https:///path", "https://user@example.com/", "https://user:pw@example.com/", "https://@example.com/",
    "https://example.com/#part", "https://example.com/#", "https://example.com:0/", "https://example.com:99999/", "https://example.com:x/",
    "https://[::1/", "https://example.com\\@127.0.0.1/", "https://exa mple.com/", "https://example.com/\n", "https://b\u00fccher.example/",
    "https://example.com/\x00", "https://example.com/" + "a" * 2_000, "", "https://127.0.0.1/", "http://127.0.0.1/",
    "http://8.8.8.8/", "https://[fe80::1]/", "https://[2001:4860:4860::8888]x/", "https://*.example.com/",
])
def test_ev_103_a_url_that_cannot_be_an_endpoint(url: str) -> None:
    with pytest.raises(InvalidValue):
        addresses.check_url(url, ())


def test_ev_103_https_to_a_public_address_and_http_to_networks_of_the_setting() -> None:
    addresses.check_url("https://8.8.8.8:8443/webhooks?key=a", ())
    addresses.check_url("http://127.0.0.1:1/", LOOPBACK)
    addresses.check_url("https://localhost/", LOOPBACK)
    addresses.check_url("http://10.1.2.3/", (ip_network("10.0.0.0/8"),))
    with pytest.raises(InvalidValue, match="https only"):
        addresses.check_url("http://8.8.8.8/", LOOPBACK)
    with pytest.raises(InvalidValue, match="192.168.0.1 is not a public address; name its network in SCIMD_WEBHOOK_NETWORKS"):
        addresses.check_url("https://192.168.0.1/", LOOPBACK)


def test_ev_103_a_name_that_is_not_there_yet_is_told_apart() -> None:
    with pytest.raises(OutgoingError) as raised:
        addresses.check_url("https://receiver.invalid/", ())
    assert raised.value.reason == NOT_RESOLVED
    with pytest.raises(OutgoingError) as raised:
        send("https://receiver.invalid/")
    assert raised.value.reason == NOT_RESOLVED


class Receiver:
    """Counts connections, and answers each request with 204."""

    def __init__(self) -> None:
        self.accepted = 0
        self.requests: list[bytes] = []
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                line, _ = self._server.accept()
            except OSError:
                return
            with line:
                self.accepted += 1
                self.requests.append(line.recv(65_536))
                line.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


class Resolver:
    """A name server that knows `receiver.test` alone: each look takes the next list of addresses, the last one stays."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> None:
        self.looks = 0
        self._answers = answers
        self._real = socket.getaddrinfo
        monkeypatch.setattr(socket, "getaddrinfo", self)

    def __call__(self, host: Any, port: Any, *args: Any, **kwargs: Any) -> list[Any]:
        if host != "receiver.test":
            return self._real(host, port, *args, **kwargs)
        found = self._answers[min(self.looks, len(self._answers) - 1)]
        self.looks += 1
        return [each for address in found for each in self._real(address, port, *args, **kwargs)]


def send(url: str, allowed: addresses.Networks = ()) -> Answer:
    return deliver(url, b"{}", {}, deadline=time.monotonic() + 10, allowed=allowed)


@pytest.mark.parametrize("found", [[PUBLIC, "127.0.0.1"], ["127.0.0.1", PUBLIC], ["2606:4700::1111", "::1"], [PUBLIC, "::ffff:10.0.0.1"]])
def test_ev_140_one_bad_address_of_a_name_is_enough(found: list[str], monkeypatch: pytest.MonkeyPatch, receiver: Receiver) -> None:
    Resolver(monkeypatch, found)
    with pytest.raises(OutgoingError) as raised:
        send(f"https://receiver.test:{receiver.port}/")
    assert raised.value.reason == REFUSED_ADDRESS
    assert receiver.accepted == 0


def test_ev_140_a_resolver_that_answers_differently_the_second_time(monkeypatch: pytest.MonkeyPatch, receiver: Receiver) -> None:
    """The connection goes to the address that was checked: the name is looked up once."""
    resolver = Resolver(monkeypatch, ["127.0.0.1"], ["192.168.7.7"])
    assert send(f"http://receiver.test:{receiver.port}/", LOOPBACK).status == 204
    assert resolver.looks == 1
    with pytest.raises(OutgoingError) as raised:
        send(f"http://receiver.test:{receiver.port}/", LOOPBACK)
    assert raised.value.reason == REFUSED_ADDRESS
    assert receiver.accepted == 1


def test_ev_104_the_host_header_has_the_name_and_its_port(monkeypatch: pytest.MonkeyPatch, receiver: Receiver) -> None:
    Resolver(monkeypatch, ["127.0.0.1"])
    send(f"http://receiver.test:{receiver.port}/hook?a=b", LOOPBACK)
    head = receiver.requests[0].split(b"\r\n")
    assert head[0] == b"POST /hook?a=b HTTP/1.1"
    assert f"Host: receiver.test:{receiver.port}".encode() in head
    assert b"User-Agent: scimd" in head


def test_ev_104_no_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch, receiver: Receiver) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{receiver.port}")
        monkeypatch.setenv(name.lower(), f"http://127.0.0.1:{receiver.port}")
    with pytest.raises(OutgoingError) as raised:
        send("https://192.168.0.1/")
    assert raised.value.reason == REFUSED_ADDRESS
    with pytest.raises(OutgoingError) as raised:
        send("http://receiver.invalid/", LOOPBACK)
    assert raised.value.reason == NOT_RESOLVED
    assert receiver.accepted == 0


def test_an_address_that_nobody_listens_on_leaves_time_for_the_next_one(monkeypatch: pytest.MonkeyPatch, receiver: Receiver) -> None:
    Resolver(monkeypatch, ["127.0.0.9", "127.0.0.1"])
    assert send(f"http://receiver.test:{receiver.port}/", LOOPBACK).status == 204


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(OutgoingError) as raised:
        send(f"http://127.0.0.1:{port}/", LOOPBACK)
    assert raised.value.reason == NOT_CONNECTED


def test_a_resolver_that_never_answers_holds_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()
    monkeypatch.setattr(addresses, "CONNECT_SECONDS", 0.2)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: release.wait(30))
    with pytest.raises(OutgoingError) as raised:
        send("https://receiver.test/")
    release.set()
    assert raised.value.reason == NOT_RESOLVED


def test_a_host_that_takes_no_connection_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A backlog that is full leaves further connections without an answer, as a firewall does."""
    monkeypatch.setattr(addresses, "CONNECT_SECONDS", 0.3)
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        others = [socket.socket() for _ in range(4)]
        for each in others:
            each.setblocking(False)
            each.connect_ex(full.getsockname())
        with pytest.raises(OutgoingError) as raised:
            send(f"http://127.0.0.1:{full.getsockname()[1]}/", LOOPBACK)
        for each in others:
            each.close()
    assert raised.value.reason == TIMED_OUT
