"""Write the JSON examples of RFC 7643 section 8 into files of their own: `python extract_rfc7643.py rfc7643.txt`.

The files are committed; this is how they were made, and how to check them against the text.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent / "rfc7643"
SECTIONS = {
    "8.1": "user_minimal", "8.2": "user_full", "8.3": "user_enterprise", "8.4": "group",
    "8.5": "service_provider_config", "8.6": "resource_types",
    "8.7.1": "schemas_of_resources", "8.7.2": "schemas_of_the_service_provider",
}
PAGE_BREAK = re.compile(r"\n+Hunt, et al\.[^\n]*\n\f\nRFC 7643[^\n]*\n+")
HEADING = re.compile(r"^(\d+(?:\.\d+)*)\. +[A-Z]", re.MULTILINE)


def sections(text: str) -> dict[str, str]:
    """Return the text of each section by its number, without page breaks; the table of contents is indented."""
    text = PAGE_BREAK.sub("\n", text)
    headings = list(HEADING.finditer(text))
    ends = [heading.start() for heading in headings[1:]] + [len(text)]
    return {heading[1]: text[heading.end() : end] for heading, end in zip(headings, ends, strict=True)}


def example(section: str) -> Any:
    """Return the JSON of a section; a line break inside a string stands for a blank, or for nothing in base64."""
    start = re.search(r"^ *[\[{]", section, re.MULTILINE)
    if start is None:
        raise ValueError("a section has no example")
    joined = re.sub(r'"(?:[^"\\]|\\.)*"', unwrapped, section[start.start() :])
    return json.JSONDecoder().raw_decode(joined.strip())[0]


def unwrapped(string: re.Match[str]) -> str:
    """Return a JSON string without the line breaks of the page."""
    base64 = " " not in re.sub(r"\n *", "", string[0])
    return re.sub(r" *\n *", "" if base64 else " ", string[0])


def main(path: str) -> None:
    """Write every example."""
    found = sections(Path(path).read_text(encoding="utf-8-sig"))
    HERE.mkdir(exist_ok=True)
    for number, name in SECTIONS.items():
        content = json.dumps(example(found[number]), indent=2, ensure_ascii=False)
        (HERE / f"{name}.json").write_text(content + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
