"""The laws of the house: who may import whom, and where a thing has its one address."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from app.schemas.attribute import Attribute
from app.schemas.custom import BUILT_IN
from app.schemas.tables.common import COMMON, META
from app.schemas.tables.service_provider import DISCOVERY_SCHEMAS

ROOT = Path(__file__).parents[1]
parse = cache(ast.parse)
"""Each module is read by several tests, none of which changes the tree."""
EVERYTHING = {"*"}
OUTSIDE = {
    "flask", "werkzeug", "pymongo", "bson", "gunicorn", "click", "requests", "urllib3", "lxml", "signxml", "xml", "defusedxml",
}
"""Packages of others that only some rooms may import."""
STORE = {
    "app.store.mongo", "app.store.directory", "app.store.search", "app.store.log", "app.store.accounts",
    "app.store.sign_on", "app.store.operators", "app.store.delivery",
    "app.store.roles", "app.store.guard",
}

MAY_IMPORT: dict[str, set[str]] = {
    "scim_filter": set(),
    "app": EVERYTHING,  # create_app: the one place where the parts meet
    "app.application": {"app.background", "app.feed", "app.store.mongo", "flask", "werkzeug"},
    "app.assembly": EVERYTHING,
    "app.assembly_delivery": EVERYTHING,
    "app.assembly_sign_on": EVERYTHING,
    "app.causes": set(),
    "app.errors": {"app.causes"},
    "app.advice": {"app.causes"},
    "app.config": set(),
    "app.processes": set(),
    "app.schemas": {"scim_filter", "app.errors"},
    "app.protocol": {"scim_filter", "app.schemas", "app.errors"},
    "app.openapi": {"app.delivery", "app.export_import", "app.feed", "app.protocol", "app.schemas", "app.errors"},
    "app.store": set(),
    "app.store.mongo": {"app.schemas", "app.errors", "pymongo", "bson"},
    "app.store.log": {"app.store.mongo", "app.schemas", "app.errors", "pymongo", "bson"},
    "app.store.directory": {
        "app.store.mongo", "app.store.log", "app.schemas", "scim_filter", "app.errors", "pymongo", "bson",
    },
    "app.store.search": {
        "app.store.mongo", "app.store.directory", "app.schemas", "scim_filter", "app.errors", "pymongo", "bson",
    },
    "app.store.accounts": {"app.store.mongo", "app.store.log", "app.schemas", "app.errors", "pymongo", "bson"},
    "app.store.guard": {
        "app.causes", "app.store.mongo", "app.store.log", "app.store.accounts", "app.schemas", "app.errors", "pymongo", "bson",
    },
    "app.store.roles": {"app.store.mongo", "app.store.log", "app.schemas", "app.errors"},
    "app.store.sign_on": {
        "app.store.mongo", "app.store.log", "app.store.accounts", "app.schemas", "app.errors", "pymongo", "bson",
    },
    "app.store.operators": {
        "app.advice", "app.store.mongo", "app.store.delivery", "app.store.log", "app.store.accounts", "app.store.sign_on",
        "app.store.directory", "app.schemas", "app.errors", "pymongo", "bson",
    },
    "app.store.delivery": {
        "app.store.mongo", "app.store.log", "app.store.accounts", "app.schemas", "app.errors", "pymongo", "bson",
    },
    "app.store.open": {*STORE, "app.embedded", "app.schemas", "app.config"},
    "app.embedded": {"app.store.mongo", "app.errors", "app.processes", "pymongo"},
    "app.background": {*STORE, "app.delivery", "app.roles", "app.sign_on", "app.schemas", "app.errors"},
    "app.queries": {"app.query_part", "app.protocol", *STORE, "app.schemas"},
    "app.query_part": {"scim_filter", "app.protocol", *STORE, "app.schemas", "app.errors"},
    "app.provider": {"app.queries", "app.protocol", *STORE, "app.schemas", "app.errors"},
    "app.export_import": {"app.protocol", *STORE, "app.schemas", "app.errors"},
    "app.roles": {*STORE, "app.schemas", "app.errors"},
    "app.feed": {"app.export_import", "app.protocol.cursor", "app.protocol.messages", *STORE, "app.schemas", "app.errors"},
    "app.delivery": {"app.feed", "app.outgoing", "app.protocol.messages", *STORE, "app.schemas", "app.errors"},
    "app.outgoing": {"app.store.accounts", "app.protocol.messages", "app.errors", "requests", "urllib3"},
    "app.auth": {
        "app.outgoing", "app.store.accounts", "app.store.mongo", "app.protocol.messages",
        "app.schemas.validation.secrets", "app.errors",
    },
    "app.sign_on": {"app.auth", "app.outgoing", "app.roles", *STORE, "app.schemas", "app.errors", "lxml", "signxml"},
    "app.blueprints": {
        "app.causes",
        "app.provider", "app.auth", "app.delivery", "app.feed", "app.sign_on", "app.schemas", "app.errors", "app.protocol", "app.telemetry", "flask", "werkzeug",
    },
    "app.console": {
        "app.advice", "app.blueprints", "app.provider", "app.queries", *STORE, "app.auth", "app.schemas", "app.config",
        "app.errors", "app.protocol", "app.sign_on", "flask", "werkzeug",
    },
    "app.telemetry": {"app.advice", *STORE, "app.store.open", "app.errors", "app.config", "app.processes", "flask"},
    "app.check": {"requests"},
    "app.demo": {"app.check", "flask", "werkzeug"},
    "app.cli": {
        *STORE, "app.store.open", "app.export_import", "app.embedded", "app.auth", "app.roles", "app.sign_on", "app.schemas",
        "app.advice", "app.check", "app.delivery", "app.feed", "app.outgoing", "app.processes", "app.errors", "app.config",
        "click", "gunicorn",
    },
}
KNOWS_ENTRA = {"app/protocol/entra_dialect.py", "app/protocol/entra_values.py", "app/protocol/profile.py"}
SPELL_ATTRIBUTES = ("app/schemas/", "app/protocol/entra_dialect.py", "app/protocol/entra_values.py", "app/check/")
FRAME = {"schemas", "id", "meta", *(row.name for row in META.sub_attributes)}
"""What every resource has, whatever its schema is (RFC 7643 section 3.1), and every document has under the same name."""
ALSO_MEAN = {
    "$ref": ("app/openapi/resources.py",),  # a keyword of JSON Schema
    "active": ("app/cli/", "app/telemetry/"),  # a count of the overview, a metric's label
    # A parameter (RFC 7644 section 3.9), and what a notice has (RFC 9967 section 2.2).
    "attributes": ("app/blueprints/", "app/delivery/", "app/protocol/"),
    "bulk": ("app/blueprints/",),  # the operation
    # A parameter (RFC 9865), a member of an event, and of MongoDB's replies.
    "cursor": ("app/cli/webhooks/", "app/feed/", "app/openapi/feed.py", "app/protocol/", "app/store/directory/commands.py"),
    "description": ("app/openapi/",),  # a keyword of OpenAPI
    # A part of the URL, and where events are pushed to.
    "endpoint": ("app/blueprints/", "app/console/", "app/cli/", "app/store/delivery/", "app/telemetry/"),
    "filter": ("app/", "scim_filter/"),  # a parameter and what it holds (RFC 7644 section 3.4.2.2)
    # A count, a page, a field of a view for operators, a field of the log and a member of an event.
    "groups": (
        "app/cli/", "app/console/", "app/feed/", "app/openapi/feed.py", "app/store/delivery/", "app/store/directory/operator_views.py",
        "app/store/log/",
    ),
    "index": ("app/sign_on/saml/own_metadata.py",),  # an XML attribute of SAML metadata
    # Of a replica set; a field of the log, a member of an event.
    "members": (
        "app/cli/", "app/console/", "app/delivery/", "app/embedded/", "app/feed/", "app/openapi/feed.py", "app/roles/",
        "app/store/delivery/", "app/store/log/", "app/store/mongo/", "app/store/operators/",
    ),
    "mutability": ("app/causes.py", "app/errors.py"),  # a scimType (RFC 7644 table 9)
    "name": ("app/",),  # of tenants, types, settings, arguments, indexes
    "patch": ("app/",),  # the operation
    "primary": ("app/store/mongo/",),  # of a replica set
    "required": (  # a keyword of JSON Schema; a cause
        "app/advice/", "app/causes.py", "app/openapi/", "app/protocol/patch/values.py", "app/store/",
    ),
    # Of people, by their groups: a field of the log, a member of an event, a claim and its scope.
    "roles": ("app/cli/tenants/role.py", "app/roles/", "app/sign_on/provider/claims.py", "app/store/log/"),
    "schema": ("app/openapi/",),  # a keyword of OpenAPI
    "title": ("app/openapi/",),  # a keyword of OpenAPI
    # A field of memberships, lines of a log and of an export, and events; a label of metrics; a keyword of JSON Schema.
    "type": (
        "app/advice/", "app/auth/", "app/background/guard.py", "app/cli/", "app/delivery/", "app/export_import/", "app/feed/",
        "app/openapi/", "app/sign_on/endings.py",
        "app/roles/", "app/store/", "app/telemetry/",
    ),
    "uniqueness": ("app/errors.py",),  # a scimType (RFC 7644 table 9)
    # A member of a PATCH operation, a claim, and in filters what an element that is no object is called.
    "value": ("app/auth/", "app/demo/", "app/openapi/messages.py", "app/protocol/bulk.py", "app/protocol/patch/message.py", "scim_filter/"),
}
"""Names of attributes that are words for something else, too, and where."""
MOST_FILES, MOST_METHODS, MOST_LINES = 12, 12, 250
LARGE_ROOMS = {
    "app/store/directory",  # its files need each other across any line that would divide them (D-235)
}
LARGE_CLASSES = {
    "MembershipReader",  # each method is one question about memberships, and none may count those that are cleared
    "Memberships",  # each method is one command on one collection; reads and writes of a row belong together
    "Resources",  # the same, on the collection of a resource type
    "_Builder",  # one method for each rule of grammar.lark, as Lark requires
}
FILTERED = re.compile(r"[\w$.:-]+(?=\[| (?:eq|ne|co|sw|ew|gt|ge|lt|le|pr)\b)")


@cache
def nodes(tree: ast.AST) -> tuple[ast.AST, ...]:
    """Return a tree and all that is in it."""
    return tuple(ast.walk(tree))


@dataclass(frozen=True)
class Module:
    """One module of ours."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.relative_to(ROOT).as_posix()

    @property
    def package(self) -> str:
        return self.name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    @property
    def tree(self) -> ast.Module:
        return parse(self.path.read_text())


def modules(*rooms: str) -> list[Module]:
    return [Module(path) for room in rooms or ("app", "scim_filter") for path in sorted((ROOT / room).rglob("*.py"))]


def room_of(package: str) -> str:
    """Return the room that a module is in: `app` has rooms, `app.store` has sub-rooms, everything else is one."""
    parts = package.split(".")
    depth = 3 if parts[:2] == ["app", "store"] else 2 if parts[0] == "app" else 1
    return ".".join(parts[:depth])


def imports(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield line and name of each import, those inside functions too; a relative one has no name we could check."""
    for node in nodes(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: imports are absolute here"
            # `from app import errors` and `from app.store import log` name a room in their second half
            split = node.module in ("app", "app.store")
            yield from ((node.lineno, f"{node.module}.{alias.name}" if split else node.module or "") for alias in node.names)


def forbidden(source: str, package: str) -> list[str]:
    """Return what a module imports and may not."""
    room = room_of(package)
    allowed = MAY_IMPORT[room]
    found = []
    for line, name in imports(parse(source)):
        target = room_of(name)
        ours = target in MAY_IMPORT or target.split(".")[0] in ("app", "scim_filter", "tests")
        if allowed is EVERYTHING or target == room or not (ours or target in OUTSIDE):
            continue
        if not {target, name} & allowed:  # a room may import all of another, or one module of it
            found.append(f"line {line}: {room} imports {name}")
    return found


def test_a_module_imports_only_what_its_room_may() -> None:
    assert {room_of(module.package) for module in modules()} <= MAY_IMPORT.keys(), "a room that the table does not know"
    found = {module.name: forbidden(module.path.read_text(), module.package) for module in modules()}
    assert {name: arrows for name, arrows in found.items() if arrows} == {}


@pytest.mark.parametrize(("source", "package"), [
    ("import pymongo", "app.provider"),
    ("from pymongo.errors import PyMongoError", "app.auth.tokens"),
    ("from app.store.directory.resources import Resources", "app.blueprints.scim"),
    ("from app.store.search.order import Order", "app.store.directory.resources"),
    ("from app.store import accounts", "app.store.directory.resources"),
    ("def f():\n    from app.protocol import etag", "app.store.directory.resources"),
    ("import flask", "app.protocol.patch.apply"),
    ("from app.protocol.etag import Condition", "app.outgoing.http"),
    ("from app import config", "app.schemas.tables.user"),
    ("from app.errors import ScimError", "scim_filter.parser"),
    ("import app.config", "app.errors"),
    ("from tests.conftest import Server", "app.cli.serve"),
    ("from lxml import etree", "app.outgoing.http"),
    ("import xml.etree", "app.sign_on.saml.encoding"),
])
def test_the_test_sees_what_is_forbidden(source: str, package: str) -> None:
    assert len(forbidden(source, package)) == 1


def test_there_are_no_circles() -> None:
    known = {module.package: module for module in modules()}

    def needs(module: Module) -> set[str]:
        found = set()
        for node in nodes(module.tree):
            if isinstance(node, ast.ImportFrom) and node.module:
                found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        return found & known.keys()

    arrows = TopologicalSorter({name: needs(module) for name, module in known.items() if module.path.name != "__init__.py"})
    arrows.prepare()  # raises CycleError, which names the circle


def test_one_room_of_the_server_sends_http() -> None:
    clients = re.compile(r"^\s*(?:import|from) (?:requests|urllib3|http\.client|urllib\.request)\b", re.MULTILINE)
    found = {room_of(module.package) for module in modules() if clients.search(module.path.read_text())}
    assert found == {"app.outgoing", "app.check"}


def test_one_folder_parses_xml() -> None:
    parsers = re.compile(r"^\s*(?:import|from) (?:lxml|signxml|xml|defusedxml|xmltodict)\b", re.MULTILINE)
    found = {module.path.parent for module in modules() if parsers.search(module.path.read_text())}
    assert found == {ROOT / "app/sign_on/saml"}


@pytest.mark.parametrize(("source", "package"), [
    ("import json\nimport lark", "scim_filter.parser"),
    ("from app.protocol.etag import Condition", "app.protocol.patch.apply"),
    ("from app.protocol.messages import JSON", "app.outgoing.http"),
    ("import pymongo", "app.store.mongo.database"),
])
def test_the_test_lets_through_what_is_allowed(source: str, package: str) -> None:
    assert forbidden(source, package) == []


FRAMEWORKS = {"flask", "flask_httpauth", "werkzeug", "pymongo", "bson", "gunicorn"}
DOCUMENTED = {"_asdict", "_replace", "_make", "_fields", "_Element"}
"""Public methods of the standard library's named tuples, and the class of lxml's elements, in spite of their names."""


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.endswith("__")


def defined(tree: ast.AST) -> set[str]:
    """Return the private names that a module gives to something: functions, classes, variables, attributes."""
    names = set()
    for node in nodes(tree):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and ast.unparse(node.value) == "self":
            names.add(node.attr)
    return names


def foreign_internals(source: str, ours: set[str]) -> list[str]:
    """Return the private names of others that a module imports, reads or replaces.

    A private name that is in none of our modules, `ours`, is somebody else's, whatever object it is read from.
    """
    found = []
    for node in nodes(parse(source)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in FRAMEWORKS:
            names = [*(node.module or "").split("."), *(alias.name for alias in node.names)]
            found += [f"line {node.lineno}: imports {name}" for name in names if is_private(name)]
        elif isinstance(node, ast.Attribute) and is_private(node.attr) and node.attr not in ours | DOCUMENTED:
            found.append(f"line {node.lineno}: {ast.unparse(node)}")
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("getattr", "setattr", "hasattr"):
            name = node.args[1]
            if isinstance(name, ast.Constant) and is_private(str(name.value)) and name.value not in ours:
                found.append(f"line {node.lineno}: {ast.unparse(node)}")
    return found


def test_nothing_private_of_a_framework_is_used() -> None:
    code = [*modules(), Module(ROOT / "gunicorn.conf.py")]
    ours = set().union(*(defined(module.tree) for module in code))
    found = {module.name: foreign_internals(module.path.read_text(), ours) for module in code}
    assert {name: uses for name, uses in found.items() if uses} == {}


@pytest.mark.parametrize("source", [
    "from flask.ctx import _AppCtxGlobals", "from werkzeug._internal import wraps", "request._get_current_object()",
    "g = 1\nvars(app)._got_first_request", "class A(Flask):\n    def f(self):\n        return self._request_blueprints",
    "client._topology.open()", "super()._make_response(1)", "app._check = 1", 'getattr(collection, "_Database__client")',
    'setattr(app, "_got_first_request", False)',
])
def test_the_test_sees_what_is_private(source: str) -> None:
    assert len(foreign_internals(source, {"_ours", "_app"})) == 1


@pytest.mark.parametrize("source", ["self._ours", "Pair(1, 2)._asdict()", "from pymongo import MongoClient", "app.__class__"])
def test_the_test_lets_through_what_is_public(source: str) -> None:
    assert foreign_internals(source, {"_ours"}) == []


def test_a_module_says_what_lives_there() -> None:
    silent = [m.name for m in modules() if m.path.read_text().strip() and not ast.get_docstring(m.tree)]
    assert silent == []


def test_a_room_has_at_most_twelve_files() -> None:
    files = Counter(m.path.parent.relative_to(ROOT).as_posix() for m in modules() if m.path.name != "__init__.py")
    assert {room for room, number in files.items() if number > MOST_FILES} == LARGE_ROOMS


def methods(source: str) -> dict[str, int]:
    """Return how many methods each class of a module has; a property is a fact about the object, and is not counted."""
    def is_method(node: ast.stmt) -> bool:
        marks = [ast.unparse(mark) for mark in getattr(node, "decorator_list", ())]
        return isinstance(node, ast.FunctionDef) and not {"property", "cached_property"} & set(marks)

    classes = [node for node in nodes(parse(source)) if isinstance(node, ast.ClassDef)]
    return {each.name: sum(map(is_method, each.body)) for each in classes}


def test_a_class_has_at_most_twelve_methods() -> None:
    numbers = [pair for module in modules() for pair in methods(module.path.read_text()).items()]
    assert {name for name, number in numbers if number > MOST_METHODS} == LARGE_CLASSES


def test_a_module_has_at_most_250_lines() -> None:
    code = [*modules(), Module(ROOT / "gunicorn.conf.py")]
    lines = {module.name: len(module.path.read_text().splitlines()) for module in code}
    assert {name: number for name, number in lines.items() if number > MOST_LINES} == {}


def test_the_test_counts_methods_and_no_properties() -> None:
    source = "class A:\n    x = 1\n    @property\n    def b(self): ...\n    @staticmethod\n    def c(): ...\n    def d(self): ...\n"
    assert methods(source) == {"A": 2}


@cache
def literals(tree: ast.Module) -> tuple[ast.Constant, ...]:
    """Return the text that the code works with; docstrings are prose."""
    prose = {id(node.value) for node in nodes(tree) if isinstance(node, ast.Expr)}
    texts = (node for node in nodes(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str))
    return tuple(node for node in texts if id(node) not in prose)


@cache
def table_names() -> set[str]:
    """Return the names of all attributes and sub-attributes in the tables."""
    def of(rows: Iterable[Attribute]) -> Iterator[str]:
        for row in rows:
            yield row.name
            yield from of(row.sub_attributes)

    schemas = [schema for resource_type in BUILT_IN for schema in resource_type.schemas]
    return {name for rows in (COMMON.values(), *(s.attributes for s in (*schemas, *DISCOVERY_SCHEMAS))) for name in of(rows)}


def spelled(source: str, module: str) -> list[str]:
    """Return the names of attributes that a module spells and should take from the tables."""
    names = {name for name in table_names() - FRAME if not module.startswith(ALSO_MEAN.get(name, ()))}
    found = []
    for node in literals(parse(source)):
        text = str(node.value)
        paths = FILTERED.findall(text) if re.search(r"\s", text) else [text]
        parts = {part for path in paths for part in re.split(r"[.:\[]", path)}
        found += [f"line {node.lineno}: {name}" for name in sorted(parts & names)]
    return found


def test_the_name_of_an_attribute_has_one_address() -> None:
    """Code takes a name from its row or from a role of the resource type (`identifier`, `label`, `members`, ...).

    A literal spells a name if it is one, or a path with one: `displayName`, `_folded.displayName`, `$_user.active`, or
    a filter. A sentence for people may name it. So may any code that means something else by the word: `FRAME` and
    `ALSO_MEAN` say what, and where. MongoDB's operators (`$sort`) are other words.
    """
    ours = (module for module in modules() if not module.name.startswith(SPELL_ATTRIBUTES))
    found = {module.name: spelled(module.path.read_text(), module.name) for module in ours}
    assert {name: places for name, places in found.items() if places} == {}


def test_each_exception_is_needed() -> None:
    used = {
        (word, place) for module in modules() if not module.name.startswith(SPELL_ATTRIBUTES)
        for node in literals(module.tree) for word in re.split(r"[.:\[]", str(node.value)) if word in ALSO_MEAN
        for place in ALSO_MEAN[word] if module.name.startswith(place)
    }
    assert {(word, place) for word, places in ALSO_MEAN.items() for place in places} - used == set()


@pytest.mark.parametrize(("source", "module"), [
    ('user["userName"]', "app/provider.py"),
    ('query = {"_folded.displayName": 1}', "app/store/search/pages.py"),
    ('f"$$e.active{x}"', "app/store/directory/operator_views.py"),
    ('search(\'members[value eq "x"]\')', "app/queries.py"),
    ('f"externalId eq {x}"', "app/cli/demo.py"),
    ('{"$ref": 1}', "app/provider.py"),
    ('shown["maxResults"]', "app/blueprints/discovery.py"),
])
def test_the_test_sees_a_name(source: str, module: str) -> None:
    assert spelled(source, module)


@pytest.mark.parametrize(("source", "module"), [
    ('steps = [{"$sort": {"_id": 1}}]', "app/store/search/pages.py"),
    ('raise NotFound("no user has this externalId")', "app/cli/credentials/token.py"),
    ('config["members"]', "app/embedded/keeper.py"),
    ('document["meta"]["version"]', "app/store/directory/documents.py"),
])
def test_the_test_lets_other_words_through(source: str, module: str) -> None:
    assert spelled(source, module) == []


URN = re.compile(r"urn:[a-z]+:[\w:.-]*\w")
MEDIA_TYPE = re.compile(r"\b(?:application|text)/[a-z][a-z.+-]+")
SCHEMA_URN = "urn:ietf:params:scim:schemas:"
MESSAGE_URN = "urn:ietf:params:scim:api:messages:"


def spellings(module: Module) -> Iterator[str]:
    """Yield each URN and each media type that the code of a module spells; docstrings and comments are prose."""
    for node in literals(module.tree):
        yield from URN.findall(str(node.value))
        yield from MEDIA_TYPE.findall(str(node.value))


def test_a_urn_and_a_media_type_are_spelled_in_one_place() -> None:
    """`app/check/` has its own: it looks at any server from outside, and imports nothing of this one."""
    found = [(text, module.name) for module in modules() if not module.name.startswith("app/check/") for text in spellings(module)]
    texts = [text for text, _ in found]
    assert sorted(text for text in set(texts) if texts.count(text) > 1) == []
    messages = {name for text, name in found if text.startswith(MESSAGE_URN) or MEDIA_TYPE.fullmatch(text)}
    assert messages == {"app/protocol/messages.py"}
    assert {name for text, name in found if text.startswith(SCHEMA_URN) and not name.startswith("app/schemas/")} == set()


def test_the_test_of_spellings_sees_urns_and_media_types() -> None:
    assert len(set(spellings(Module(ROOT / "app/protocol/messages.py")))) == 16
    assert SCHEMA_URN + "core:2.0:User" in set(spellings(Module(ROOT / "app/schemas/tables/user.py")))


def test_only_the_dialect_knows_entra() -> None:
    """A comment may give it as a reason; code that does something for it is in the dialect."""
    found = []
    for module in modules("app/protocol", "scim_filter"):
        if module.name not in KNOWS_ENTRA:
            names = [node.id for node in nodes(module.tree) if isinstance(node, ast.Name)]
            words = names + [str(node.value) for node in literals(module.tree)]
            found += [f"{module.name}: {word}" for word in words if re.search("entra|microsoft|azure", word, re.I)]
    assert found == []


def test_nothing_reads_the_environment_at_import() -> None:
    def outside_functions(node: ast.AST) -> Iterator[ast.AST]:
        for child in ast.iter_child_nodes(node):
            if not isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
                yield child
                yield from outside_functions(child)

    found = [
        f"{module.name}:{node.lineno}" for module in modules() for node in outside_functions(module.tree)
        if isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv", "environb")
    ]
    assert found == []


BUILT_ON = {"flask", "flask-httpauth", "pymongo", "marshmallow", "lark", "gunicorn", "pytest", "mongomock"}


def test_what_scimd_is_built_on() -> None:
    """Each is required, and imported or run (D-550)."""
    setup = (ROOT / "setup.cfg").read_text()
    missing = {name for name in BUILT_ON if not re.search(rf"^    {name} >=", setup, re.MULTILINE)}
    files = [*ROOT.glob("app/**/*.py"), *ROOT.glob("scim_filter/**/*.py"), *ROOT.glob("tests/**/*.py")]
    source = "\n".join(path.read_text() for path in files)
    unused = {
        name for name in BUILT_ON - {"gunicorn"}
        if not re.search(rf"^(from|import) {name.replace('-', '_')}\b", source, re.MULTILINE)
    }
    assert (missing, unused) == (set(), set())
