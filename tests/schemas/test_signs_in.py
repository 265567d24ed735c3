"""The attributes by which the user who signs in may be found."""

from app.schemas.storage.collection import indexed_fields
from app.schemas.storage.columns import columns
from app.schemas.tables.user import USER_TYPE


def test_sso_60_the_allowed_attributes_are_those_of_the_column():
    assert USER_TYPE.signs_in == {"userName": "userName", "externalId": "externalId", "emails": "emails.value"}


def test_each_of_them_has_an_index():
    resolve = columns(USER_TYPE)
    assert {resolve(path).field for path in USER_TYPE.signs_in.values()} <= indexed_fields(USER_TYPE).keys()
