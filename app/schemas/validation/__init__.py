"""Which payloads are valid: the tables as Marshmallow schemas.

The law of this room: Marshmallow is known here only, and no error repeats a value.
"""
