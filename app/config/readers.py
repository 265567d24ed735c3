"""Readers of the settings' values; each raises ValueError with what was expected, to follow "must be"."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from urllib.parse import urlsplit


def whole(least: int, most: int) -> Callable[[str], int]:
    """Return a reader for whole numbers from `least` to `most`."""

    def read(text: str) -> int:
        if not (text.isascii() and text.isdigit() and len(text) < 10) or not least <= int(text) <= most:
            raise ValueError(f"a whole number from {least} to {most}")
        return int(text)

    return read


def switch(text: str) -> bool:
    """Read `on` or `off`."""
    if text.lower() not in ("on", "off"):
        raise ValueError("on or off")
    return text.lower() == "on"


def folder(text: str) -> Path:
    """Read a folder; it need not exist. Raises ValueError for the home of an unknown user (`~nobody`)."""
    try:
        return Path(text).expanduser().absolute()
    except RuntimeError:
        raise ValueError("a folder: the user after ~ does not exist") from None


def optional_folder(text: str) -> Path | None:
    """Read a folder, or nothing."""
    if text and not folder(text).is_dir():
        raise ValueError("an existing folder")
    return folder(text) if text else None


def address(text: str) -> str:
    """Read `host:port`, `[ipv6]:port` or `unix:/path`."""
    if not (text.startswith("unix:/") or _has_port(text)):
        raise ValueError("host:port, such as 127.0.0.1:8000, or unix:/path")
    return text


def port_address(text: str) -> str:
    """Read `host:port`, or nothing."""
    if text and not _has_port(text):
        raise ValueError("host:port, such as 127.0.0.1:9464")
    return text


def _has_port(text: str) -> bool:
    try:
        parts = urlsplit(f"//{text}")
        return bool(parts.hostname and parts.port is not None) and parts.netloc == text and "@" not in text
    except ValueError:
        return False


def web_address(text: str) -> str:
    """Read an http or https URL, or nothing; a slash at its end is taken off."""
    if not text:
        return ""
    try:
        parts = urlsplit(text)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and not (parts.query or parts.fragment)
        good = good and text.isascii() and "@" not in parts.netloc and (parts.port is None or parts.port > 0)
    except ValueError:
        good = False
    if not good:
        raise ValueError("a URL in ASCII, such as https://scim.example.com")
    return text.rstrip("/")


def mongodb_uri(text: str) -> str:
    """Read a MongoDB connection string, or nothing."""
    if text and not text.startswith(("mongodb://", "mongodb+srv://")):
        raise ValueError("a connection string that starts with mongodb:// or mongodb+srv://")
    return text


requests_a_second = whole(25, 1_000_000)


def rate(text: str) -> int | None:
    """Read requests a second, or `off`.

    Never below 25: a 429 under 25 requests a second fails Entra's gallery test (D-106).
    """
    if text.lower() == "off":
        return None
    try:
        return requests_a_second(text)
    except ValueError:
        raise ValueError("off, or a whole number of at least 25, which is what Entra needs") from None


def sealing_keys(text: str) -> tuple[str, ...]:
    """Read the keys that `scimd signing-key seal` makes, separated by commas, or nothing."""
    keys = tuple(filter(None, (part.strip() for part in text.split(","))))
    if not all(re.fullmatch(r"[A-Za-z0-9_-]{43}=", key) for key in keys):
        raise ValueError("keys that `scimd signing-key seal` has made, separated by commas")
    return keys


def networks(text: str) -> tuple[IPv4Network | IPv6Network, ...]:
    """Read networks such as `10.0.0.0/8`, separated by commas, or nothing.

    A network of IPv4 that is written as one of IPv6 (`::ffff:10.0.0.0/104`) is refused: addresses are compared as IPv4.
    """
    try:
        found = tuple(ip_network(part) for each in text.split(",") if (part := each.strip()))
    except ValueError:
        raise ValueError("networks such as 10.0.0.0/8, separated by commas") from None
    if any(isinstance(each, IPv6Network) and each.network_address.ipv4_mapped for each in found):
        raise ValueError("networks of IPv4 in the form 10.0.0.0/8, without ::ffff: before it")
    return found


def one_of(*words: str) -> Callable[[str], str]:
    """Return a reader for one of some words."""

    def read(text: str) -> str:
        if text.lower() not in words:
            raise ValueError(f"one of {', '.join(words)}")
        return text.lower()

    return read


def short_text(text: str) -> str:
    """Read a name for people."""
    if len(text) > 60 or not text.isprintable():
        raise ValueError("a name of at most 60 printable characters")
    return text


def contact(text: str) -> str:
    """Read an e-mail address or an https URL, or nothing."""
    if text and not re.fullmatch(r"[^\s@/]+@[^\s@/]+|https://[^\s/]+\S*", text):
        raise ValueError("an e-mail address, or a URL that begins with https://")
    return text


def processes(text: str) -> int:
    """Read a number of processes, or `cores`."""
    if text.lower() == "cores":
        return min(len(os.sched_getaffinity(0)), 8)
    try:
        return whole(1, 256)(text)
    except ValueError as error:
        raise ValueError(f"cores, or {error}") from None
