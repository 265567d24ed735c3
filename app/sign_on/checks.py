"""The checks of one sign-in, in the order in which they are made: what each expected, and what it received.

An operator reads them on the page of a test and in the log of a refusal; the person who signs in never sees them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NoReturn

from app.auth.refusal import Check, loggable
from app.sign_on.reasons import Reason, SignOnRefused


@dataclass
class Checks:
    """The checks that have been made so far."""

    made: list[Check] = field(default_factory=list)

    def check(self, reason: Reason, name: str, passed: bool, expected: object, received: object) -> None:
        """Record a check; raises SignOnRefused with `reason` if it failed."""
        if not passed:
            self.fail(reason, name, expected, received)
        self.made.append(Check(name, loggable(expected), loggable(received), True))

    def fail(self, reason: Reason, name: str, expected: object, received: object) -> NoReturn:
        """Record a failed check; raises SignOnRefused with `reason`."""
        check = Check(name, loggable(expected), loggable(received), False)
        self.made.append(check)
        detail = f"{name}: expected {check.expected}, received {check.received.rstrip('.')}."
        raise SignOnRefused(reason, detail, tuple(self.made))

    def equal(self, reason: Reason, name: str, expected: str, received: str | None) -> None:
        """Record that two texts are the same, character by character; raises SignOnRefused if they are not."""
        self.check(reason, name, expected == received, expected, "nothing" if received is None else received)
