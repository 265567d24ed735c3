"""SCIM filters and PATCH paths (RFC 7644 sections 3.4.2.2 and 3.5.2): text -> tree -> MongoDB query, or yes or no.

The package knows no schema and no database layout: the caller passes `resolve(path)`, which describes an attribute.
"""

from scim_filter.ast import And, Comparison, Filter, Not, Or, PatchPath, Path, Present, ValuePath
from scim_filter.column import Column, Query, Resolve
from scim_filter.errors import FilterError, PathError
from scim_filter.match import matches, predicate
from scim_filter.mongo import to_mongo
from scim_filter.parser import parse_filter, parse_path
from scim_filter.scan import DEEPEST, LONGEST, MOST_TERMS

__all__ = [
    "DEEPEST", "LONGEST", "MOST_TERMS", "And", "Column", "Comparison", "Filter", "FilterError", "Not", "Or",
    "PatchPath", "Path", "PathError", "Present", "Query", "Resolve", "ValuePath", "matches", "parse_filter",
    "parse_path", "predicate", "to_mongo",
]
