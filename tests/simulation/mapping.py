"""What Entra makes of a person: the article's attribute mappings, and the bodies of its two dialects."""

from __future__ import annotations

from typing import Any

from tests.simulation.directory import Address, Person

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
PATCH_OP = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
MANAGER = f"{ENTERPRISE}:manager"

Values = dict[str, Any]
"""Target attribute, as the admin sees it in the mapping -> value."""


def mapped(person: Person) -> Values:
    """Apply the mappings; a source attribute without a value gives no target attribute (quirk 28)."""
    values: Values = {
        "userName": person.upn,
        "active": not person.soft_deleted,
        "displayName": person.display_name,
        "title": person.job_title,
        'emails[type eq "work"].value': person.mail,
        'emails[type eq "other"].value': person.other_mail,
        "preferredLanguage": person.language,
        "name.givenName": person.given_name,
        "name.familyName": person.surname,
        "name.formatted": person.full_name,
        "name.honorificPrefix": person.prefix,
        "name.honorificSuffix": person.suffix,
        'phoneNumbers[type eq "work"].value': person.phone,
        'phoneNumbers[type eq "mobile"].value': person.mobile,
        'phoneNumbers[type eq "fax"].value': person.fax,
        "externalId": person.object_id,
        f"{ENTERPRISE}:employeeNumber": person.employee_id,
        f"{ENTERPRISE}:department": person.department,
    }
    values |= address("work", person.office) | address("other", person.home)
    return {path: value for path, value in values.items() if value not in (None, "")}


def address(kind: str, source: Address) -> Values:
    """Apply the mappings of one address."""
    parts = {
        "formatted": source.formatted, "streetAddress": source.street, "locality": source.city, "region": source.state,
        "postalCode": source.postal_code, "country": source.country,
    }  # fmt: skip
    return {f'addresses[type eq "{kind}"].{name}': value for name, value in parts.items()}


def create_body(values: Values) -> dict[str, Any]:
    """Return the body of a POST: both URNs, client meta, empty roles."""
    body: dict[str, Any] = {"schemas": [USER, ENTERPRISE], "meta": {"resourceType": "User"}, "roles": []}
    for path, value in values.items():
        if "[" in path:
            name, kind, sub = path.replace('[type eq "', "|").replace('"].', "|").split("|")
            elements = body.setdefault(name, [])
            element = next((each for each in elements if each["type"] == kind), None)
            if element is None:
                element = {"primary": kind == "work", "type": kind} if name == "emails" else {"type": kind}
                elements.append(element)
            element[sub] = value
        elif path.startswith(ENTERPRISE):
            body.setdefault(ENTERPRISE, {})[path.removeprefix(ENTERPRISE + ":")] = value
        elif "." in path:
            name, sub = path.split(".")
            body.setdefault(name, {})[sub] = value
        else:
            body[path] = value
    return body


def patch(*operations: dict[str, Any]) -> dict[str, Any]:
    """Return the body of a PATCH."""
    return {"schemas": [PATCH_OP], "Operations": list(operations)}


class Default:
    """The dialect without the flag: PascalCase, a path in every operation, booleans as texts."""

    name = "default"

    def update(self, before: Values, now: Values) -> list[dict[str, Any]]:
        """Return the operations that bring a user from `before` to `now`."""
        changed = {path: value for path, value in now.items() if before.get(path) != value}
        return [
            {"op": "Replace" if path in before else "Add", "path": path, "value": str(value) if path == "active" else value}
            for path, value in changed.items()
        ]

    def set_manager(self, manager: str, *, first: bool) -> dict[str, Any]:
        """Return the operation that sets the manager."""
        return {"op": "Add" if first else "Replace", "path": MANAGER, "value": manager}

    def clear_manager(self) -> dict[str, Any]:
        """Return the operation that takes the manager away."""
        return {"op": "Remove", "path": MANAGER}

    def rename(self, display_name: str) -> dict[str, Any]:
        """Return the operation that renames a group."""
        return {"op": "Replace", "path": "displayName", "value": display_name}

    def add_members(self, members: list[str]) -> list[dict[str, Any]]:
        """Return the operations that add members."""
        return [{"op": "Add", "path": "members", "value": [{"$ref": None, "value": member} for member in members]}]

    def remove_members(self, members: list[str]) -> list[dict[str, Any]]:
        """Return the operations that remove members and leave the others alone."""
        return [{"op": "Remove", "path": "members", "value": [{"$ref": None, "value": member} for member in members]}]


class Flag(Default):
    """The dialect of `aadOptscim062020`: lower case, real booleans, one operation without a path."""

    name = "flag"

    def update(self, before: Values, now: Values) -> list[dict[str, Any]]:
        """Return the operations that bring a user from `before` to `now`."""
        changed = {path: value for path, value in now.items() if before.get(path) != value}
        apart = {path: value for path, value in changed.items() if "[" in path}
        together = {path: value for path, value in changed.items() if "[" not in path}
        if list(together) == ["active"]:
            apart, together = apart | together, {}
        operations: list[dict[str, Any]] = [
            {"op": "replace" if path in before else "add", "path": path, "value": value} for path, value in apart.items()
        ]
        return operations + ([{"op": "replace", "value": together}] if together else [])

    def set_manager(self, manager: str, *, first: bool) -> dict[str, Any]:
        return {"op": "add" if first else "replace", "path": MANAGER, "value": {"value": manager}}

    def clear_manager(self) -> dict[str, Any]:
        return {"op": "replace", "path": MANAGER, "value": ""}

    def rename(self, display_name: str) -> dict[str, Any]:
        return {"op": "replace", "value": {"displayName": display_name}}

    def add_members(self, members: list[str]) -> list[dict[str, Any]]:
        return [{"op": "add", "path": "members", "value": [{"value": member} for member in members]}]

    def remove_members(self, members: list[str]) -> list[dict[str, Any]]:
        return [{"op": "remove", "path": f'members[value eq "{member}"]'} for member in members]
