"""Where webhooks may go: to public addresses, and to the networks that the operator names (D-410).

A name is resolved once for each connection, every address of it is checked, and the connection goes to an address that
was checked. So a name that leads elsewhere at the next look (DNS rebinding) leads nowhere.
"""

from __future__ import annotations

import queue
import socket
import threading
import time
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any
from urllib.parse import urlsplit

from requests import Request

from app.errors import InvalidValue
from app.outgoing.failures import NOT_CONNECTED, NOT_RESOLVED, REFUSED_ADDRESS, TIMED_OUT, OutgoingError

Networks = tuple[IPv4Network | IPv6Network, ...]
"""The networks of the setting `SCIMD_WEBHOOK_NETWORKS`."""

CONNECT_SECONDS = 3.0
"""For resolving the name and for connecting, together."""
MOST_CHARACTERS = 2_000
_GLOBAL_UNICAST = ip_network("2000::/3")
_NOT_PUBLIC = tuple(map(ip_network, (
    "192.0.0.0/24", "192.88.99.0/24", "224.0.0.0/4",  # protocol assignments, relays of 6to4, multicast
    "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20",  # Teredo and others, documentation, 6to4, documentation
)))
"""Special ranges of which `is_global` of some versions of Python says that they are global (D-410)."""


def check_url(url: str, allowed: Networks) -> None:
    """Check that webhooks may be sent to `url` as far as can be known now.

    Raises InvalidValue for a URL that is refused, and OutgoingError if its name cannot be resolved at the moment.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
        Request("POST", url).prepare()  # which refuses more: what it refuses could never be sent
    except ValueError:
        parts, host, port = urlsplit(""), None, None
    if not (url.isascii() and url.isprintable()) or set(url) & set(' "<>\\^`{|}') or len(url) > MOST_CHARACTERS:
        raise InvalidValue(
            f"The URL must have at most {MOST_CHARACTERS} printable ASCII characters, without blanks, quotes, braces, "
            "backslashes and the like; a host with other letters is written as xn--..."
        )
    if parts.scheme not in ("https", "http") or not host or "@" in parts.netloc or "#" in url or port == 0:
        raise InvalidValue("The URL must be an https URL without user and fragment.")
    if parts.scheme == "http" and not allowed:
        raise InvalidValue("The URL must be an https URL; http is for networks that SCIMD_WEBHOOK_NETWORKS names.")
    try:
        resolve(host, port or 443, plain=parts.scheme == "http", allowed=allowed)
    except OutgoingError as error:
        if error.reason == REFUSED_ADDRESS:
            raise InvalidValue(str(error)) from None
        raise


def connect(host: str, port: int, *, plain: bool, allowed: Networks) -> socket.socket:
    """Return a connection to the host, whose addresses are all permitted; raises OutgoingError.

    `plain` says that the connection will not be encrypted.
    """
    deadline = time.monotonic() + CONNECT_SECONDS
    found = resolve(host, port, plain=plain, allowed=allowed)
    failure: OSError | None = None
    for number, (family, kind, protocol, _, address) in enumerate(found):
        connection = socket.socket(family, kind, protocol)
        try:
            # What is left is divided, so that one address that does not answer leaves time for the next one.
            connection.settimeout(max((deadline - time.monotonic()) / (len(found) - number), 0.05))
            connection.connect(address)
            connection.settimeout(None)  # from here on the request's deadline cuts it
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return connection
        except OSError as error:
            connection.close()
            failure = error
    reason = TIMED_OUT if isinstance(failure, TimeoutError) else NOT_CONNECTED
    raise OutgoingError(f"{host} port {port} could not be reached: {type(failure).__name__}", reason) from failure


def resolve(host: str, port: int, *, plain: bool, allowed: Networks) -> list[Any]:
    """Return the addresses of the host as `socket.getaddrinfo` does; raises OutgoingError if one is not permitted."""
    found = _looked_up(host, port)
    for *_, (text, *_) in found:
        _check(host, ip_address(text), plain, allowed)
    return found


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Return whether an address belongs to the public internet, neither special nor a way to an IPv4 address."""
    if isinstance(address, IPv6Address) and address not in _GLOBAL_UNICAST:
        return False
    return address.is_global and not any(address in network for network in _NOT_PUBLIC)


def _check(host: str, address: IPv4Address | IPv6Address, plain: bool, allowed: Networks) -> None:
    address = getattr(address, "ipv4_mapped", None) or address
    if any(address in network for network in allowed):
        return
    name = host if host == str(address) else f"{host} ({address})"
    if plain:
        raise OutgoingError(
            f"{name} can be reached by https only; SCIMD_WEBHOOK_NETWORKS can name its network to allow http.",
            REFUSED_ADDRESS,
        )
    if not is_public(address):
        raise OutgoingError(
            f"{name} is not a public address; name its network in SCIMD_WEBHOOK_NETWORKS to allow it.", REFUSED_ADDRESS
        )


def _looked_up(host: str, port: int) -> list[Any]:
    """Ask the resolver, which has no time limit of its own, in a thread that is left behind if it takes too long."""
    answers: queue.SimpleQueue[list[Any] | Exception] = queue.SimpleQueue()

    def look_up() -> None:
        try:
            answers.put(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except (OSError, ValueError) as error:  # UnicodeError, for a name that can be none, is a ValueError
            answers.put(error)

    if _is_address(host):  # which takes no time
        look_up()
    else:
        threading.Thread(target=look_up, name="resolver", daemon=True).start()
    try:
        found = answers.get(timeout=CONNECT_SECONDS)
    except queue.Empty:
        raise OutgoingError(f"{host} could not be resolved in time", NOT_RESOLVED) from None
    if isinstance(found, Exception):
        raise OutgoingError(f"{host} could not be resolved", NOT_RESOLVED) from found
    return found


def _is_address(host: str) -> bool:
    """Return whether a host is an address in its usual form, and not a name."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
