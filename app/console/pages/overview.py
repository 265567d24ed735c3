"""Who needs attention, and whether one customer is all right: the first pages of the console."""

from __future__ import annotations

from datetime import timedelta

from flask import Response, request

from app.advice.explain import title_of
from app.console.frame.access import Need, needs
from app.console.frame.blueprints import console
from app.console.frame.pages import page
from app.console.frame.parts import customer as this_customer
from app.console.frame.parts import parts
from app.schemas.tables.group import GROUP_TYPE
from app.schemas.tables.user import USER_TYPE
from app.store.mongo.moments import now
from app.store.operators.overview import Totals

ROWS = 50


@console.get("")
@needs(Need.SEE)
def overview() -> Response:
    """Show which customers need attention, and all of them by name."""
    reader, totals = parts().overview, parts().overview.totals()
    before = request.args.get("before", "")[:63]
    found = parts().tenants.page(before or request.args.get("after", "")[:63], ROWS + 1, before=bool(before))
    shown = found[-ROWS:] if before else found[:ROWS]
    return page(
        "overview.html", attention=reader.attention(now()), customers=reader.customers(shown, totals, now()),
        more=len(found) > ROWS, before=before, after=request.args.get("after", ""), sums=_sums(totals),
    )


@console.get("/customers/<customer>")
@needs(Need.SEE)
def customer() -> Response:
    """Show whether a customer is all right."""
    tenant, reader = this_customer(), parts().overview
    (found,) = reader.customers([tenant], reader.totals(), now(), days=28)
    return page(
        "customer.html", found=found, profile=tenant.profile, refusals=refusals_of(tenant.name),
        tenant_url=parts().config.scim_url(tenant.name),
    )


def refusals_of(tenant: str) -> list[tuple[str, str, str, int]]:
    """Return the commonest causes of refusals in seven days: cause, attribute or "", both in words, and the number."""
    causes = parts().activity.causes(tenant, now() - timedelta(days=7)).most_common(10)
    parted = [(*each.partition(" ")[::2], number) for each, number in causes]
    return [(cause, attribute, title_of(cause, attribute), number) for cause, attribute, number in parted]


def _sums(totals: Totals) -> dict[str, int]:
    """Return how many customers have resources, and how many users and groups there are."""
    return {
        "users": sum(each.number for (_, kind), each in totals.items() if kind == USER_TYPE.name),
        "groups": sum(each.number for (_, kind), each in totals.items() if kind == GROUP_TYPE.name),
    }
