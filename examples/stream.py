"""Follow a stream of security event tokens of scimd: poll it, verify each token, print its events, acknowledge it.

Needs Python 3.9 or newer and the packages requests and joserfc.

    export SCIM_SERVER=https://scim.example.com SCIM_EVENTS_TOKEN=scimd_...
    python examples/stream.py contoso ep_0123456789ab https://app.example.com

The last argument is the stream's audience. The token needs the scope events.read. It may be killed at any time.
"""

import json
import os
import sys
import time

import requests
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError
from joserfc.jwk import KeySet


class Stream:
    """A stream, and the keys that its tokens are verified with."""

    def __init__(self, tenant, stream, audience):
        server = os.environ["SCIM_SERVER"]
        self.keys_url = f"{server}/jwks"
        self.poll_url = f"{server}/{tenant}/streams/{stream}/poll"
        self.http = requests.Session()
        self.http.headers["Authorization"] = f"Bearer {os.environ['SCIM_EVENTS_TOKEN']}"
        self.rules = jwt.JWTClaimsRegistry(
            iss={"essential": True, "value": f"{server}/{tenant}"}, aud={"essential": True, "value": audience}
        )
        self.keys = KeySet([])

    def follow(self):
        acknowledged = []
        while True:
            answer = self.asked("POST", self.poll_url, json={"ack": acknowledged})
            acknowledged = []
            for jti, token in answer["sets"].items():
                claims = self.verified(token)  # an error stops the program, and the token comes again
                # Here an app stores what it has to do: a token that is acknowledged does not come again.
                print(json.dumps({"resource": claims["sub_id"]["uri"], "events": claims["events"]}), flush=True)
                acknowledged.append(jti)

    def asked(self, method, url, **parameters):
        """Return the answer to a request, which is sent again while scimd is away or busy."""
        while True:
            try:
                answer = self.http.request(method, url, timeout=60, **parameters)
            except ValueError as error:  # it is no URL
                raise SystemExit(f"SCIM_SERVER: {error}") from None
            except requests.RequestException as error:
                print(f"{error}; trying again", file=sys.stderr)
                time.sleep(1)
                continue
            if answer.status_code == 200:
                return answer.json()
            if answer.status_code != 429 and answer.status_code < 500:
                raise SystemExit(f"{answer.status_code}: {answer.text}")
            time.sleep(int(answer.headers.get("Retry-After", 5)))

    def verified(self, token):
        """Return the claims of a token; raises JoseError or ValueError unless scimd has made it for this stream."""
        try:
            decoded = jwt.decode(token, self.keys, algorithms=["RS256"])
        except InvalidKeyIdError:  # the first token, or the first one with a new key
            self.keys = KeySet.import_key_set(self.asked("GET", self.keys_url))
            decoded = jwt.decode(token, self.keys, algorithms=["RS256"])
        if decoded.header.get("typ") != "secevent+jwt":
            raise ValueError("This is another kind of token.")
        self.rules.validate(decoded.claims)
        return decoded.claims


if __name__ == "__main__":
    if len(sys.argv) != 4 or not {"SCIM_SERVER", "SCIM_EVENTS_TOKEN"} <= os.environ.keys():
        sys.exit(__doc__)
    Stream(*sys.argv[1:]).follow()
