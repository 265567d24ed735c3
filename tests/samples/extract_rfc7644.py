"""Write the HTTP examples of RFC 7644 and RFC 9865: `python extract_rfc7644.py rfc7644.txt rfc9865.txt`.

The files are committed; this is how they were made, and how to check them against the texts. Each holds one request
and the answers that are printed after it in the same section. What no JSON parser reads is put right by `SLIPS`, each with its reason.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
PAGE_BREAK = re.compile(r"\n+(?:Hunt|Peterson), et al\.[^\n]*\n+\f?\n*RFC \d+ [^\n]*\n+")
HEADING = re.compile(r'^(\d+(?:\.\d+)*)\. +["A-Z]', re.MULTILINE)
START = re.compile(
    r"^ *(?:(GET|POST|PUT|PATCH|DELETE) (/\S*(?: sw '\w+')?)(?: +HTTP/1\.1)? *$|HTTP/1\.1 (\d{3})\b)", re.MULTILINE)
HEADER = re.compile(r"^ *(If-Match|If-None-Match|ETag|Location):\s+(\S+)$", re.MULTILINE)
BODY = re.compile(r"^ *\{", re.MULTILINE)
BABS, JAMES = "2819c223-7f76-453a-919d-413861904646", "08e1d05d-121c-4561-8b96-473d93df9210"
PATCH = '"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": '
SLIPS = [
    # Identifiers shortened for the page.
    (r"acbf3ae7-8463-\.\.\.-9b4da3f908ce", "acbf3ae7-8463-4692-b4fd-9b4da3f908ce"),
    (r"2819c223(?:-7f76-)?\.\.\.(?:919d-)?413861904646", BABS), (r"08e1d05d\.\.\.473d93df9210", JAMES),
    (r"2819c223-7f76-413861904646", "2819c223-7f76-453a-919d-413861904647"),
    (r"c8596b90-7539-4f20968d1908", "c8596b90-7539-4f20-8b1a-4f20968d1908"),
    # Resources left out for brevity.
    (r"\[\{\s+\.\.\.\s+\}\]", "[]"), (r",\s+\.\.\.\s+\]", "]"), (r"\],\s+\.\.\.\s+\"", '], "'), (r"\},\s+\.\.\.\s+\}", "}}"),
    (r'("nickname":"Babs"\s+)\}\]', r"\1}}]"),  # erratum 8096: a brace is missing
    (r'("(?:invalidSyntax|mutability)")(\s+"detail")', r"\1,\2"),  # a comma is missing
    (r'"previousCursor: ', '"previousCursor": '),  # a quotation mark is missing
    (r'"data": \{\[(.*?)\]\}', rf'"data": {{{PATCH}[\1]}}'),  # neither an object nor a PatchOp message
]
BARE = 'Removal of a value from a complex multi-valued attribute'
NAMES = {
    "rfc7644": [
        "2-token", "3.3-create", "3.4.1-read", "3.4.2-users", "3.4.2.4-page", "3.4.3-search", "3.5.1-replace",
        "3.5.2.1-add-members", "3.5.2.1-add-without-path", "3.5.2.2-remove-member", "3.5.2.2-remove-all-members",
        "3.5.2.2-remove-email", "3.5.2.2-remove-and-add-member", "3.5.2.2-remove-and-add-all-members",
        "3.5.2.3-replace-members", "3.5.2.3-replace-work-address", "3.5.2.3-replace-street", "3.5.2.3-replace-without-path",
        "3.6-delete", "3.6-read-deleted", "3.7.1-circle", "3.7.1-read-circle", "3.7.2-user-and-group", "3.7.2-manager",
        "3.7.3-four-methods", "3.7.4-too-large", "3.8-suffix", "3.9-attributes", "3.12-errors", "3.14-create",
        "3.14-read-unchanged", "7.5.2-sensitive",
    ],
    "rfc9865": ["2-first-page", "2-second-page", "2.3-no-parameters", "3-search", "4-configuration"],
}


def messages(text: str) -> list[dict[str, Any]]:
    """Return the requests and answers of a text in its order."""
    found = []
    starts, headings = list(START.finditer(text)), list(HEADING.finditer(text))
    ends = [*(start.start() for start in starts), *(heading.start() for heading in headings), len(text)]
    for start in starts:
        end = min(place for place in ends if place > start.start())
        section = [heading[1] for heading in headings if heading.start() < start.start()][-1]
        part = text[start.end() : end]
        body = BODY.search(part)
        head = part[: body.start()] if body else part
        message: dict[str, Any] = (
            {"method": start[1], "path": start[2]} if start[1] else {"status": int(start[3])})
        message["section"] = section
        message["headers"] = {name: value.strip('"') if name == "Location" else value for name, value in HEADER.findall(head)}
        if body:
            message["body"] = json.JSONDecoder().raw_decode(part[body.start() :].strip())[0]
        found.append(message)
    return found


def exchanges(text: str) -> list[dict[str, Any]]:
    """Return each request with the answers that follow it."""
    text = PAGE_BREAK.sub("\n", text)
    for slip, right in SLIPS:
        text = re.sub(slip, right, text, flags=re.DOTALL)
    # One request is printed without its head, one answer without its own.
    text = re.sub(rf"({BARE}.*?for brevity\):)", rf"\1\n\n   PATCH /Users/{BABS}\n", text, flags=re.DOTALL)
    text = re.sub(r"(similar to the following example \(actual resources removed.*?\):)", r"\1\n\n   HTTP/1.1 200 OK\n", text,
                  flags=re.DOTALL)
    found: list[dict[str, Any]] = []
    for message in messages(text):
        section = message.pop("section")
        if "method" in message:
            found.append({"section": section, "request": message, "answers": []})
        elif section == found[-1]["section"]:
            found[-1]["answers"].append(message)
        else:
            found.append({"section": section, "answers": [message]})
    return found


def main(paths: list[str]) -> None:
    """Write every example."""
    for path in map(Path, paths):
        folder = HERE / path.stem
        folder.mkdir(exist_ok=True)
        found = exchanges(path.read_text(encoding="utf-8-sig"))
        for name, exchange in zip(NAMES[path.stem], found, strict=True):
            (folder / f"{name}.json").write_text(json.dumps(exchange, indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
