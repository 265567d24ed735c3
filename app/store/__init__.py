"""Where things live: the only room that imports PyMongo, except for `embedded`, which asks mongod whether it runs.

`open.py` is the only module that knows all sub-rooms. A store is made for a tenant: no query can be sent without one.
"""
