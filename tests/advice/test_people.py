"""What is said about people who were refused, and about their apps."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from app.advice.explain import OF_PEOPLE, explain, plain
from app.advice.guides import ENTRA, OTHER, PROVIDERS
from app.advice.signing_in import STEPS
from app.sign_on.flow.record import SIGN_ON, TEST
from app.sign_on.logout_tokens import TOLD
from app.sign_on.provider.token import OPERATION
from app.sign_on.reasons import Reason
from tests.commands import run_command


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
    assert (found.title, found.sentence) == (title, sentence)
    assert bool(found.steps) == (operation != OPERATION)


@pytest.mark.parametrize(("operation", "detail", "step"), [
    (OPERATION, "not-available: The tenant has no connection that is on.", "scimd sso on contoso"),
    (TOLD, "The app app_1 answered 400.", "scimd app show ID"),
])
def test_what_an_app_was_refused_or_refuses_says_how_to_fix_it(operation: str, detail: str, step: str) -> None:
    found = explain({"operation": operation, "detail": detail, "status": 400, "failed": True, "tenant": "contoso"})
    assert step in plain(found.steps[0])


def steps(reason: str, provider: str) -> list[str]:
    event = {"operation": SIGN_ON, "detail": f"{reason}: Why.", "status": 403, "failed": True, "tenant": "contoso"}
    return [plain(step) for step in explain(event, provider).steps]


def test_each_reason_has_steps_and_nothing_is_left_to_be_filled_in() -> None:
    assert STEPS.keys() == {str(reason) for reason in Reason}
    for reason in Reason:
        for provider in PROVIDERS:
            assert steps(reason, provider)
            for step in steps(reason, provider):
                assert step.endswith(".")
                assert not set("{}[]*") & set(step)
                assert "  " not in step


def test_the_steps_have_the_names_of_the_portal_and_the_tenant() -> None:
    rest = "with the expected one (scimd sso show contoso), and correct it there."
    assert steps("recipient", ENTRA) == [f"Compare the Reply URL at Entra {rest}"]
    assert steps("recipient", OTHER) == [f"Compare the assertion consumer service URL at the identity provider {rest}"]


def test_the_commands_in_the_steps_exist(tmp_path: Path) -> None:
    said = " ".join(each for reason in Reason for each in steps(reason, ENTRA))
    commands = {tuple(each.split()) for each in re.findall(r"scimd ((?:[a-z]+ )+)contoso", said)}
    assert ("sso", "refresh") in commands
    assert ("restore",) in commands
    for command in commands:
        assert run_command([*command, "--help"], {}, tmp_path).status == 0, command


@pytest.mark.parametrize(("check", "said"), [
    ("client_id", "scimd app list"), ("id", "scimd app list"), ("tenant", "scimd app change"), ("redirect_uri", "scimd app change"),
    ("secret", "scimd app rotate"), ("expiry", "scimd app rotate"), ("place", "one place"),
])
def test_what_an_app_does_wrong_has_steps_too(check: str, said: str, tmp_path: Path) -> None:
    checks = [{"name": "other", "expected": "x", "received": "x", "passed": True}, {"name": check, "expected": "a", "received": "b", "passed": False}]
    found = explain({"operation": OPERATION, "detail": "It is wrong.", "checks": checks, "failed": True, "tenant": "contoso"})
    steps = " ".join(plain(step) for step in found.steps)
    assert said in steps
    assert not set("{}[]*") & set(steps)
    for command in re.findall(r"scimd (app [a-z]+)", steps):
        assert run_command([*command.split(), "--help"], {}, tmp_path).status == 0, command


def test_a_user_who_was_unassigned_is_disabled_too_and_a_deleted_one_can_be_restored() -> None:
    assert "still assigned to the app" in steps("inactive", ENTRA)[0]
    assert "scimd restore contoso" in steps("deleted", ENTRA)[1]


@pytest.mark.parametrize(("reason", "said"), [
    ("too-late", "start again at the app"),
    ("id-token", "clock"),
    ("id-token", "scimd sso refresh"),
    ("not-reauthenticated", "auth_time"),
    ("not-in-group", "group itself is provisioned"),
    ("unknown-certificate", "without a metadata URL"),
])
def test_the_steps_name_each_cause_that_a_reason_has(reason: str, said: str) -> None:
    assert any(said in step for step in steps(reason, OTHER))


def test_the_link_to_be_forgotten_is_that_of_the_user_who_has_it() -> None:
    assert "(scimd sso unlink contoso --user NAME)" in steps("other-subject", ENTRA)[0]
    assert "the other user" in steps("linked-elsewhere", ENTRA)[0]
    assert "(scimd sso unlink contoso --user ID)" in steps("linked-elsewhere", ENTRA)[0]
