"""SCIM over HTTP: each view reads the request, makes one call and returns a response (RFC 7644 section 3.2)."""

from __future__ import annotations

from collections.abc import Sequence

from flask import Blueprint, Request, Response

from app.blueprints.exchange import current, current_principal, current_provider, current_request
from app.blueprints.request.body import read_object
from app.blueprints.request.conditions import conditions_of
from app.blueprints.request.misdirected import is_endpoint, misdirected
from app.blueprints.request.prefer import apply_preference, preference_of
from app.blueprints.request.query import parameters_in
from app.blueprints.response.answers import empty_response, json_response, media_type, resource_response
from app.errors import InvalidValue
from app.protocol.profile import PROFILES, Profile
from app.protocol.search_request import SearchRequest, attribute_names, known_parameters
from app.provider import Provider, Shown
from app.schemas.resource_type import ResourceType
from app.schemas.returned import Projection

scim = Blueprint("scim", __name__, url_prefix="/v2")


@scim.get("/<endpoint>")
def query(endpoint: str) -> Response:
    """Query the resources of one type (RFC 7644 section 3.4.2)."""
    provider = current_provider()
    return _page(provider, [_type(provider, endpoint)], _search_in_url())


@scim.get("/")
def query_all() -> Response:
    """Query the resources of all types (RFC 7644 section 3.4.2.1)."""
    provider = current_provider()
    return _page(provider, provider.catalogue.types, _search_in_url())


@scim.post("/<endpoint>/.search")
def search(endpoint: str) -> Response:
    """Query the resources of one type by POST (RFC 7644 section 3.4.3)."""
    provider = current_provider()
    return _page(provider, [_type(provider, endpoint)], _search_in_body())


@scim.post("/.search")
def search_all() -> Response:
    """Query the resources of all types by POST (RFC 7644 section 3.4.3)."""
    provider = current_provider()
    return _page(provider, provider.catalogue.types, _search_in_body())


@scim.post("/<endpoint>")
def create(endpoint: str) -> Response:
    """Create a resource (RFC 7644 section 3.3)."""
    provider = current_provider()
    resource_type, mimetype = _type(provider, endpoint), media_type(current_request())
    shown = provider.create(resource_type, read_object(current_request()), _projection(resource_type))
    return _written(shown, 201, mimetype)


@scim.get("/<endpoint>/<resource_id>")
def read(endpoint: str, resource_id: str) -> Response:
    """Return a resource (RFC 7644 section 3.4.1), or 304 if the client has its version; raises PreconditionFailed."""
    provider = current_provider()
    resource_type, mimetype = _type(provider, endpoint, resource_id), media_type(current_request())
    shown = provider.get(resource_type, resource_id, _projection(resource_type))
    if conditions_of(current_request()).known(shown.version):
        return empty_response(304, shown)
    return resource_response(shown, mimetype=mimetype)


@scim.put("/<endpoint>/<resource_id>")
def replace(endpoint: str, resource_id: str) -> Response:
    """Replace a resource (RFC 7644 section 3.5.1)."""
    provider = current_provider()
    resource_type, mimetype = _type(provider, endpoint, resource_id), media_type(current_request())
    payload, projection = read_object(current_request()), _projection(resource_type)
    conditions = conditions_of(current_request())
    shown = provider.replace(resource_type, resource_id, payload, projection, conditions)
    return _written(shown, 200, mimetype)


@scim.patch("/<endpoint>/<resource_id>")
def patch(endpoint: str, resource_id: str) -> Response:
    """Modify a resource (RFC 7644 section 3.5.2)."""
    provider = current_provider()
    resource_type, mimetype = _type(provider, endpoint, resource_id), media_type(current_request())
    payload, projection = read_object(current_request()), _projection(resource_type)
    conditions = conditions_of(current_request())
    show = _wants_body(resource_type)
    shown = provider.patch(resource_type, resource_id, payload, projection if show else None, conditions)
    return _written(shown, 200, mimetype, show=show)


@scim.delete("/<endpoint>/<resource_id>")
def delete(endpoint: str, resource_id: str) -> Response:
    """Delete a resource (RFC 7644 section 3.6)."""
    provider = current_provider()
    provider.delete(_type(provider, endpoint, resource_id), resource_id, conditions_of(current_request()))
    return empty_response()


def _profile() -> Profile:
    return PROFILES[current_principal().tenant.profile]


def _type(provider: Provider, endpoint: str, resource_id: str = "") -> ResourceType:
    resource_type = provider.catalogue.at(endpoint)
    if resource_type is None:
        raise misdirected(f"The endpoint /{endpoint} does not exist.", current())
    if resource_id and is_endpoint(resource_id, provider.catalogue):
        raise misdirected(f"The endpoint /{endpoint}/{resource_id} does not exist.", current())
    return resource_type


def _page(provider: Provider, types: Sequence[ResourceType], search: SearchRequest) -> Response:
    return json_response(provider.query(types, search), mimetype=media_type(current_request()))


def _search_in_url() -> SearchRequest:
    try:
        parameters = parameters_in(current_request().query_string)
    except UnicodeDecodeError:
        raise InvalidValue("The query of the URL is not in UTF-8.", cause="bad-filter") from None
    return SearchRequest.from_query(parameters, bare_words=_profile().bare_words)


def _search_in_body() -> SearchRequest:
    return SearchRequest.from_body(read_object(current_request()), bare_words=_profile().bare_words)


def _projection(resource_type: ResourceType) -> Projection:
    request = current_request()
    if not request.query_string:  # most requests have none
        return Projection.parse(resource_type, None, None)
    parameters = known_parameters(request.args.to_dict(flat=False))
    attributes = attribute_names(parameters.get("attributes"))
    excluded = attribute_names(parameters.get("excludedAttributes"))
    if attributes and _profile().dialect:
        excluded = None  # as in a search (D-703)
    return Projection.parse(resource_type, attributes, excluded)


def _wants_body(resource_type: ResourceType) -> bool:
    """Return whether the response to a PATCH has a body: `attributes` requests one, a group may be too large."""
    request = current_request()
    if _chooses_attributes(request):
        return True
    preference = preference_of(request)
    if preference:
        return preference == "representation"
    return _profile().group_patch_body or resource_type.members is None


def _written(shown: Shown, status: int, mimetype: str, *, show: bool = True) -> Response:
    request = current_request()
    preference = preference_of(request)
    if preference == "minimal" and _chooses_attributes(request):
        preference = None
    if not show or preference == "minimal":
        response = empty_response(status if status == 201 else 204, shown)
    else:
        response = resource_response(shown, status, mimetype=mimetype)
    return apply_preference(response, preference)


def _chooses_attributes(request: Request) -> bool:
    """Return whether the URL says which attributes the response is to contain, so that it has a body."""
    names = ("attributes", "excludedattributes")
    return bool(request.query_string) and any(key.lower() in names for key in request.args)
