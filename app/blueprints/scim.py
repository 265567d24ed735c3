"""SCIM over HTTP: each view reads the request, makes one provider call and answers (RFC 7644 section 3.2)."""

from __future__ import annotations

from urllib.parse import unquote_to_bytes

from flask import Blueprint, Request, Response, g, request

from app.blueprints.answers import answer, empty_answer, media_type, resource_answer
from app.blueprints.body import read_object
from app.blueprints.prefer import apply_preference, preference_of
from app.blueprints.service import current
from app.errors import InvalidValue, NotFound
from app.protocol.etag import Condition
from app.protocol.profile import PROFILES, Profile
from app.protocol.search_request import SearchRequest, names, once
from app.provider import Conditions, Provider, Shown
from app.schemas.resource_type import ResourceType
from app.schemas.returned import Projection

scim = Blueprint("scim", __name__, url_prefix="/<tenant>/scim/v2")


@scim.get("/<endpoint>")
def query(endpoint: str) -> Response:
    """Query the resources of one type (RFC 7644 section 3.4.2)."""
    return answer(_provider().query([_type(endpoint)], _search_in_url()), mimetype=media_type(request))


@scim.get("/")
def query_all() -> Response:
    """Query the resources of all types (RFC 7644 section 3.4.2.1)."""
    provider = _provider()
    return answer(provider.query(provider.catalogue.types, _search_in_url()), mimetype=media_type(request))


@scim.post("/<endpoint>/.search")
def search(endpoint: str) -> Response:
    """Query the resources of one type by POST (RFC 7644 section 3.4.3)."""
    return answer(_provider().query([_type(endpoint)], _search_in_body()), mimetype=media_type(request))


@scim.post("/.search")
def search_all() -> Response:
    """Query the resources of all types by POST (RFC 7644 section 3.4.3)."""
    provider = _provider()
    return answer(provider.query(provider.catalogue.types, _search_in_body()), mimetype=media_type(request))


@scim.post("/<endpoint>")
def create(endpoint: str) -> Response:
    """Create a resource (RFC 7644 section 3.3)."""
    asked, here = current()
    resource_type, mimetype = _type(endpoint), media_type(asked)
    shown = here.provider.create(resource_type, read_object(asked), _projection(resource_type, asked))
    return _written(shown, 201, mimetype, asked)


@scim.get("/<endpoint>/<resource_id>")
def read(endpoint: str, resource_id: str) -> Response:
    """Give a resource (RFC 7644 section 3.4.1), or 304 where the client has its version."""
    asked, here = current()
    resource_type, mimetype = _type(endpoint), media_type(asked)
    shown = here.provider.get(resource_type, resource_id, _projection(resource_type, asked))
    known = Condition.parse(asked.headers.get("If-None-Match"))
    if known and known.holds(shown.version):
        return empty_answer(304, shown)
    return resource_answer(shown, mimetype=mimetype)


@scim.put("/<endpoint>/<resource_id>")
def replace(endpoint: str, resource_id: str) -> Response:
    """Replace a resource (RFC 7644 section 3.5.1)."""
    asked, here = current()
    resource_type, mimetype = _type(endpoint), media_type(asked)
    payload, projection, conditions = read_object(asked), _projection(resource_type, asked), _conditions(asked)
    shown = here.provider.replace(resource_type, resource_id, payload, projection, conditions)
    return _written(shown, 200, mimetype, asked)


@scim.patch("/<endpoint>/<resource_id>")
def patch(endpoint: str, resource_id: str) -> Response:
    """Modify a resource (RFC 7644 section 3.5.2)."""
    asked, here = current()
    resource_type, mimetype = _type(endpoint), media_type(asked)
    payload, projection, conditions = read_object(asked), _projection(resource_type, asked), _conditions(asked)
    show = _shows_patched(resource_type, asked)
    shown = here.provider.patch(resource_type, resource_id, payload, projection if show else None, conditions)
    return _written(shown, 200, mimetype, asked, show=show)


@scim.delete("/<endpoint>/<resource_id>")
def delete(endpoint: str, resource_id: str) -> Response:
    """Delete a resource (RFC 7644 section 3.6)."""
    _provider().delete(_type(endpoint), resource_id, _conditions(current()[0]))
    return empty_answer()


def _provider() -> Provider:
    provider: Provider = g.provider
    return provider


def _profile() -> Profile:
    return PROFILES[g.principal.tenant.profile]


def _type(endpoint: str) -> ResourceType:
    resource_type = _provider().catalogue.at(endpoint)
    if resource_type is None:
        raise NotFound(f"There is no endpoint /{endpoint} here.")
    return resource_type


def _search_in_url() -> SearchRequest:
    try:
        unquote_to_bytes(request.query_string).decode()
    except UnicodeDecodeError:  # Flask would go on with `%FF` as text, and a filter would compare names with that
        raise InvalidValue("The query of the URL is not in UTF-8.") from None
    return SearchRequest.from_query(request.args.to_dict(flat=False), bare_words=_profile().bare_words)


def _search_in_body() -> SearchRequest:
    return SearchRequest.from_body(read_object(request), bare_words=_profile().bare_words)


def _projection(resource_type: ResourceType, asked: Request) -> Projection:
    if not asked.query_string:  # most have none, and to read that costs as much
        return Projection.parse(resource_type, None, None)
    given = once(asked.args.to_dict(flat=False))
    return Projection.parse(resource_type, names(given.get("attributes")), names(given.get("excludedAttributes")))


def _conditions(asked: Request) -> Conditions:
    headers = asked.headers
    return Conditions(Condition.parse(headers.get("If-Match")), Condition.parse(headers.get("If-None-Match")))


def _shows_patched(resource_type: ResourceType, asked: Request) -> bool:
    """Tell whether the answer to a PATCH has a body: `attributes` asks for one, a group may be too large for one."""
    if asked.query_string and any(key.lower() in ("attributes", "excludedattributes") for key in asked.args):
        return True
    preference = preference_of(asked)
    if preference:
        return preference == "representation"
    return _profile().group_patch_body or resource_type.members is None


def _written(shown: Shown, status: int, mimetype: str, asked: Request, *, show: bool = True) -> Response:
    preference = preference_of(asked)
    if not show or (preference == "minimal" and not asked.args):
        response = empty_answer(status if status == 201 else 204, shown)
    else:
        response = resource_answer(shown, status, mimetype=mimetype)
    return apply_preference(response, preference)
