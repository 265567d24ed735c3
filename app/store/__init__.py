"""Where things live: the only room that knows PyMongo. `open.py` knows all of its sub-rooms; a store is made for a
tenant, and no query can be sent without one.
"""
