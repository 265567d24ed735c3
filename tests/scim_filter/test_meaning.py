"""What filters mean (RFC 7644 section 3.4.2.2), on a real MongoDB, on mongomock and by `matches`."""

from __future__ import annotations

import uuid

import mongomock
import pytest

from app.protocol.patch.selection import find
from app.schemas.storage.columns import columns, element_columns
from app.schemas.tables.group import GROUP_TYPE
from app.schemas.tables.user import ENTERPRISE_URN as ENT
from app.schemas.tables.user import USER_TYPE
from app.schemas.tables.user import USER_URN as CORE
from scim_filter import FilterError, matches, parse_filter, parse_path, to_mongo
from tests.scim_filter.worlds import BASE_URL, ENDPOINTS, THING_TYPE, World


def _meta(kind, name, at, version):
    url = f"{BASE_URL}/{kind}s/{name}"
    return {"resourceType": kind, "created": "2011-05-13T04:42:34.000Z", "lastModified": at, "location": url, "version": version}


ADA = {
    "id": "ada", "schemas": [CORE, ENT], "userName": "Ada@Example.com", "externalId": "ABC", "title": "Tour.Guide",
    "name": {"givenName": "Ada", "familyName": "O'Malley"}, "active": True, "nickName": "", "profileUrl": "http://A.example/",
    "emails": [
        {"value": "ada@work.example", "type": "work", "primary": True}, {"value": "Ada@Home.example", "type": "home"},
    ],
    "x509Certificates": [{"value": "QQ=="}],
    "groups": [{"value": "tours", "type": "direct", "display": "Tours"}, {"value": "all", "type": "indirect"}],
    ENT: {"employeeNumber": "07", "department": "Tours", "manager": {"value": "bob"}},
    "meta": _meta("User", "ada", "2011-05-13T04:42:34.000Z", 'W/"1"'),
}  # fmt: skip
BOB = {
    "id": "bob", "schemas": [CORE], "userName": "bob", "externalId": "abc", "title": "a%b_c*(.\\", "displayName": "É",
    "name": {"givenName": ""}, "active": False, "userType": "Employee",
    "emails": [{"value": "bob@work.example", "type": "home"}, {"type": "work"}],
    "groups": [{"value": "all", "type": "direct", "display": "All"}],
    "meta": _meta("User", "bob", "2011-05-13T04:42:35.500Z", 'W/"10"'),
}  # fmt: skip
CYD = {
    "id": "cyd", "schemas": [CORE], "userName": "cyd", "displayName": "e\u0301", "active": True,
    "userType": "Contractor", ENT: {"department": ""}, "meta": _meta("User", "cyd", "2015-10-10T21:38:21.861Z", 'W/"2"'),
}  # fmt: skip
USERS = [ADA, BOB, CYD]
GROUPS = [
    {"id": "tours", "schemas": [GROUP_TYPE.schema.id], "displayName": "Tours", "meta": _meta("Group", "tours", "2011-05-13T04:42:34.000Z", 'W/"1"'),
     "members": [{"value": "ada", "type": "User", "display": "Ada"}, {"value": "all", "type": "Group", "display": "All"}]},
    {"id": "all", "schemas": [GROUP_TYPE.schema.id], "displayName": "All", "meta": _meta("Group", "all", "2011-05-13T04:42:34.000Z", 'W/"1"')},
]  # fmt: skip

ON_USERS = [
    # names and operators ignore case; values compare as caseExact says
    ('USERNAME EQ "ADA@EXAMPLE.COM"', "ada"), ('userName eq "bob" AND title PR', "bob"),
    ('externalId eq "abc"', "bob"), ('externalId eq "ABC"', "ada"), ('externalId eq "Abc"', ""), ('id eq "ADA"', ""),
    ('meta.resourceType eq "User"', "ada bob cyd"), ('meta.resourceType eq "user"', ""),
    ('profileUrl eq "http://A.example/"', "ada"), ('profileUrl eq "http://a.example/"', ""),
    # precedence and parentheses
    ('userName eq "cyd" or userName eq "bob" and title eq "x"', "cyd"),
    ('(userName eq "cyd" or userName eq "bob") and title eq "x"', ""),
    ('not (userName eq "bob") and active eq true', "ada cyd"), ('not(active eq true)', "bob"),
    # text operators; pattern characters are text, and the empty string is in every value
    ('title co "r.g"', "ada"), ('title co "ruge"', ""), ('title sw "TOUR"', "ada"), ('title ew "guide"', "ada"),
    ('title eq "tour.guide"', "ada"), ('title sw "tour.guide"', "ada"), ('title co "tour.guide"', "ada"),
    ('title ew "tour.guide"', "ada"), ('title co "%b_"', "bob"), ('title co "a*"', ""), ('title ew "(.\\\\"', "bob"),
    ('title sw "a%b_c*(.\\\\"', "bob"), ('title co ".*"', ""), ('title sw "^"', ""), ('title ew "$"', ""),
    ('title co ""', "ada bob"), ('title sw ""', "ada bob"), ('title ew ""', "ada bob"),
    ('name.familyName co "o\'malley"', "ada"),
    # order: dates by time (D-123), strings by their folded form
    ('meta.lastModified gt "2011-05-13T04:42:34Z"', "bob cyd"), ('meta.lastModified ge "2011-05-13T06:42:34+02:00"', "ada bob cyd"),
    ('meta.lastModified ge "2011-05-13T06:42:34 02:00"', "ada bob cyd"), ('meta.lastModified lt "2011-05-13T04:42:35.5"', "ada"),
    ('meta.lastModified le "2011-05-12T21:42:35.500-07:00"', "ada bob"), ('meta.lastModified eq "2011-05-13T04:42:34.000000000Z"', "ada"),
    ('meta.lastModified gt "2015-10-10T14:38:21.8617979-07:00"', ""), ('meta.lastModified lt "2015-10-10T14:38:21.8617979-07:00"', "ada bob cyd"), ('meta.lastModified gt "0001-01-03T00:00:00.0000000Z"', "ada bob cyd"),
    ('userName gt "B"', "bob cyd"), ('userName ge "BOB"', "bob cyd"), ('userName lt "bob"', "ada"), ('userName le "bob"', "ada bob"),
    # presence (D-121)
    ("active pr", "ada bob cyd"), ("nickName pr", ""), ('nickName eq ""', "ada"), ("name pr", "ada"), ("emails pr", "ada bob"),
    ("emails.value pr", "ada bob"), (f"{ENT} pr", "ada"), (f"{ENT}:manager pr", "ada"), ("addresses pr", ""), ("schemas pr", "ada bob cyd"),
    ("x509Certificates pr", "ada"), ("meta pr", "ada bob cyd"), ("title pr or nickName pr", "ada bob"), ("groups pr", "ada bob"),
    # several values; a complex attribute stands for its `value`; brackets are about one element
    ('emails.value co "HOME"', "ada"), ('emails co "example"', "ada bob"), ('emails.type eq "work" and emails.value co "bob"', "bob"),
    ('emails[type eq "work" and value co "bob"]', ""), ('emails[type eq "HOME" and value co "BOB"]', "bob"),
    ('emails[type eq "work"].value eq "ADA@work.example"', "ada"), ('emails[type eq "home"] eq "bob@work.example"', "bob"),
    ('emails[primary eq true].value sw "ada"', "ada"), ('emails[type eq "work" or (type eq "home" and primary pr)]', "ada bob"),
    ('emails[not (type eq "work")]', "ada bob"), ('emails[not (value pr)]', "bob"), ('emails[type ne "work"]', "ada bob"),
    ('name[givenName eq "ada" and familyName sw "o"]', "ada"), ('name[not (familyName pr)]', "bob"),
    (f'{ENT}:manager[value eq "bob"]', "ada"), (f'{ENT}[department eq "tours"]', "ada"),
    # a missing primary is false (RFC 7643 section 2.4)
    ("emails[primary eq false]", "ada bob"), ("emails.primary eq false", "ada bob"), ("emails.primary eq true", "ada"),
    ("emails[type eq \"work\" and primary ne true]", "bob"), ("emails.primary ne true", "bob cyd"), ("emails.primary pr", "ada"),
    # URNs (RFC 7644 section 3.10)
    (f'{CORE}:userName sw "A"', "ada"), (f'{CORE.upper()}:NAME.GIVENNAME eq "ada"', "ada"), (f'{ENT}:department eq "tours"', "ada"),
    (f'{ENT}:manager.value eq "bob"', "ada"), (f'{ENT}:manager eq "bob"', "ada"), (f'{ENT}:manager eq "BOB"', ""),
    (f'schemas eq "{ENT}"', "ada"), (f'schemas eq "{ENT.upper()}"', "ada"), (f'schemas ne "{ENT}"', "bob cyd"),
    # null, ne and not (D-118, D-119, D-120)
    ("title eq null", "cyd"), ("title ne null", "ada bob"), ("title gt null", ""), ("title co null", ""), ("emails eq null", "cyd"),
    ("name eq null", "bob cyd"), ("emails[value eq null]", "bob"), ('title ne "tour.guide"', "bob cyd"),
    ('emails.type ne "work"', "cyd"), ('emails.value ne "bob@work.example"', "ada cyd"), ('not (title eq "tour.guide")', "bob cyd"),
    # booleans as strings (D-112)
    ('active eq "True"', "ada cyd"), ('active eq "false"', "bob"), ("active ne false", "ada cyd"),
    # id, meta and references
    ('id eq "bob"', "bob"), ('id sw "b"', "bob"), ('meta.version eq "W/\\"10\\""', "bob"), ('meta.version eq "10"', "bob"), ('meta.version ne "W/\\"1\\""', "bob cyd"),
    ('meta.version eq "W/\\"010\\""', ""), ('meta.version eq "W/\\"10"', ""), ('meta.version eq "010"', ""),
    (f'meta.location eq "{BASE_URL}/Users/bob"', "bob"), (f'meta.location eq "{BASE_URL}/Groups/bob"', ""),
    (f'meta.location eq "{BASE_URL}/other/Users/bob"', ""), (f'meta.location eq "{BASE_URL}/Users/bob/"', ""),
    ('meta.location eq "../Users/bob"', "bob"), ('meta.location eq "Users/bob"', "bob"), ('meta.location eq "xUsers/bob"', ""),
    ('meta.location eq "https://other.example/Users/bob"', ""), (f'meta.location ne "{BASE_URL}/Users/bob"', "ada cyd"),
    (f'{ENT}:manager.$ref eq "{BASE_URL}/Users/bob"', "ada"), (f'{ENT}:manager.$ref eq "../Users/bob"', "ada"),
    (f'{ENT}:manager.$ref eq "{BASE_URL}/Groups/bob"', ""), (f'{ENT}:manager.$ref eq "{BASE_URL}/x/Users/bob"', ""),
    (f'{ENT}:manager.$ref ne "{BASE_URL}/Groups/bob"', "ada bob cyd"), (f'{ENT}:manager.$ref eq "../Groups/bob"', ""),
    # Unicode (RFC 7644 section 5)
    ('displayName eq "e\\u0301"', "bob cyd"), ('displayName eq "\\u00c9"', "bob cyd"), ('displayName sw "\\u00e9"', "bob cyd"),
    # derived attributes
    ('groups eq "all"', "ada bob"), ('groups.value eq "tours"', "ada"), ('groups.display eq "TOURS"', "ada"), ('groups[value eq "all" and type eq "direct"]', "bob"),
    ('groups.type eq "indirect"', "ada"), ('not (groups.value eq "tours")', "bob cyd"), ('groups.value ne "tours"', "bob cyd"),
    (f'groups.$ref eq "{BASE_URL}/Groups/tours"', "ada"), (f'groups[$ref eq "{BASE_URL}/Users/tours"]', ""), ("groups eq null", "cyd"), ("groups.display pr", "ada bob"),
    # how Entra checks whether a user has a manager
    (f'id eq "ada" and {ENT}:manager eq "bob"', "ada"), (f'{ENT}:manager eq "ada" and id eq "ada"', ""),
]  # fmt: skip
ON_GROUPS = [
    ('members eq "ada"', "tours"), ('members.value eq "ada"', "tours"), ('id eq "tours" and members eq "ada"', "tours"),
    ('id eq "all" and members eq "ada"', ""), ('members[value eq "ada"]', "tours"), ('members[value eq "all" and type eq "Group"]', "tours"),
    ('members[value eq "ada" and type eq "Group"]', ""), ("members pr", "tours"), ("not (members pr)", "all"), ('members ne "ada"', "all"),
    ('members.display sw "al"', "tours"), ('members.type eq "user"', "tours"), ('members.value sw "a" and displayName eq "TOURS"', "tours"),
]  # fmt: skip


VALUES = {"one": ["ab", "c"], "two": ["abc", "b"], "six": [""], "none": []}
IN_BRACKETS = [
    # RFC 7643 section 2.4: a value that is not an object is its own `value`
    ('value eq "ab"', "one"), ('value eq "AB"', "one"), ('value ne "ab"', "one two six"), ('value sw "a"', "one two"), ('value co "b"', "one two"),
    ('value ew "c"', "one two"), ("value pr", "one two"), ("not (value pr)", "six"), ("value eq null", "six"), ("value ne null", "one two"),
    ('value gt "b"', "one"), ('value ge "b"', "one two"), ('value sw "a" and value ew "c"', "two"), ('value sw "a" and value sw "c"', ""),
    ('value co "a" and value co "b" and value co "c"', "two"), ('value sw "a" and value ne "ab"', "two"), ('value ne "ab" and value ne "c"', "two six"),
    ('value ne "abc" and not (value eq "b" or value co "x")', "one six"), ('value eq "ab" and value eq "ab"', "one"), ('value eq "ab" and value eq "c"', ""),
    ('not (value sw "a")', "one two six"), ('not (value co "b") and value pr', "one"), ('value eq "c" or value eq "b"', "one two"),
    ('(value eq "ab" or value eq "b") and (value sw "b" or value ew "z")', "two"), ('not (value lt "b") and not (value gt "b")', "two"),
    ('value gt "a" and value gt "ab" and value lt "c" and value le "b"', "two"), ('value co ""', "one two six"),
]  # fmt: skip


@pytest.mark.parametrize(("inside", "expected"), IN_BRACKETS)
def test_fa_36_brackets_select_among_values_that_are_no_objects(inside, expected, databases):
    def thing(name, words):
        values = {"words": words, "codes": words} if words else {}
        return {"id": name, "schemas": [THING_TYPE.schema.id], "label": name, **values, "meta": _meta("Thing", name, "2011-05-13T04:42:34.000Z", 'W/"1"')}

    things = [thing(name, words) for name, words in VALUES.items()]
    worlds = [World(database, THING_TYPE, things, "values") for database in databases]
    check(THING_TYPE, things, worlds, f"words[{inside}]", expected)
    check(THING_TYPE, things, worlds, f"{THING_TYPE.schema.id}:WORDS[{inside}]", expected)
    check(THING_TYPE, things, worlds, f"not (words[{inside}])", " ".join(VALUES.keys() - set(expected.split())))
    if "AB" not in inside:
        check(THING_TYPE, things, worlds, f"codes[{inside}]", expected)
    # and a PATCH path selects the same values
    selected = find(THING_TYPE.schema.by_name["words"], VALUES["one"], parse_path(f"words[{inside}]").filter)
    assert bool(selected) == ("one" in expected.split())


def test_fa_36_brackets_on_numbers_moments_and_urns(databases):
    def thing(name, numbers, times):
        return {"id": name, "schemas": [THING_TYPE.schema.id], "label": name, "numbers": numbers, "times": times,
                "meta": _meta("Thing", name, "2011-05-13T04:42:34.000Z", 'W/"1"')}

    early, late = "2011-05-13T04:42:34.000Z", "2012-05-13T04:42:34.000Z"
    things = [thing("one", [1, 9], [early]), thing("two", [5], [early, late])]
    worlds = [World(database, THING_TYPE, things, "numbers") for database in databases]
    for text, expected in (
        ("numbers[value gt 2 and value lt 8]", "two"), ("numbers[value pr]", "one two"), ("numbers[not (value pr)]", ""),
        ("numbers[value ne 5 and value ge 2]", "one"), ("numbers[value eq null]", ""), ("numbers[value gt null]", ""),
        (f'times[value lt "{early[:-1]}0001Z" and value eq "{early}"]', "one two"), (f'times[value eq "{early[:-1]}0001Z"]', ""),
        (f'times[value ne "{early[:-1]}0001Z" and value gt "{early}"]', "two"), (f'schemas[value eq "{THING_TYPE.schema.id.upper()}"]', "one two"),
    ):
        check(THING_TYPE, things, worlds, text, expected)


def test_fa_36_what_would_become_too_many_alternatives_is_refused():
    resolve = columns(THING_TYPE)
    many = " and ".join(f'(value eq "{n}" or value sw "{n}")' for n in range(8))
    with pytest.raises(FilterError, match="too many conditions in brackets"):
        to_mongo(parse_filter(f"words[{many}]"), resolve)
    assert len(to_mongo(parse_filter(f"words[{many[: many.index(' and (', 90)]}]"), resolve)["$or"]) <= 100


def bare(path, *words):
    return [(f"{path} eq {word}", word) for word in words]


BARE = [
    # text for a string attribute, however it looks; JSON for others (D-122)
    *bare("label", "12345", "12345.0", "007", "1e3", "-5", "true", "null", "True", "9" * 30), *bare("externalId", "12345"),
    ("label eq 12345.00", ""), ("label sw 123", "12345 12345.0"), ("label co null", "null"), ("label ne true", "no-true"),
    ("words eq 12345", "12345"), ("part eq 12345", "12345"), ("parts[value eq 12345]", "12345"), ("parts.code eq null", "null"),
    ("rank eq 5", "12345"), ("size eq 1.5", "12345"), ("on eq true", "12345"), ("on eq false", ""), ("rank eq null", "no-12345"),
    ("part eq null", "no-12345"), ("parts ne null", "12345 null"), ("made eq null", "all"), ('label eq "12345"', "12345"),
    # quotes around a number make no difference (D-706)
    ('label eq "12345.00"', ""), ('rank eq "5"', "12345"), ('rank gt "4"', "12345"), ('size eq "1.5"', "12345"), ('rank eq "5.0"', "12345"),
    ('rank ne "5"', "no-12345"), ('words eq "12345"', "12345"), ('part eq "12345"', "12345"), ('parts[value eq "12345"]', "12345"),
]  # fmt: skip
WORDS = ("12345", "12345.0", "007", "1e3", "-5", "true", "null", "9" * 30)


@pytest.mark.parametrize(("text", "expected"), BARE)
def test_n_27_a_value_without_quotes_is_what_its_attribute_takes(text, expected, databases):
    values = {
        "12345": {"words": ["12345"], "part": {"value": "12345"}, "parts": [{"value": "12345"}], "rank": 5, "size": 1.5, "on": True},
        "null": {"parts": [{"code": "null"}]},
    }
    things = [
        {"id": word, "externalId": word, "schemas": [THING_TYPE.schema.id], "label": word, **values.get(word, {}),
         "meta": _meta("Thing", word, "2011-05-13T04:42:34.000Z", 'W/"1"')}
        for word in WORDS
    ]
    left_out = expected.removeprefix("no-") if expected.startswith("no-") else None
    found = {word for word in WORDS if word != left_out} if left_out or expected == "all" else {expected.lower(), *expected.split()} & set(WORDS)
    condition = parse_filter(text, bare_words=True)
    resolve = columns(THING_TYPE, base_url=BASE_URL, endpoints=ENDPOINTS)
    assert {thing["id"] for thing in things if matches(condition, thing, resolve)} == found
    for database in databases:
        assert World(database, THING_TYPE, things, "bare").ids(condition) == found


@pytest.fixture(scope="module")
def databases(mongod):
    name = f"test-{uuid.uuid4().hex}"
    yield [mongod.client[name], mongomock.MongoClient(tz_aware=True)[name]]
    mongod.client.drop_database(name)


@pytest.fixture(scope="module")
def users(databases):
    return [World(database, USER_TYPE, USERS, "users") for database in databases]


@pytest.fixture(scope="module")
def groups(databases):
    return [World(database, GROUP_TYPE, GROUPS, "groups") for database in databases]


def check(resource_type, found, worlds, text, expected):
    condition = parse_filter(text)
    resolve = columns(resource_type, base_url=BASE_URL, endpoints=ENDPOINTS)
    assert {resource["id"] for resource in found if matches(condition, resource, resolve)} == set(expected.split())
    for world in worlds:
        assert world.ids(condition) == set(expected.split())


@pytest.mark.parametrize(("text", "expected"), ON_USERS)
def test_users(text, expected, users):
    check(USER_TYPE, USERS, users, text, expected)


@pytest.mark.parametrize(("text", "expected"), ON_GROUPS)
def test_groups(text, expected, groups):
    check(GROUP_TYPE, GROUPS, groups, text, expected)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        # one value begins with the text; the others come before and after it in the order
        ('words sw "b"', "two"), ('codes sw "B"', "two"), ('parts.tags sw "b"', "two"), ('parts[tags sw "b"]', "two"),
        ('not (words sw "b")', "one"), ('words gt "b" and words lt "c"', "one two"),
    ],
)
def test_a_value_that_begins_with_it_is_one_value(text, found, databases):
    def thing(name, words):
        values = {"words": words, "codes": [word.upper() for word in words], "parts": [{"tags": words}]}
        return {"id": name, "schemas": [THING_TYPE.schema.id], "label": name, **values, "meta": _meta("Thing", name, "2011-05-13T04:42:34.000Z", 'W/"1"')}

    things = [thing("one", ["a", "c"]), thing("two", ["a", "bc", "c"])]
    check(THING_TYPE, things, [World(database, THING_TYPE, things, "things") for database in databases], text, found)


@pytest.mark.parametrize("finer", ["2011-05-13T04:42:35.5000001Z", "2011-05-13T04:42:35.500000001Z", "2011-05-13T06:42:35.5009999+02:00"])
@pytest.mark.parametrize(
    ("operator", "expected"),
    [("lt", "ada bob"), ("le", "ada bob"), ("gt", "cyd"), ("ge", "cyd"), ("eq", ""), ("ne", "ada bob cyd")],
)
def test_fa_33_a_moment_between_two_milliseconds_is_compared_exactly(operator, expected, finer, users):
    check(USER_TYPE, USERS, users, f'meta.lastModified {operator} "{finer}"', expected)
    check(USER_TYPE, USERS, users, f'meta[lastModified {operator} "{finer}"]', expected)


def test_fa_33_in_the_values_of_an_attribute_and_at_the_end_of_time(databases):
    def thing(name, times):
        values = {"times": times, "parts": [{"since": time} for time in times]}
        return {"id": name, "schemas": [THING_TYPE.schema.id], "label": name, **values, "meta": _meta("Thing", name, "2011-05-13T04:42:34.000Z", 'W/"1"')}

    things = [thing("one", ["2011-05-13T04:42:34.001Z", "9999-12-31T23:59:59.999Z"]), thing("two", ["2011-05-13T04:42:34.002Z"])]
    worlds = [World(database, THING_TYPE, things, "moments") for database in databases]
    for path in ("times", "parts.since"):
        check(THING_TYPE, things, worlds, f'{path} lt "2011-05-13T04:42:34.0010001Z"', "one")
        check(THING_TYPE, things, worlds, f'{path} ge "2011-05-13T04:42:34.0010001Z"', "one two")
        check(THING_TYPE, things, worlds, f'{path} le "9999-12-31T23:59:59.9999999Z"', "one two")
        check(THING_TYPE, things, worlds, f'{path} gt "9999-12-31T23:59:59.9990001Z"', "")
    check(THING_TYPE, things, worlds, 'parts[since ne "2011-05-13T04:42:34.0010001Z"]', "one two")
    check(THING_TYPE, things, worlds, 'not (parts[since eq "2011-05-13T04:42:34.0010001Z"])', "one two")


REFUSED = [
    # no order for booleans and binaries (D-134)
    ("active gt true", 1, "active (boolean) does not take gt; expected eq, ne, pr"),
    ('x509Certificates.value ge "QQ=="', 1, "x509Certificates.value (binary) does not take ge; expected eq, ne, pr"),
    ('title pr and emails[value pr and primary le true]', 34, "emails.primary (boolean) does not take le; expected eq, ne, pr"),
    # no text operators but for text (D-134)
    ('active co "t"', 1, "active (boolean) does not take co; expected eq, ne, pr"),
    ('meta.created sw "2011"', 1, "meta.created (dateTime) does not take sw; expected eq, ge, gt, le, lt, ne, pr"),
    ('x509Certificates ew "="', 1, "x509Certificates.value (binary) does not take ew; expected eq, ne, pr"),
    (f'meta.location co "{BASE_URL}"', 1, "meta.location (reference) does not take co; expected eq, ne, pr"),
    ('meta.version gt "1"', 1, "meta.version (integer) does not take gt; expected eq, ne, pr"),
    # complex attributes without `value`
    ('name eq "x"', 1, "name is complex; name one of its sub-attributes"), (f'{ENT} eq "x"', 1, f"{ENT} is complex; name one of its sub-attributes"),
    ('addresses co "x"', 1, "addresses is complex; name one of its sub-attributes"),
    # unknown attributes, and brackets that select nothing
    ('title pr and bogus pr', 14, "There is no attribute bogus"), ("employeeNumber pr", 1, "There is no attribute employeeNumber"),
    ("name.bogus pr", 1, "There is no attribute name.bogus"), ("emails[bogus pr]", 8, "There is no attribute bogus"),
    (f"emails[{CORE}:value pr]", 8, f"There is no attribute {CORE}:value"), ("emails[emails.value pr]", 8, "There is no attribute emails.value"),
    (f"{CORE} pr", 1, f"There is no attribute {CORE}"), ("urn:x:2.0:User:title pr", 1, "There is no attribute urn:x:2.0:User:title"),
    ("tenant pr", 1, "There is no attribute tenant"), ("_id pr", 1, None), ("_folded.userName pr", 1, None), ("$where pr", 1, "There is no attribute $where"),
    ('userName[value eq "x"]', 1, "userName has one value; brackets select among several"),
    ('schemas[type eq "x"]', 9, "There is no attribute type"), ("schemas[value eq 5]", 18, "Expected a URN for schemas"),
    (f'{CORE}:emails.type[value eq "x"]', 1, "emails.type has one value; brackets select among several"),
    # literals of another type
    ("userName eq 5", 13, "Expected a string for userName"), ("userName eq true", 13, "Expected a string for userName"),
    ('active eq "yes"', 11, "Expected true or false for active"), ("active eq 1", 11, "Expected true or false for active"),
    ("emails[value eq 5]", 17, "Expected a string for emails.value"), ("userName co 5", 13, "Expected a string for userName"),
    ("emails co 5", 11, "Expected a string for emails.value"), ("meta.version eq 1", 17, "Expected a string for meta.version"),
    ("meta.location eq 1", 18, "Expected a URI for meta.location"), ("schemas eq 1", 12, "Expected a URN for schemas"),
    # dates that are none
    ('meta.created gt "yesterday"', 17, "Expected a dateTime such as 2011-05-13T04:42:34Z for meta.created"),
    ('meta.created gt "2011-13-01T00:00:00Z"', 17, "Expected a dateTime such as 2011-05-13T04:42:34Z for meta.created"),
    ('meta.created eq "2011-05-13"', 17, "Expected a dateTime such as 2011-05-13T04:42:34Z for meta.created"),
    *((f'meta.created gt "{text}"', 17, "Expected a dateTime such as 2011-05-13T04:42:34Z for meta.created") for text in (
        "2011-05-13T04:42:34+05:99", "2011-05-13T04:42:34+25:00", "2011-05-13T04:42:34+14:01", "2011-05-13T04:42:34-15:00",
        "2011-02-30T04:42:34Z", "2011-05-13T04:42:60Z", "2016-12-31T23:59:60Z", "2011-05-13T24:00:01Z", "2011-05-13T24:00:00.0000001Z",
        "11-05-13T04:42:34Z", "2011-05-13t04:42:34Z", "2011-05-13T04:42:34z", "2011-05-13T04:42:34+0500", "2011-05-13T04:42:34.Z")),
    ("meta.created gt 5", 17, "Expected a string for meta.created"),
    # what is never returned (D-124)
    ("password pr", 1, "password cannot be used in a filter"), ('password eq "x"', 1, "password cannot be used in a filter"),
    ("password eq null", 1, "password cannot be used in a filter"), ("not (password ne null)", 6, "password cannot be used in a filter"),
    (f'{ENT}:manager.displayName eq "x"', 1, f"{ENT}:manager.displayName cannot be used in a filter"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "column", "message"), REFUSED)
def test_what_does_not_fit_is_refused_whatever_the_data(text, column, message):
    resolve = columns(USER_TYPE, base_url=BASE_URL, endpoints=ENDPOINTS)
    for read in (lambda: to_mongo(parse_filter(text), resolve), lambda: matches(parse_filter(text), {}, resolve)):
        with pytest.raises(FilterError) as caught:
            read()
        assert caught.value.column == column
        assert message is None or caught.value.message == message


def test_a_wrong_part_is_refused_even_if_another_part_decides():
    resolve = columns(USER_TYPE)
    for text in ("title pr or bogus pr", "title eq null and active gt true", 'emails[value eq "x" or bogus pr]'):
        with pytest.raises(FilterError):
            matches(parse_filter(text), {"title": "x"}, resolve)


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("bogus pr", False), ("bogus eq null", True), ("bogus ne null", False), ('bogus eq "x"', False), ('bogus ne "x"', True),
        ("bogus gt 5", False), ("bogus gt null", False), ("bogus[a pr]", False), ("not (bogus pr)", True), ('bogus.a ne "x" and title pr', True),
    ],
)  # fmt: skip
def test_fi_23_an_attribute_that_a_type_does_not_have_has_no_value(text, holds, databases):
    resolve = columns(USER_TYPE)
    query = to_mongo(parse_filter(text), resolve, absent_if_unknown=True)
    for database in databases:
        database.absent.delete_many({})
        database.absent.insert_one({"_id": "x", "_folded": {"title": "x"}})
        assert bool(list(database.absent.find(query))) is holds
    with pytest.raises(FilterError):
        to_mongo(parse_filter("title pr and password pr"), resolve, absent_if_unknown=True)


@pytest.mark.parametrize(
    ("text", "element", "holds"),
    [
        ('value eq "X"', {"value": "x"}, True), ('type eq "work"', {}, False), ("primary eq false", {}, True),
        ("primary pr", {}, False), ('$ref eq "https://x/Users/1"', {"value": "1"}, True),
    ],
)  # fmt: skip
def test_elements_in_patch(text, element, holds):
    row = USER_TYPE.schema.by_name["groups" if "$ref" in text else "emails"]
    assert matches(parse_filter(text), element, element_columns(row)) is holds


def test_a_value_that_is_no_object_is_called_value():
    words = THING_TYPE.schema.by_name["words"]
    assert matches(parse_filter('value eq "A" or value sw "b"'), "a", element_columns(words))
    assert not matches(parse_filter('value ne "A"'), "a", element_columns(words))
    with pytest.raises(FilterError):
        matches(parse_filter('type eq "A"'), "a", element_columns(words))
