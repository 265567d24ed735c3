"""The attribute tables of the RFC, one module for each resource.

The law of this room: a table says what an attribute is; what follows from that is computed elsewhere.
"""
