"""Requests of tests to our own servers, each on a connection of its own.

`requests.request` reads each time in the environment which proxies there are, a sixth of the processor time of a request.
"""

from __future__ import annotations

from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests

_session = requests.Session()
_session.trust_env = False
_session.headers["Connection"] = "close"
_session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))


def send(method: str, url: str, **more: Any) -> requests.Response:
    """Do what `requests.request` does; no cookie is kept, and the time limit is 30 s."""
    return _session.request(method, url, **{"timeout": 30} | more)
