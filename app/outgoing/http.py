"""All HTTP requests that scimd itself sends: one deadline, a limit on size, no redirects, verified TLS.

Built on requests, so that the environment's certificates (`REQUESTS_CA_BUNDLE`) apply and, but for URLs that are
somebody else's choice, its proxy (`HTTPS_PROXY`, `NO_PROXY`).
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from urllib.parse import urlsplit

import requests
from requests.utils import get_environ_proxies
from urllib3.exceptions import HTTPError

from app.outgoing import addresses
from app.outgoing.connections import Adapter, Connections, trusted
from app.outgoing.failures import TIMED_OUT, OutgoingError, Unreachable, reason_of, words_of
from app.protocol.messages import JSON
from app.store.accounts.trusts import is_loopback

__all__ = ["MOST_ANSWER_BYTES", "Answer", "OutgoingError", "Unreachable", "deliver", "get", "post"]

CONNECT_SECONDS = 1.0
"""For each address that the host's name resolves to."""
MOST_ANSWER_BYTES = 8_192
"""What is read of the body of an answer to a delivery; 64 KiB in chunks of one byte took 54 ms (D-414)."""
HEADERS = {"Accept": JSON, "Accept-Encoding": "identity", "User-Agent": "scimd"}


@dataclass(frozen=True)
class Answer:
    """The response to a request: its status, its body, and its headers, whose names ignore case."""

    status: int
    body: bytes
    headers: Mapping[str, str]


def get(
    url: str, *, deadline: float, most_bytes: int, accept: str = JSON, allowed: addresses.Networks | None = None
) -> bytes:
    """Return the body at the URL, complete and with status 200; raises OutgoingError.

    `deadline` is a time of `time.monotonic`, by which proxy, TLS, headers and body must be done; `accept` is a media
    type. `allowed` is for a URL that is somebody else's choice: as `deliver`, it goes to public addresses and these.
    """
    request = requests.Request("GET", url, headers=HEADERS | {"Accept": accept})
    answer = _complete(request, Connections(deadline, most_bytes, allowed), deadline)
    if answer.status != 200:
        raise OutgoingError(f"{url} answered {answer.status}")
    return answer.body


def post(
    url: str, form: Mapping[str, str], *, deadline: float, most_bytes: int, headers: Mapping[str, str] | None = None
) -> Answer:
    """Send a form to the URL and return the answer, whatever its status; raises OutgoingError.

    `deadline` and `most_bytes` limit the answer as in `get`; `headers` are sent besides the usual ones.
    """
    request = requests.Request("POST", url, headers=HEADERS | dict(headers or {}), data=form)
    return _complete(request, Connections(deadline, most_bytes), deadline)


def deliver(
    url: str, body: bytes, headers: Mapping[str, str], *, deadline: float, allowed: addresses.Networks
) -> Answer:
    """Send a body to a URL that is somebody else's choice, and return the answer, whatever its status.

    The connection goes, without a proxy, to addresses that are public or in a network of `allowed`. Of the answer's
    body, at most `MOST_ANSWER_BYTES` are read; a longer one is cut. Raises OutgoingError, whose reason has nothing of
    the answer.
    """
    request = requests.Request("POST", url, headers=HEADERS | dict(headers), data=body)
    answer = _send(request, Connections(deadline, MOST_ANSWER_BYTES, allowed), deadline)
    return Answer(answer.status, answer.body[:MOST_ANSWER_BYTES], answer.headers)


def _complete(request: requests.Request, connections: Connections, deadline: float) -> Answer:
    answer = _send(request, connections, deadline)
    if len(answer.body) > connections.most_bytes:
        raise OutgoingError(f"{request.url} is larger than {connections.most_bytes} bytes")
    return answer


def _send(request: requests.Request, connections: Connections, deadline: float) -> Answer:
    url, request.auth, answered = request.url, _unchanged, False
    with connections, closing(Adapter(connections)) as adapter:
        try:
            prepared, seconds = request.prepare(), (CONNECT_SECONDS, max(deadline - time.monotonic(), 0.001))
            proxies = _proxies(url, connections)
            answer = adapter.send(prepared, stream=True, timeout=seconds, verify=trusted(), proxies=proxies)
            answered = True
            body = _read(answer, connections.most_bytes + 1)
        except (requests.RequestException, HTTPError, OSError, ValueError) as error:
            if connections.are_cut:
                raise _too_slow(url, answered=answered) from error
            kind = Unreachable if isinstance(error, (requests.ConnectionError, requests.Timeout)) else OutgoingError
            raise kind(f"{url} could not be read: {words_of(error)}", reason_of(error)) from error
    if connections.are_cut:  # a response that ends with its connection seems to be complete
        raise _too_slow(url, answered=True)
    return Answer(answer.status_code, body, answer.headers)


def _unchanged(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Return a request as it is; otherwise requests would send a name and password that are in the URL."""
    return request


def _proxies(url: str, connections: Connections) -> dict[str, str]:
    """Return the environment's proxies, none for a connection that is checked.

    A server on this machine is asked directly: for a proxy, "localhost" would be the proxy's own machine.
    """
    if connections.allowed is not None or is_loopback(urlsplit(url).hostname or ""):
        return {}
    return get_environ_proxies(url)


def _read(answer: requests.Response, most_bytes: int) -> bytes:
    """Return the body, up to a number of bytes; raises HTTPError if it is shorter than its headers say."""
    body = b""
    while len(body) < most_bytes:
        piece: bytes = answer.raw.read(most_bytes - len(body), decode_content=False)
        if not piece:
            break
        body += piece
    return body


def _too_slow(url: str, *, answered: bool) -> OutgoingError:
    kind = OutgoingError if answered else Unreachable
    return kind(f"{url} could not be read: it takes too long", TIMED_OUT)
