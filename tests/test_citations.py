"""Every citation in the code can be opened: a section of an RFC, or a line of docs/decisions.md."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = sorted({*ROOT.glob("app/**/*.py"), *ROOT.glob("scim_filter/*"), *ROOT.glob("bench/*.py")} - {
    path for path in ROOT.glob("scim_filter/*") if path.is_dir()
}) + [ROOT / "gunicorn.conf.py", *sorted(ROOT.glob("docs/*.md")), ROOT / "README.md"]
DECISIONS = (ROOT / "docs/decisions.md").read_text()
ENTRY = re.compile(r"^\*\*(D-\d+)\*\* (.+)$", re.MULTILINE)
KNOWN = {number for number, _ in ENTRY.findall(DECISIONS)}
SECTIONS = {
    "7643": "1 1.1 1.2 2 2.1 2.2 2.3 2.3.1 2.3.2 2.3.3 2.3.4 2.3.5 2.3.6 2.3.7 2.3.8 2.4 2.5 3 3.1 3.2 3.3 4 4.1 4.1.1 "
            "4.1.2 4.2 4.3 5 6 7 8 8.1 8.2 8.3 8.4 8.5 8.6 8.7 8.7.1 8.7.2 9 9.1 9.2 9.3 10 10.1 10.2 10.2.1 10.3 "
            "10.3.1 10.3.2 10.4 11 11.1 11.2",
    "7644": "1 1.1 1.2 1.3 2 2.1 2.2 3 3.1 3.2 3.3 3.3.1 3.4 3.4.1 3.4.2 3.4.2.1 3.4.2.2 3.4.2.3 3.4.2.4 3.4.2.5 3.4.3 "
            "3.5 3.5.1 3.5.2 3.5.2.1 3.5.2.2 3.5.2.3 3.6 3.7 3.7.1 3.7.2 3.7.3 3.7.4 3.8 3.9 3.10 3.11 3.12 3.13 3.14 "
            "4 5 6 6.1 6.2 7 7.1 7.2 7.3 7.4 7.5 7.5.1 7.5.2 7.6 7.7 7.8 8 8.1 8.2 9 9.1 9.2",
    "9865": "1 1.1 1.2 2 2.1 2.2 2.3 2.4 3 4 5 5.1 5.2 5.3 5.4 6 7 7.1 7.2",
    "9967": "1 1.1 1.2 1.3 2 2.1 2.2 2.3 2.3.1 2.3.2 2.4 2.4.1 2.4.2 2.4.3 2.4.4 2.4.5 2.4.6 2.5 2.5.1 2.5.1.1 2.5.1.2 "
            "2.5.1.3 3 4 5 6 7 7.1 7.2 7.3 7.4 8 8.1 8.2",
}
"""The sections that SCIM's own RFCs have."""
OTHERS = {
    "3986", "4648", "6749", "6750", "7159", "7240", "7515", "7517", "7518", "7519", "7521", "7523", "7636", "7662", "7914", "8176", "8259", "8265", "8414", "8417",
    "8725", "8935", "8936", "9110", "9112", "9207", "9562", "9700", "9944",
}
CITED = re.compile(r"RFC (\d+) sections? ([\d.]+(?:(?:, | and )\d[\d.]*)*)")
UNKNOWN = re.compile(r"\b(?:(?:[A-CE-Z]|[A-Z]{2})-\d{2}\b|(?:standards|reliability|spec/\w+)(?:\.md)? [A-Z\d])")
ELSEWHERE = re.compile(r"\b(?:standards|reliability|(?:entra|events|console|sign-on|faults)\.md) (?:sections? )?\d")
"""A section of a page that is not in the repository; tests may name its requirements, such as FA-30."""
NOT_CITATIONS = re.compile(r"\b(?:CVE-\d|RS-\d|[A-Z]{2}-\d{4})")


def test_what_is_cited_exists() -> None:
    for source in SOURCES:
        text, where = re.sub(r"\s*\n\s*#?\s*", " ", source.read_text()), source.relative_to(ROOT)
        assert set(re.findall(r"\bD-\d+\b", text)) <= KNOWN, where
        for rfc, sections in CITED.findall(text):
            if rfc in SECTIONS:
                cited = set(re.findall(r"\d[\d.]*\d|\d", sections))
                assert cited <= set(SECTIONS[rfc].split()), f"{where}: RFC {rfc}: {sections}"
        assert set(re.findall(r"RFC (\d+)", text)) <= {*SECTIONS, *OTHERS}, where
        assert UNKNOWN.findall(NOT_CITATIONS.sub("", text)) == [], f"{where} has a citation of what is not here"


def test_a_test_names_requirements_and_cites_no_page_that_is_not_here() -> None:
    tests = {*ROOT.glob("tests/**/*.py")} - {Path(__file__)}
    assert [path for path in sorted(tests) if ELSEWHERE.search(path.read_text())] == []


def test_a_decision_has_a_sentence_a_reason_and_evidence() -> None:
    entries = ENTRY.findall(DECISIONS)
    numbers = [int(number[2:]) for number, _ in entries]
    assert numbers == sorted(set(numbers))
    thin = [number for number, words in entries if len(re.findall(r"(?<=[.)]) (?=[A-Z`\"])", words)) < 1]
    assert thin == [], "a sentence is missing"


def test_a_test_that_is_named_as_evidence_exists() -> None:
    tests = "\n".join(path.read_text() for path in ROOT.glob("tests/**/test_*.py"))
    names = re.findall(r"`(test_[a-z_0-9]+)(\.\.\.)?`", DECISIONS)
    assert names
    missing = [name for name, prefix in names if not re.search(rf"^def {name}{'' if prefix else r'[(]'}", tests, re.MULTILINE)]
    assert missing == []


@pytest.mark.parametrize("citation", ["(reliability 3.2)", "(standards FI-27)", "(PA-13)", "see A-13", "spec/entra.md 1.1"])
def test_the_test_sees_a_citation_that_leads_nowhere(citation: str) -> None:
    assert UNKNOWN.search(citation)


@pytest.mark.parametrize("citation", ["(entra.md 1.10)", "standards sections 10 to 12", "reliability 4.1"])
def test_the_test_sees_a_page_that_is_not_here(citation: str) -> None:
    assert ELSEWHERE.search(citation)
