"""docs/design.md matches the code: its drawing, laws, tours and words are compared with it."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import pytest

from app.assembly import assemble
from app.config import Config
from app.store.accounts.tenants import Tenants
from app.store.accounts.tokens import Tokens
from app.store.mongo.database import Database
from tests.blueprints.conftest import PATCH_URN, Client
from tests.docs import pages
from tests.docs.rooms import Arrow, drawn_arrows
from tests.docs.story import USER

PAGE = "docs/design.md"
ROWS = re.compile(r"^\| (.+) \|$", re.MULTILINE)
LAWS = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", pages.text(f"{PAGE}#Laws"))
WORDS = re.findall(r"^- \*\*(.+?)\*\*", pages.text(f"{PAGE}#Glossary"), re.MULTILINE)

STOP = re.compile(r"^\d+\. `([\w/]+\.py)` `([\w.]+)`: .+\.$", re.MULTILINE)
Stop = tuple[str, str]
"""File and qualified name of a function."""
TOURS = dict(re.findall(r"^\*\*(.+?)\*\*, `.+?`:\n\n((?:\d+\. .+\n)+)", pages.text(f"{PAGE}#Tours"), re.MULTILINE))


def drawing() -> set[Arrow]:
    """Return the arrows of the page's drawing, with the full names of the rooms."""
    (mermaid,) = pages.blocks(PAGE, "mermaid")
    found = set()
    for start, targets in re.findall(r"^ *(\S+) --> (.+)$", mermaid, re.MULTILINE):
        found |= {(room(start), room(target)) for target in targets.split(" & ")}
    return found


def room(drawn: str) -> str:
    """Return the package that a box of the drawing stands for."""
    return drawn if drawn == "scim_filter" else f"app.{drawn}"


def test_the_drawing_has_the_arrows_of_the_code() -> None:
    drawn, needed = drawing(), drawn_arrows()
    assert needed - drawn == set(), "imported but not drawn"
    assert drawn - needed == set(), "drawn, but not imported or implied by other arrows"


def functions(path: str) -> set[str]:
    """Return the functions and methods of a file, the latter as `Class.method` too."""
    tree = ast.parse((pages.ROOT / path).read_text())
    found = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    return found | {
        f"{each.name}.{node.name}" for each in classes for node in each.body if isinstance(node, ast.FunctionDef)
    }


@pytest.mark.parametrize(("path", "test"), LAWS)
def test_a_law_is_kept_by_the_test_that_it_names(path: str, test: str) -> None:
    assert test in functions(path)


def test_every_law_names_a_test() -> None:
    laws = ROWS.findall(pages.text(f"{PAGE}#Laws"))[2:]
    assert [law for law in laws if not re.search(r"`tests/[\w/]+\.py::\w+`", law)] == []


def test_every_law_of_the_architecture_is_listed() -> None:
    tests = {name for name in functions("tests/test_architecture.py") if re.match(r"test_(?!the_test_)", name)}
    assert tests - {test for path, test in LAWS if path == "tests/test_architecture.py"} == set()


def test_the_glossary_has_at_most_twenty_words_in_order() -> None:
    assert 0 < len(WORDS) <= 20
    assert sorted(WORDS) == WORDS


@pytest.mark.parametrize("word", WORDS)
def test_a_word_of_the_glossary_is_used_in_the_code(word: str) -> None:
    sources = [path.read_text() for folder in ("app", "scim_filter", "tests") for path in (pages.ROOT / folder).rglob("*.py")]
    pattern = re.compile(word.replace(" ", "[ _]"), re.IGNORECASE)
    assert any(pattern.search(source) for source in sources)


def create_a_user(client: Client) -> None:
    assert client("POST", "/Users", USER).status_code == 201


def look_up_a_user(client: Client) -> None:
    assert client.found('/Users?filter=userName eq "jane@example.com"') == ["jane@example.com"]


def add_a_member(client: Client) -> None:
    user = client("POST", "/Users", USER | {"userName": "jim@example.com"}).get_json()
    group = client.group("Sales")
    add = {"op": "Add", "path": "members", "value": [{"value": user["id"]}]}
    body = {"schemas": [PATCH_URN], "Operations": [add]}
    assert client("PATCH", f"/Groups/{group['id']}", body).status_code == 204


def read_a_page(client: Client) -> None:
    assert len(client.found("/Users?startIndex=1&count=10")) == 2


REQUESTS: dict[str, Callable[[Client], None]] = {
    "Create a user": create_a_user, "Look up a user": look_up_a_user, "Add a member": add_a_member,
    "Read a page": read_a_page,
}
"""The requests of the tours, in the order in which they are sent."""


@contextmanager
def recorded() -> Iterator[list[Stop]]:
    """Record the functions of ours that this thread calls, in their order."""
    calls: list[Stop] = []
    root = f"{pages.ROOT}/"

    def record(frame: FrameType, event: str, _: object) -> None:
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(root):
            calls.append((code.co_filename.removeprefix(root), code.co_qualname))

    sys.setprofile(record)
    try:
        yield calls
    finally:
        sys.setprofile(None)


def missed(stops: list[Stop], calls: list[Stop]) -> list[Stop]:
    """Return the stops that do not follow in the calls after the stops before them."""
    left = iter(calls)
    return [stop for stop in stops if stop not in left]


def test_each_tour_has_its_request_and_at_most_eight_stops() -> None:
    assert list(TOURS) == list(REQUESTS)
    for stops in TOURS.values():
        assert len(STOP.findall(stops)) == len(stops.splitlines()) <= 8


def test_a_stop_is_a_function_that_exists() -> None:
    stops = [stop for tour in TOURS.values() for stop in STOP.findall(tour)]
    assert [(path, name) for path, name in stops if name not in functions(path)] == []


def test_a_request_passes_the_stops_of_its_tour_in_order(database: Database) -> None:
    app = assemble(Config.from_environment({"SCIMD_RATE_LIMIT": "off"}), database)
    Tenants(database).create("demo", "gallery")
    client = Client(app, "demo", Tokens(database).issue("demo")[0])
    for name, send in REQUESTS.items():
        with recorded() as calls:
            send(client)
        assert missed(STOP.findall(TOURS[name]), calls) == [], name


def test_a_stop_that_is_out_of_order_is_missed() -> None:
    one, other = ("app/provider.py", "Provider.create"), ("app/queries.py", "Queries.page")
    assert missed([one, other], [other, one]) == [other]
    assert missed([one, other], [one, ("app/errors.py", "f"), other]) == []
