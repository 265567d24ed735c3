"""Short texts of the pages: what was done, what a choice means, what went wrong."""

from __future__ import annotations

OUTCOMES = {
    "added": "The customer has been created. Next, send its administrator a setup link, or hand over a credential.",
    "deleted": "The customer has been deleted. Its data will be gone within a few minutes.",
    "disable": "Turned off: nothing is sent to it. Once it is turned on, it goes on where it stopped.",
    "enable": "Turned on. The next delivery shows whether it arrives.",
    "resend": "It is sent again at once if the endpoint is on; this page shows whether it arrives.",
    "restored": "Restored, with its memberships.",
    "resumed": "The customer's requests are accepted again.",
    "revoked": "Revoked. Within five seconds, it lets no one in.",
    "secret": "Revoked. Within five seconds, no one gets an access token with it. Those that the client already has "
    "are valid until they expire, unless this was its last valid secret.",
    "suspended": "The customer's requests are refused, within five seconds.",
}
"""What pages say after an act: the word that an address may have, and its sentence; other words are ignored."""
FOLLOWING = {"added": (("console.links", "Create a setup link"), ("console.credentials", "Create a credential"))}
"""What to do next about the customer, by the same word: the page, and the words of the link."""
MEANING = (
    ("gallery", "gallery: Entra's gallery app; every user needs a full name"),
    ("interop", "interop: any other app or identity provider"),
    ("rfc", "rfc: conformance suites, and clients that are exact"),
)
"""What a profile is for, by its name."""
ROLES = (
    ("setup", "setup: create credentials, see the state and refusals"),
    ("status", "status: see the state and refusals only"),
)
"""What a setup link allows, by its role."""
OPENS = {"setup": "create a Secret Token for", "status": "see the state and the refusals of"}
"""The same of one who finds it, before the customer's name."""
LINK_LIFETIMES = (("1", "1 day"), ("3", "3 days"), ("7", "7 days"), ("30", "30 days"))
"""How long a setup link is valid: days, and in words."""
WAYS = (
    ("issue", "Create a Secret Token", "For Entra's field of that name, and for any client that sends a bearer token."),
    ("client", "Create an OAuth client", "For identity providers that ask for a Client ID and a Client Secret."),
)
"""What can be created: the act, its title, and what it is for; the setup pages have the first, and others by guides."""
LIFETIMES = (("90", "90 days"), ("180", "180 days"), ("365", "1 year"))
"""How long a credential is valid: days, and in words."""
OPERATIONS = tuple((each, each) for each in (
    "create", "replace", "patch", "delete", "restore", "import", "sign-on", "app-sign-on", "sign-off", "logout-told",
    "sign-on-test", "authenticate", "request",
))
"""The operations that a log can be filtered by: as they are logged, and in words."""
EVENTS = {
    ("link", "setup"): "create a setup link with the role", ("revoke", "setup"): "revoke a setup link with the role",
    ("create", "tenant"): "create the customer with the profile", ("on", "sso"): "turn on sign-on:",
    ("off", "sso"): "turn off sign-on:",
    **{(act, kind): f"{act} the customer" for act in ("suspend", "resume", "delete") for kind in ("tenant", "Tenant")},
    ("create", "Tenant"): "create the customer", ("issue", "token"): "create the token",
    ("add", "trust"): "create the trust", ("delete", "trust"): "revoke the trust",
}
"""What operators have done, by operation and kind, before the name of what they did it to."""
ACTS = {
    "setup link": "create a setup link", "setup revoke": "revoke a setup link",
    "setup sign-in": "sign in by a setup link", "console link": "create a link into the console",
    "console sign-in": "sign in to the console", "console end": "end visits to the console",
    **{f"tenant {act}": f"{act} the customer" for act in ("create", "suspend", "resume", "delete")},
    "token issue": "create a token", "token revoke": "revoke a token", "client create": "create an OAuth client",
    "client rotate": "create another Client Secret", "client delete secret": "revoke a Client Secret",
    "client delete": "delete an OAuth client", "trust add": "create a trust", "trust delete": "revoke a trust",
    "app create": "create an app", "sso on": "turn on sign-on",
}
"""The acts whose names, which are those of the commands, do not say enough."""
OUTSIDE = ("You are not signed in",)
LEFT = {
    "console": ("You have signed out", "This browser shows nothing of the console any more."),
    "setup": (
        "You have left the setup pages",
        "All that you have done there is kept, and credentials that you have created stay valid. This browser shows "
        "nothing of it any more.",
    ),
}
"""For those who have left, by the kind of their pages, and for those who are not in: a heading, and what it means."""
COME_IN = {
    "console": (
        "Operators sign in with a link; a customer's setup link does not open these pages. Anyone who can run scimd's "
        "commands can print one:"
    ),
    "setup": "Open the setup link that you were sent. It can be opened as often as you like, until it expires.",
}
"""How to come in, by the kind of the pages."""
SENTENCES = {
    404: ("There is no such page, or it is not for you.",),
    405: ("This page cannot do that.",),
    413: ("What was sent is too long, so nothing was done.",),
    429: ("Too many requests.", "Wait a minute and try again."),
    503: ("The database is not answering at the moment.", "Nothing is lost. Try again in a minute."),
}
"""What went wrong and what to try, by the status of an answer."""
FAILED = ("Something went wrong on our side.", "Try again. If it happens again, tell us the request id.")
"""Of any other error of the server."""
