"""The fixtures that tests without HTTP share with those of the stores: a prepared database, and a clock."""

from tests.store.sign_on.conftest import clock, database

__all__ = ["clock", "database"]
