"""Which payloads are valid: bytes as JSON objects, and the tables as Marshmallow schemas.

The law of this room: Marshmallow is known here only, and the detail of no error repeats a value.
"""
