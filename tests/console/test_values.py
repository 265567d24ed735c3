"""What was sent and what has changed, as people read it."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.advice.explain import short, title_of
from app.store.operators.reports.lines import summary
from app.store.operators.reports.values import indented
from tests.console.test_log import ENTERPRISE, USER, Customer
from tests.examples import examples

JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))


def bare(text: str) -> str:
    """A text without what separates tokens."""
    return re.sub(r"\s", "", text)


@given(st.dictionaries(st.text(), JSON) | st.lists(JSON))
@settings(max_examples=examples(10))
def test_json_is_indented_as_python_does_it(value) -> None:
    text = json.dumps(value)
    assert indented(text) == json.dumps(value, indent=2)


@given(st.lists(JSON, min_size=1), st.integers(0, 500))
@settings(max_examples=examples(10))
def test_json_that_was_cut_keeps_its_characters(value, length: int) -> None:
    cut = json.dumps(value, ensure_ascii=False)[:length]
    assert bare(indented(cut)) == bare(cut)
    assert json.loads(indented(json.dumps(value))) == value


@given(st.text())
def test_what_is_no_json_keeps_its_words(text: str) -> None:
    assert bare(indented(text)) == bare(text)
    assert indented(f"grant_type=a {text}") == f"grant_type=a {text}"


@pytest.mark.parametrize("text", ["[" * 4_096, "{" * 4_096, "[{" * 2_048, "]" * 4_096, "[" + "]," * 2_048, "[" + '"' * 4_095, "[" + " " * 4_095])
def test_what_was_sent_costs_no_more_than_its_length_times_a_constant(text: str) -> None:
    assert len(indented(text)) <= 42 * len(text) + 42


@pytest.mark.parametrize(("path", "name"), [
    (f"{ENTERPRISE}:manager", "manager"), (f"{ENTERPRISE.upper()}:manager.value", "manager.value"), ("name.givenName", "name.givenName"),
    ('emails[type eq "a:b"].value', 'emails[type eq "a:b"].value'), ("", ""),
])
def test_an_attribute_has_a_short_name(path: str, name: str) -> None:
    assert short(path) == name
    assert summary({"changes": [{"attribute": path, "old": None, "new": "x"}]}) == f"{name}: x"
    assert title_of("required", path) == f"{name or 'an attribute'} is missing"


def test_a_page_has_the_short_name_beside_the_urn_and_indents_what_was_sent(pages, operator) -> None:
    customer = Customer(pages)
    assert customer.user("ada@x.org", **{ENTERPRISE: {"department": {"a": "b"}}}).status_code == 400
    assert customer.user("bo@x.org").status_code == 201
    customer.moved(2)
    events = pages.database.db.events
    refused = operator.get(f"{customer.page}/log/{events.find_one({'tenant': customer.name, 'failed': True})['_id']}")
    assert f"department {ENTERPRISE}:department" in refused.texts("//tbody/tr/td[1]")
    sent = refused.tree.xpath("string(//pre)")
    assert json.loads(sent)["userName"] == "ada@x.org" and '\n  "userName": "ada@x.org",\n' in sent
    assert USER in sent


def test_what_was_removed_is_called_so() -> None:
    removed, replaced = {"attribute": "title", "old": "Lead", "new": None}, {"attribute": "title", "old": "Lead", "new": "None"}
    assert summary({"changes": [removed]}) == "title removed: Lead"
    assert summary({"changes": [replaced]}) == "title: Lead → None"
