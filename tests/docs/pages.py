"""Find the commands that README.md and docs/ show, and compare them with the commands that were run."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = ["README.md", *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))]
PROGRAMS = (
    "scimd", "make", "docker", "python", "mongosh", "mongodump", "mongorestore", "cp", "rm", "kill", "pip", "curl",
    "export", "node",
)
"""The first words of commands; lines of a shell block begin with nothing else."""

BLOCK = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`([^`\n]+)`")
_SETTING = re.compile(r"[A-Z_]+=\S* ")
_COMMENT = re.compile(r"(^| +)# .*$")
_FREE = re.compile(r"(https?://(?:<[^>]*>|[^\s<])+|<[^>]*>|\.\.\.|\b[A-Z]{2,}\b)")
"""Placeholders: a URL, <words>, dots, a word in capitals."""
_OPTIONAL = re.compile(r" ?\[(.*?)\]")


def text(page: str) -> str:
    """Return the text of a page, or of one section of it: `docs/operating.md#Sizing`."""
    name, _, title = page.partition("#")
    whole = (ROOT / name).read_text()
    return whole.split(f"\n## {title}\n")[1].split("\n## ")[0] if title else whole


def blocks(page: str, language: str) -> list[str]:
    """Return the fenced blocks of a language."""
    return [body for found, body in BLOCK.findall(text(page)) if found == language]


def program(command: str) -> str:
    """Return the program that a command runs, without environment variables before it."""
    return _SETTING.sub("", command).split()[0]


def lines(page: str) -> list[str]:
    """Return the commands in the page's shell blocks, without comments."""
    shown = (_COMMENT.sub("", line).strip() for block in blocks(page, "sh") for line in block.splitlines())
    return [line for line in shown if line]


def commands(page: str) -> list[str]:
    """Return every command of the page: those in blocks, and those of two words or more in the text and its tables."""
    spans = (span.replace("\\|", "|") for span in _SPAN.findall(BLOCK.sub("", text(page))))
    inline = [span for span in spans if " " in span and program(span) in PROGRAMS]
    return list(dict.fromkeys(lines(page) + inline))


def untried(shown: Iterable[str], ran: list[str]) -> list[str]:
    """Return the shown commands that no command in `ran` is an instance of, each with the missing part."""
    return [
        f"{command}: {form}" for command in shown for form in _forms(command)
        if not any(re.fullmatch(form, each) for each in ran) and not (_is_mention(command) and _begun(command, ran))
    ]


def _forms(command: str) -> Iterator[str]:
    """Yield a pattern for the command without options, and one for each option and each of its alternatives."""
    parts = _OPTIONAL.split(command)
    options = [[*_alternatives(part)] for part in parts[1::2]]
    for number in range(-1, len(options)):
        for wanted in options[number] if number >= 0 else [""]:
            form = _pattern(parts[0])
            for at, (option, after) in enumerate(zip(options, parts[2::2], strict=True)):
                any_of = "|".join(_pattern(f" {each}") for each in option)
                form += (_pattern(f" {wanted}") if at == number else f"(?:{any_of})?") + _pattern(after)
            yield form


def _alternatives(option: str) -> Iterator[str]:
    before, _, last = option.rpartition(" ")
    for each in last.split("|"):
        yield f"{before} {each}".strip()


def _pattern(command: str) -> str:
    pieces = _FREE.split(command)
    free = (".*" if piece == "..." else r"\S+" for piece in pieces[1::2])
    return "".join(re.escape(fixed) + blank for fixed, blank in zip(pieces[::2], [*free, ""], strict=True))


def _is_mention(command: str) -> bool:
    """Return whether the text only names a command, as `scimd tenant show` does."""
    return re.fullmatch(r"scimd( [a-z]+)+", command) is not None


def _begun(command: str, ran: list[str]) -> bool:
    return any(f"{each} ".startswith(f"{command} ") for each in ran)
