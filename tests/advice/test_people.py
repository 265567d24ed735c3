"""What is said about people who were refused, and about their apps."""

from __future__ import annotations

import pytest

from app.advice.explain import OF_PEOPLE, explain
from app.sign_on.flow.record import SIGN_ON, TEST
from app.sign_on.logout_tokens import TOLD
from app.sign_on.provider.token import OPERATION


def test_the_operations_are_those_of_sign_on() -> None:
    assert {SIGN_ON, TEST, TOLD, OPERATION} == OF_PEOPLE


@pytest.mark.parametrize(("operation", "detail", "title", "sentence"), [
    (SIGN_ON, "not-provisioned: No user has this userName. Is it?", "not-provisioned", "No user has this userName. Is it?"),
    (SIGN_ON, "inactive", "inactive", ""),
    (TEST, "issuer: It is another: x.", "issuer", "It is another: x."),
    (OPERATION, "There is no such app. Expected: x.", OPERATION, "There is no such app. Expected: x."),
])
def test_a_refusal_of_a_person_has_its_own_reason(operation: str, detail: str, title: str, sentence: str) -> None:
    found = explain({"operation": operation, "detail": detail, "status": 403, "failed": True})
    assert (found.title, found.sentence, found.steps) == (title, sentence, ())
