"""What goes wrong and is answered with a notice: what is wrong, and what to try."""

from __future__ import annotations

from flask import url_for

from app.advice.words import COME_IN, LEFT, OUTSIDE
from app.console.frame.parts import parts
from app.store.operators.visits import SETUP, Visit

LINK_COMMAND = "scimd console link"


class Wrong(Exception):
    """The request is answered with a notice: its sentences, a command to run, and a link as address and text."""

    def __init__(
        self, status: int, *sentences: str, heading: str = "", command: str = "", link: tuple[str, str] | None = None
    ) -> None:
        super().__init__(*sentences)
        self.status = status
        self.sentences = sentences
        self.heading = heading
        self.command = command
        self.link = link


def missing() -> Wrong:
    """Return the error for what does not exist, or is not for this visit: one page for both."""
    return Wrong(404, "There is no such page, or it is not for you.")


def not_ours() -> Wrong:
    """Return the error for a form with what our pages do not send."""
    return Wrong(400, "This is not what our forms send, so nothing was changed.")


def not_signed_in(kind: str, *, left: bool = False) -> Wrong:
    """Return the error for the entrance, or the notice for a person who has just `left`: both say how to come in."""
    support, status, (heading, *said) = parts().config.support, 200 if left else 401, LEFT[kind] if left else OUTSIDE
    if kind == SETUP:
        ask = (f"If you do not have it, ask {support}.",) if support else ()
        return Wrong(status, *said, COME_IN[kind], *ask, heading=heading)
    link = (url_for("console.sign_on_start"), "Sign in") if parts().operators else None
    return Wrong(status, *said, COME_IN[kind], heading=heading, command=LINK_COMMAND, link=link)


def sign_in_again(visit: Visit) -> Wrong:
    """Return the error for a grave act of a person whose sign-in was too long ago."""
    lately = "the last hour" if visit.kind == SETUP else "the last 15 minutes"
    done, heading = f"This needs a sign-in within {lately}, so nothing was done.", "Sign in again"
    if visit.kind == SETUP:
        return Wrong(403, done, "Open your setup link again in this browser; it leads back here.", heading=heading)
    if visit.sid:
        return Wrong(403, done, heading=heading, link=(url_for("console.sign_on_start", again=1), "Sign in again"))
    how = "Open a new link into the console in this browser; it leads back here. Print one with:"
    return Wrong(403, done, how, heading=heading, command=LINK_COMMAND)


def gone(kind: str, why: str = "It has expired or was revoked.") -> Wrong:
    """Return the error for a link that is not valid."""
    heading, whom = "This link is no longer valid", parts().config.support or "the people who sent it"
    if kind == SETUP:
        return Wrong(404, f"{why} Ask {whom} for a new one.", heading=heading)
    how = "A link into the console works once, and expires after a few minutes. Print a new one with:"
    return Wrong(404, how, heading=heading, command=LINK_COMMAND)
