"""Text is data: whatever a filter says, it reaches MongoDB as a value (RFC 7644 section 3.4.2.2)."""

from __future__ import annotations

import contextlib
import json
import re
import uuid

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.schemas.storage.columns import columns
from app.schemas.tables.user import USER_TYPE
from scim_filter import Comparison, FilterError, Path, matches, parse_filter, parse_path, to_mongo
from tests.examples import examples
from tests.scim_filter import grammar
from tests.scim_filter.worlds import THING_TYPE, assert_is_data

# The query, update and aggregation operators of MongoDB 8, and its system variables.
OPERATORS = """
$eq $gt $gte $in $lt $lte $ne $nin $and $not $nor $or $exists $type $expr $jsonSchema $mod $regex $options $text $where
$geoIntersects $geoWithin $near $nearSphere $box $center $centerSphere $geometry $maxDistance $minDistance $polygon
$all $elemMatch $size $bitsAllClear $bitsAllSet $bitsAnyClear $bitsAnySet $ $meta $slice $comment $rand $natural
$currentDate $inc $min $max $mul $rename $set $setOnInsert $unset $addToSet $pop $pull $push $pullAll $each $position
$sort $bit $accumulator $function $lookup $graphLookup $merge $out $unionWith $match $project $group $limit $skip
$facet $bucket $count $sample $redact $replaceRoot $unwind $indexStats $collStats $currentOp $listSessions $search
$$ROOT $$CURRENT $$NOW $$CLUSTER_TIME $$REMOVE $$DESCEND $$PRUNE $$KEEP $$USER_ROLES $ref $id $db $code $scope $oid
$date $binary $regularExpression $timestamp $undefined $minKey $maxKey $symbol $numberLong $numberDecimal $uuid
""".split()  # noqa: SIM905
PATTERNS = [
    ".", ".*", "^", "$", "^a", "a$", "[a-z]", "(a+)+$", "a|b", "a?", "a{2}", "\\", "\\d", "\\z", "\\Qa\\E", "(?i)a", "(?#x)", "a\nb",
    "a\n", "\r", "\t", "/a/i", "%", "_", "*", "(", ")", "[", "]", "{", "}", "-", "#", "&", "~", " ", "\x7f", "\u2028", "\ud7ff", "\uffff",
]  # fmt: skip
CODE = ["'; return true; //", '"; while(1){} //', "sleep(1000)", "this.password", "function(){return 1}", "db.users.drop()"]
FORMS = [json.dumps({name: value}) for name in ("$gt", "$ne", "$regex", "$where") for value in ("", 1, {"$ne": None})]
HOSTILE = [*OPERATORS, *PATTERNS, *CODE, *FORMS, "a.b", "_folded", "tenant", "__proto__", "constructor", "\ufeff", "\u200b", "x" * 4_000]

RESOLVE = columns(USER_TYPE)


@pytest.fixture(scope="module")
def collection(mongod):
    name = f"test-{uuid.uuid4().hex}"  # the processes of pytest-xdist share the server
    found = mongod.client[name]["texts"]
    stored = [*HOSTILE, "a", "A", "ab", "b", ""]
    found.insert_many([{"tenant": "t", "text": text, "_folded": {"title": RESOLVE("title").key(text)}} for text in stored])
    yield found
    mongod.client.drop_database(name)


LIKE_GT = ("ge", "lt", "le")
"""Operators that differ from `gt` in nothing but MongoDB's operator: a quarter of the strings is enough for each."""


@pytest.mark.parametrize("operator", ["eq", "ne", "co", "sw", "ew", "gt", *LIKE_GT])
def test_hostile_strings_are_only_compared(operator, collection):
    rows = list(collection.find())
    for text in (*HOSTILE[:: 4 if operator in LIKE_GT else 1], "a", "b"):  # "a\n" does not end with "a", nor does "a\nb" begin a line with "b"
        condition = Comparison(Path("title"), operator, text)
        if "\x00" not in text:
            assert parse_filter(str(condition)) == condition
        query = to_mongo(condition, RESOLVE)
        assert_is_data(query)
        found = {row["text"] for row in collection.find({"tenant": "t", **query}, max_time_ms=2_000)}
        assert found == {row["text"] for row in rows if matches(condition, {"title": row["text"]}, RESOLVE)}


@pytest.mark.parametrize("name", [*OPERATORS, "$where.x", "title.$where", "a.$[]", "emails.$", "emails.0", "emails.0.value", "_folded.title", "_id"])
def test_hostile_names_name_nothing(name):
    for text in (f"{name} pr", f'{name} eq "x"', f'{name}[value eq "x"]', f"emails[{name} pr]", f"emails[type pr].{name} pr"):
        with pytest.raises(FilterError):
            to_mongo(parse_filter(text), RESOLVE)
    for text in (f"{name} pr", f'{name} eq "x"'):
        try:
            condition = parse_filter(text)
        except FilterError:
            continue
        assert to_mongo(condition, RESOLVE, absent_if_unknown=True) == {"_id": {"$in": []}}


@given(grammar.logical(grammar.attr_exp(grammar.attr_name)))
@settings(deadline=None, max_examples=examples(50))
def test_no_filter_makes_a_query_of_anything_but_ours(text):
    try:
        query = to_mongo(parse_filter(text), lambda path: RESOLVE(path) or RESOLVE("title"))
    except FilterError:
        return
    assert_is_data(query)
    assert set(_fields(query)) <= {"_folded.title", "_id"}


def _fields(query):
    for key, value in query.items():
        if key in ("$and", "$or", "$nor"):
            for part in value:
                yield from _fields(part)
        else:
            yield key


LONG = [
    "x" * 65_536, "(" * 65_536, ")" * 65_536, '"' * 65_536, "\\" * 65_536, " " * 65_536, "not(" * 16_384, "a pr and " * 7_281, "a." * 32_768,
    'a eq "' + "\\" * 65_536, 'a eq "' + "x" * 65_536, "a eq -" * 10_922, "[" * 65_536,
    "a[" * 32_768, "urn:" * 16_384, 'a eq "\\u00e9' * 5_000, "\ud800" * 65_536, "\x00" * 65_536, "'" * 65_536, "a eq 'x" * 9_362, "é" * 65_536,
]  # fmt: skip


@pytest.mark.parametrize("text", LONG, ids=range(len(LONG)))
@pytest.mark.parametrize("bare_words", [False, True])
def test_64_kb_of_anything_is_refused_in_few_words(text, bare_words):
    for length in (65_536, 16_384, 4_096, 1_000):
        with pytest.raises(FilterError) as caught:
            parse_filter(text[:length], bare_words=bare_words, longest=65_536)
        assert len(str(caught.value)) < 250
        with contextlib.suppress(FilterError):  # a long name is a path, of nothing
            assert parse_path(text[:length], bare_words=bare_words).path.text == text[:length]


@pytest.mark.parametrize("number", ["1" * 65_000, "1e" + "9" * 65_000, "-" + "1" * 21, "9223372036854775808", "1e999"])
def test_n_27_a_number_of_more_than_64_bits_is_text_or_refused(number):
    with pytest.raises(FilterError, match="^Expected a number of at most 64 bits"):
        parse_filter(f"a eq {number}", longest=65_536)
    bare = parse_filter(f"a eq {number}", bare_words=True, longest=65_536)
    resolve = columns(THING_TYPE)
    for name in ("rank", "size"):
        with pytest.raises(FilterError, match="^Expected a number of at most 64 bits"):
            to_mongo(bare, lambda path, name=name: resolve(name))
    assert to_mongo(bare, lambda path: resolve("label")) == {"_folded.label": {"$eq": number}}


def test_a_long_value_is_compared_and_not_made_a_pattern(collection):
    for text in ("(" * 16_000, "\U0001f600" * 16_000, "é" * 16_000):
        for operator in ("eq", "ne", "sw", "gt"):
            condition = parse_filter(str(Comparison(Path("title"), operator, text)), longest=16_384)
            list(collection.find(to_mongo(condition, RESOLVE)))
        for operator in ("co", "ew"):
            with pytest.raises(FilterError, match="too long to be searched for inside others"):
                to_mongo(parse_filter(str(Comparison(Path("title"), operator, text)), longest=16_384), RESOLVE)
    longest = to_mongo(Comparison(Path("title"), "co", "(" * 15_000), RESOLVE)
    assert list(collection.find(longest)) == []


@pytest.mark.parametrize("brackets", [32, 31])
def test_the_deepest_filter_is_one_that_mongodb_takes(brackets, collection):
    text = "title pr"
    for _ in range(brackets):
        text = f"not (title eq null or title pr and {text})"
    if brackets < 32:
        text = text.replace("title", "value").join(("emails[", "]"))
    assert list(collection.find({"tenant": "t", **to_mongo(parse_filter(text), RESOLVE)})) is not None
    with pytest.raises(FilterError, match="nested brackets"):
        parse_filter(f"({text})")


@given(st.text(grammar.characters, max_size=6), st.text(grammar.characters, max_size=6))
@settings(deadline=None, max_examples=examples(60))
def test_patterns_are_literal_for_any_string(text, around):
    query = to_mongo(Comparison(Path("externalId"), "co", text), RESOLVE)["externalId"]["$regex"]
    assert re.search(query, around + text + around)
    assert bool(re.search(query, around)) is (text in around)
    query = to_mongo(Comparison(Path("externalId"), "ew", text), RESOLVE)["externalId"]["$regex"]
    assert bool(re.search(query, around + text)) and bool(re.search(query, around)) is around.endswith(text)
    bounds = to_mongo(Comparison(Path("externalId"), "sw", text), RESOLVE)["externalId"]
    for candidate in (text, text + around, around, around + text):
        inside = bounds["$gte"] <= candidate and ("$lt" not in bounds or candidate < bounds["$lt"])
        assert inside is candidate.startswith(text)
