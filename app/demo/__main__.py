"""Serves the demo's identity provider and app, until its standard input ends; `scimd serve --demo` starts it.

The first line of the input says what they are, as JSON.
"""

from __future__ import annotations

import json
import signal
import sys

from app.demo.identity_provider import IdentityProvider, Registration
from app.demo.portal import Portal
from app.demo.serving import Place


def main() -> None:
    """Serve both."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends scimd, and with it the input
    settings = json.loads(sys.stdin.readline())
    places = Place(settings["provider_port"]), Place(settings["portal_port"])
    provider = IdentityProvider(places[0].url, Registration(**settings["registration"]))
    portal = Portal(**settings["portal"])
    with places[0].serving(provider.app), places[1].serving(portal.app):
        print(provider.issuer, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
