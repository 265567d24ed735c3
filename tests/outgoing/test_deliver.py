"""Receivers of webhooks that misbehave: each costs a delivery no more than its deadline and its limit on size."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from ipaddress import ip_network
from pathlib import Path

import pytest

from app.outgoing.failures import CLOSED, NOT_UNDERSTOOD, TIMED_OUT, TLS
from app.outgoing.http import MOST_ANSWER_BYTES, Answer, OutgoingError, deliver
from tests.auth.proxy import certificate

LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
OK = b"HTTP/1.1 200 OK\r\n"
BODY = b'{"a": 1}'
NAME = "receiver.test"

Behaviour = Callable[[socket.socket], None]


def read(line: socket.socket, until: bytes) -> None:
    taken = b""
    while not taken.endswith(until) or not taken:
        piece = line.recv(65_536)
        if not piece:
            return
        taken += piece


@contextmanager
def receiving(behave: Behaviour, tls: ssl.SSLContext | None = None, until: bytes = BODY) -> Iterator[int]:
    """Yield the port of a receiver that reads `until` the end of a request, and then does as told.

    It ends when the other side has enough.
    """
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            line, _ = server.accept()
            with line, suppress(OSError):
                if tls is None:
                    read(line, until)
                    behave(line)
                else:
                    with tls.wrap_socket(line, server_side=True) as wrapped:
                        read(wrapped, until)
                        behave(wrapped)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        thread.join(20)
        assert not thread.is_alive()


def send(url: str, seconds: float = 10) -> Answer:
    headers = {"Content-Type": "application/json", "webhook-id": "1"}
    return deliver(url, BODY, headers, deadline=time.monotonic() + seconds, allowed=LOOPBACK)


def sending(data: bytes) -> Behaviour:
    return lambda line: line.sendall(data)


def pouring(data: bytes, begin: bytes = OK) -> Behaviour:
    """Return what sends `begin` and then `data` again and again."""

    def behave(line: socket.socket) -> None:
        line.sendall(begin)
        while True:
            line.sendall(data)

    return behave


def dripping(data: bytes, begin: bytes = b"") -> Behaviour:
    """Return what sends a byte now and then, which no timeout for a single packet notices."""

    def behave(line: socket.socket) -> None:
        line.sendall(begin)
        for number in range(1_000):
            time.sleep(0.02)
            line.sendall(data[number % len(data) :][:1])

    return behave


@pytest.mark.parametrize("status", [200, 201, 202, 204, 301, 302, 303, 307, 308, 400, 404, 410, 429, 500, 503])
def test_ev_94_the_answer_is_that_of_the_url_itself(status: int) -> None:
    """A redirect is an answer like others: the receiver takes one connection."""
    head = b"HTTP/1.1 %d X\r\nLocation: http://127.0.0.1:1/\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n" % status
    with receiving(sending(head)) as port:
        answer = send(f"http://127.0.0.1:{port}/hook")
    assert (answer.status, answer.body, answer.headers["retry-after"]) == (status, b"", "7")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_ev_140_a_redirect_leads_nowhere(status: int) -> None:
    """Not even to where the first request may go."""
    with socket.create_server(("127.0.0.1", 0)) as inner:
        inner.setblocking(False)
        head = f"HTTP/1.1 {status} X\r\nLocation: http://127.0.0.1:{inner.getsockname()[1]}/\r\nContent-Length: 0\r\n\r\n"
        with receiving(sending(head.encode())) as port:
            assert send(f"http://127.0.0.1:{port}/").status == status
        with pytest.raises(BlockingIOError):
            inner.accept()


def test_ev_94_at_most_64_kib_of_an_answer_are_read() -> None:
    with receiving(pouring(b"x" * 65_536, OK + b"\r\n")) as port:
        answer = send(f"http://127.0.0.1:{port}/")
    assert (answer.status, answer.body) == (200, b"x" * MOST_ANSWER_BYTES)
    assert MOST_ANSWER_BYTES <= 65_536


def test_ev_94_chunks_of_one_byte_cost_no_more_than_their_limit() -> None:
    taken = [0]

    def pour(line: socket.socket) -> None:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65_536)
        line.sendall(OK + b"Transfer-Encoding: chunked\r\n\r\n")
        while True:
            line.sendall(b"1\r\na\r\n" * 1_000)
            taken[0] += 6_000

    with receiving(pour) as port:
        answer = send(f"http://127.0.0.1:{port}/")
    assert (answer.status, answer.body) == (200, b"a" * MOST_ANSWER_BYTES)
    assert taken[0] < 10_000_000  # what fits into the buffers between the two


def test_ev_94_a_chunked_answer_and_a_compressed_one_are_taken_as_they_are() -> None:
    with receiving(sending(OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n")) as port:
        assert send(f"http://127.0.0.1:{port}/").body == b"abc"
    with receiving(sending(OK + b"Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc")) as port:
        assert send(f"http://127.0.0.1:{port}/").body == b"abc"


@pytest.mark.parametrize("interim", [
    b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 102 Processing\r\n\r\n",
    b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\nContent-Length: 5\r\n\r\n",
])
def test_an_interim_response_is_passed_over(interim: bytes) -> None:
    with receiving(sending(interim * 3 + OK + b"Content-Length: 3\r\n\r\nabc")) as port:
        answer = send(f"http://127.0.0.1:{port}/")
    assert (answer.status, answer.body) == (200, b"abc")


def test_a_change_of_protocols_is_no_interim_response() -> None:
    with receiving(sending(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n")) as port:
        assert send(f"http://127.0.0.1:{port}/").status == 101


@pytest.mark.parametrize(("behave", "reason"), [
    pytest.param(lambda line: None, CLOSED, id="closed without an answer"),
    pytest.param(sending(b""), CLOSED, id="nothing sent"),
    pytest.param(sending(b"HTTP/1.1 20"), CLOSED, id="a status that is cut"),
    pytest.param(sending(b"HTTP/1.1 204 No Con"), CLOSED, id="a status line that is cut"),
    pytest.param(sending(b"HTTP/1.1 204 No Content\r\n"), CLOSED, id="a header section that does not begin"),
    pytest.param(sending(OK + b"Content-Len"), CLOSED, id="a header that is cut"),
    pytest.param(sending(OK + b"A: b\r\n"), CLOSED, id="a header section that does not end"),
    pytest.param(sending(b"HTTP/1.1 103 Early Hints\r\n\r\n"), CLOSED, id="only an interim response"),
    pytest.param(sending(OK + b"Content-Length: 10\r\n\r\nabc"), CLOSED, id="a body that is cut"),
    pytest.param(sending(OK + b"Content-Length: 5, 3\r\n\r\nabc"), NOT_UNDERSTOOD, id="two lengths"),
    pytest.param(sending(OK + b"Transfer-Encoding: chunked\r\n\r\n-5\r\nabc"), NOT_UNDERSTOOD, id="a negative chunk"),
    pytest.param(sending(OK + b"Content-Encoding: " + b"gzip," * 99 + b"\r\n\r\nabc"), NOT_UNDERSTOOD, id="99 codings"),
    pytest.param(sending(OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nab"), CLOSED, id="a chunk that is cut"),
    pytest.param(sending(OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n"), CLOSED, id="a chunk that is none"),
    pytest.param(sending(b"220 mail.example.com ESMTP\r\n"), NOT_UNDERSTOOD, id="another protocol"),
    pytest.param(sending(b"\x00" * 100 + b"\r\n"), NOT_UNDERSTOOD, id="binary"),
    pytest.param(sending(b"HTTP/1.1 abc X\r\n\r\n"), NOT_UNDERSTOOD, id="a status that is no number"),
    pytest.param(sending(b"HTTP/1.1 99999 X\r\n\r\n"), NOT_UNDERSTOOD, id="a status out of range"),
    pytest.param(pouring(b"a", b""), NOT_UNDERSTOOD, id="a status line without end"),
    pytest.param(pouring(b"a" * 1_000), NOT_UNDERSTOOD, id="a header without end"),
    pytest.param(pouring(b"A: b\r\n"), NOT_UNDERSTOOD, id="headers without end"),
    pytest.param(pouring(b"HTTP/1.1 100 Continue\r\n\r\n", b""), NOT_UNDERSTOOD, id="interim responses without end"),
    pytest.param(pouring(b"HTTP/1.1 103 Hints\r\n\r\n", b""), NOT_UNDERSTOOD, id="early hints without end"),
    pytest.param(pouring(b"1;" + b"x" * 60_000 + b"\r\na\r\n", OK + b"Transfer-Encoding: chunked\r\n\r\n"), NOT_UNDERSTOOD, id="chunks of one byte with extensions"),
])
def test_ev_94_an_answer_that_is_none(behave: Behaviour, reason: str) -> None:
    with receiving(behave) as port, pytest.raises(OutgoingError) as raised:
        send(f"http://127.0.0.1:{port}/", 15)
    assert raised.value.reason == reason


@pytest.mark.parametrize("behave", [
    pytest.param(lambda line: line.recv(1), id="no answer"),
    pytest.param(dripping(b"HTTP/1.1 100 Continue\r\n\r\n"), id="interim responses"),
    pytest.param(dripping(b"HTTP/1.1 200 OK\r\nA: " + b"b" * 2_000), id="headers"),
    pytest.param(dripping(b"x", OK + b"\r\n"), id="a body"),
    pytest.param(dripping(b"1\r\na\r\n", OK + b"Transfer-Encoding: chunked\r\n\r\n"), id="chunks"),
    pytest.param(lambda line: (line.sendall(OK + b"Content-Length: 5\r\n\r\n"), line.recv(1))[0], id="a body that never comes"),
])
def test_ev_94_a_slow_answer_is_cut_at_the_deadline(behave: Behaviour) -> None:
    with receiving(behave) as port, pytest.raises(OutgoingError) as raised:
        send(f"http://127.0.0.1:{port}/", 0.5)
    assert raised.value.reason == TIMED_OUT


@pytest.fixture
def tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """A server's side of TLS for `receiver.test`, which resolves to this machine, with a certificate that is trusted."""
    context, trusted = certificate(tmp_path, NAME)
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    real = socket.getaddrinfo
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda host, *args, **kwargs: real("127.0.0.1" if host == NAME else host, *args, **kwargs)
    )
    return context


def test_ev_104_tls_is_verified_against_the_name_though_the_connection_goes_to_an_address(tls: ssl.SSLContext) -> None:
    names = []
    tls.sni_callback = lambda _, name, __: names.append(name)  # type: ignore[func-returns-value]
    with receiving(sending(OK + b"Content-Length: 0\r\n\r\n"), tls) as port:
        assert send(f"https://{NAME}:{port}/").status == 200
    assert names == [NAME]
    with receiving(sending(OK), tls) as port, pytest.raises(OutgoingError) as raised:
        send(f"https://127.0.0.1:{port}/")
    assert raised.value.reason == TLS


def test_a_certificate_that_nobody_trusts_and_one_of_the_environments_bundle(
    tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    with receiving(sending(OK), tls) as port, pytest.raises(OutgoingError) as raised:
        send(f"https://{NAME}:{port}/")
    assert raised.value.reason == TLS
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "cert.pem"))
    with receiving(sending(OK + b"Content-Length: 0\r\n\r\n"), tls) as port:
        assert send(f"https://{NAME}:{port}/").status == 200


def test_a_trusted_file_that_changes_is_read_again(tls: ssl.SSLContext, tmp_path: Path) -> None:
    with receiving(sending(OK + b"Content-Length: 0\r\n\r\n"), tls) as port:
        assert send(f"https://{NAME}:{port}/").status == 200
    renewed, _ = certificate(tmp_path, NAME)
    with receiving(sending(OK + b"Content-Length: 0\r\n\r\n"), renewed) as port:
        assert send(f"https://{NAME}:{port}/").status == 200


def test_ev_94_half_a_tls_handshake(tls: ssl.SSLContext) -> None:
    """The receiver takes the first message of the handshake and never answers."""
    with receiving(lambda line: line.recv(1), until=b"") as port, pytest.raises(OutgoingError) as raised:
        send(f"https://{NAME}:{port}/", 0.5)
    assert raised.value.reason == TIMED_OUT


@pytest.mark.parametrize("data", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x15\x03\x01\x00\x02\x02\x28"])
def test_ev_94_an_answer_that_is_no_tls(data: bytes, tls: ssl.SSLContext) -> None:
    with receiving(sending(data), until=b"") as port, pytest.raises(OutgoingError) as raised:
        send(f"https://{NAME}:{port}/")
    assert raised.value.reason == TLS


def test_a_receiver_that_reads_nothing_holds_nobody() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        accepted = []
        thread = threading.Thread(target=lambda: accepted.append(server.accept()))
        thread.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        with pytest.raises(OutgoingError) as raised:
            deliver(url, b"x" * 20_000_000, {}, deadline=time.monotonic() + 0.5, allowed=LOOPBACK)
        thread.join()
        accepted[0][0].close()
    assert raised.value.reason == TIMED_OUT
